// ledgerctl completion: a few lines for each shell, which ask the program itself.
#include "completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/context.h"
#include "dev/state.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

constexpr std::string_view bash_script =
    R"(# ledgerctl's completion for bash: source <(ledgerctl completion bash)
_ledgerctl() {
  local IFS=$'\n'
  local word words=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    [ "$word" = "=" ] || words+=("$word")
  done
  [ "${COMP_WORDS[COMP_CWORD]}" != "=" ] || words+=("")
  COMPREPLY=($(command "${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null | cut -f 1))
}
complete -o default -F _ledgerctl ledgerctl
)";

constexpr std::string_view zsh_script = R"(#compdef ledgerctl
# ledgerctl's completion for zsh: source <(ledgerctl completion zsh), after compinit
_ledgerctl() {
  local value text
  local -a candidates
  while IFS=$'\t' read -r value text; do
    candidates+=("${value//:/\\:}:$text")
  done < <(command $words[1] __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#candidates )); then
    _describe ledgerctl candidates
  else
    _files
  fi
}
if [ "$funcstack[1]" = _ledgerctl ]; then _ledgerctl "$@"; else compdef _ledgerctl ledgerctl; fi
)";

constexpr std::string_view fish_script =
    R"(# ledgerctl's completion for fish: ledgerctl completion fish | source
function __ledgerctl_complete
  set -l before (commandline -opc)
  set -l word (commandline -ct)
  set -l found (command $before[1] __complete $before[2..] "$word" 2>/dev/null)
  if set -q found[1]
    printf '%s\n' $found
  else
    __fish_complete_path "$word"
  end
end
complete -c ledgerctl -f -a '(__ledgerctl_complete)'
)";

/// Candidates that begin as the word does, each once.
class Candidates {
 public:
  explicit Candidates(std::string_view prefix) : prefix_(prefix) {}

  void add(std::string_view value, std::string_view text) {
    if (!value.starts_with(prefix_)) return;
    lines_ += fmt::format("{}\t{}\n", value, text);
  }
  std::string text() const { return lines_; }

 private:
  std::string prefix_;
  std::string lines_;
};

std::vector<Flag> flags_of(const Command* command) {
  std::vector<Flag> flags = global_flags();
  if (command) flags.insert(flags.end(), command->flags.begin(), command->flags.end());
  return flags;
}

const Flag* flag_named(std::string_view word, const std::vector<Flag>& flags) {
  const auto found = std::ranges::find_if(flags, [&](const Flag& flag) {
    return flag.name == word ||
           (word.size() == 2 && word[0] == '-' && flag.letter != 0 && word[1] == flag.letter);
  });
  return found == flags.end() ? nullptr : &*found;
}

/// What the words before the cursor say.
struct Place {
  const Noun* noun = nullptr;
  const Command* command = nullptr;
  const Flag* flag = nullptr;  ///< Whose value the word at the cursor is.
  std::vector<Flag> flags = global_flags();
  std::optional<std::string> dev;
  bool odd = false;  ///< A word that is no command.
};

Place read(const std::vector<std::string>& words) {
  Place place;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() > 1 && word[0] == '-') {
      const Flag* flag = flag_named(word, place.flags);
      if (!flag || flag->value.empty()) continue;
      if (i + 2 == words.size()) {
        place.flag = flag;
      } else {
        ++i;
        if (flag->name == "--dev") place.dev = words[i];
      }
      continue;
    }
    if (place.command) continue;
    if (!place.noun) {
      for (const Noun& noun : tree()) {
        if (noun.name == word) place.noun = &noun;
      }
      place.odd |= !place.noun;
      if (place.noun && !place.noun->has_verbs()) place.command = &place.noun->commands[0];
    } else {
      for (const Command& command : place.noun->commands) {
        if (command.path.substr(place.noun->name.size() + 1) == word) place.command = &command;
      }
      place.odd |= !place.command;
    }
    // Flags of the command may stand in `flag`'s place only once all are known.
    place.flags = flags_of(place.command);
  }
  return place;
}

void add_clusters(Candidates& candidates) {
  for (const dev::Place& place : dev::known_places()) {
    candidates.add(place.name(), place.runs().value_or(false) ? "running" : "stopped");
  }
}

/// Nodes of the cluster that is meant; where that is not clear, of all.
void add_nodes(Candidates& candidates, const std::optional<std::string>& cluster) {
  std::vector<std::string> told;
  for (const dev::Place& place : dev::known_places()) {
    if (cluster && *cluster != place.name()) continue;
    const Result<dev::Seen> seen = dev::see(place);
    if (!seen || (!cluster && !seen->runs)) continue;
    for (const dev::NodeState& node : seen->state.nodes) {
      if (std::ranges::find(told, node.name) != told.end()) continue;
      told.push_back(node.name);
      candidates.add(node.name, fmt::format("{}, {}", dev::name(node.state), node.rpc));
    }
  }
}

/// The value of a flag: one of its choices, or what is known here.
void add_values(Candidates& candidates, const Place& place) {
  std::string_view rest = place.flag->value;
  if (place.flag->name == "--dev") return add_clusters(candidates);
  if (place.flag->name == "--to" && place.command->path == "member transfer-leadership") {
    return add_nodes(candidates, place.dev);
  }
  if (rest.find('|') == std::string_view::npos) return;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('|'), rest.size());
    candidates.add(rest.substr(0, end), place.flag->text);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void add_arguments(Candidates& candidates, const Place& place) {
  const std::string_view path = place.command->path;
  const std::string_view argument = place.command->arguments.name;
  if (path == "completion") {
    for (const char* shell : {"bash", "zsh", "fish"}) candidates.add(shell, "shell");
  } else if (path == "help") {
    for (const Noun& noun : tree()) candidates.add(noun.name, noun.summary);
  } else if (path.starts_with("dev ") && (argument == "NODE" || argument == "GROUP")) {
    add_nodes(candidates, place.dev);
    if (path == "dev logs") return;
    candidates.add("leader", "who leads now");
    candidates.add("followers", "all who follow now");
    candidates.add("any-follower", "one who follows now");
    candidates.add("all", "every node");
  } else if (path.starts_with("member ") && !argument.empty()) {
    add_nodes(candidates, place.dev);
  }
}

Outcome run(Context& context) {
  if (context.settings.json_by_flag) {
    return fail(Code::usage, "a completion is a shell's script, not JSON", "leave -o out");
  }
  const std::string shell =
      TRY(parse_choice("completion", context.args.arguments()[0], "bash|zsh|fish"));
  TRY(context.out.print(shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script));
  return 0;
}

}  // namespace

std::string complete(const std::vector<std::string>& words) {
  if (words.empty()) return "";
  Candidates candidates(words.back());
  const Place place = read(words);
  if (place.odd) return "";
  if (place.flag) {
    add_values(candidates, place);
  } else if (words.back().starts_with('-')) {
    for (const Flag& flag : place.flags) candidates.add(flag.name, flag.text);
  } else if (place.command) {
    add_arguments(candidates, place);
  } else if (place.noun) {
    for (const Command& command : place.noun->commands) {
      candidates.add(command.path.substr(place.noun->name.size() + 1), command.summary);
    }
  } else {
    for (const Noun& noun : tree()) candidates.add(noun.name, noun.summary);
  }
  return candidates.text();
}

Noun completion_noun() {
  return {
      "completion",
      "Print what completes commands in a shell",
      {{.path = "completion",
        .summary = "Print what completes commands in a shell",
        .synopsis = "bash|zsh|fish",
        .examples = {"source <(ledgerctl completion bash)", "ledgerctl completion fish | source"},
        .arguments = {"bash|zsh|fish", 1, 1},
        .notes = "Installed packages bring it along. Names of dev clusters and their nodes are\n"
                 "completed too, from local files.",
        .target = Target::none,
        .run = run}}};
}

}  // namespace ledger::cli
