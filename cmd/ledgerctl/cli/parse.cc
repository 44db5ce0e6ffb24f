// The one file that includes CLI11, which costs seconds to compile.
//
// Noun and verb are found before CLI11 sees a word, so it parses one flat list of flags: a value
// that equals a command (`log append health`) cannot be taken for one.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cassert>
#include <span>

#include "cli/args.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

std::string shown(std::string_view word) {
  return escaped(word, Escape::line);
}

/// 0 where a flag has none.
char letter_of(const Flag& flag) {
  return flag.name.size() == 2 ? flag.name[1] : flag.letter;
}

/// The flag that `word` names, `--from=3` and `-n10` included.
const Flag* flag_named(std::string_view word, const std::vector<Flag>& flags) {
  for (const Flag& flag : flags) {
    if (word.starts_with("--") ? word.substr(0, word.find('=')) == flag.name
                               : word.size() > 1 && word[1] == letter_of(flag)) {
      return &flag;
    }
  }
  return nullptr;
}

bool is_flag(std::string_view word) {
  return word.size() > 1 && word[0] == '-';
}

/// True where the flag's value is the next word: `--from 3`, `-n 10`, `-vn 10`.
bool takes_next(std::string_view word, const std::vector<Flag>& flags) {
  if (word.starts_with("--")) {
    const Flag* flag = flag_named(word, flags);
    return flag && !flag->value.empty() && word.find('=') == std::string_view::npos;
  }
  for (size_t i = 1; i < word.size(); ++i) {
    const Flag* flag = flag_named(std::string{'-', word[i]}, flags);
    if (!flag) return false;
    if (!flag->value.empty()) return i + 1 == word.size();
  }
  return false;
}

/// `-vh` holds the letter h.
bool has_letter(std::string_view word, char letter, const std::vector<Flag>& flags) {
  if (!is_flag(word) || word[1] == '-') return false;
  for (char c : word.substr(1)) {
    if (c == letter) return true;
    const Flag* flag = flag_named(std::string{'-', c}, flags);
    if (!flag || !flag->value.empty()) return false;
  }
  return false;
}

std::vector<Flag> all_flags(const Command* command) {
  std::vector<Flag> flags = global_flags();
  if (command) flags.insert(flags.end(), command->flags.begin(), command->flags.end());
  return flags;
}

auto unknown_command(std::string_view what, std::string_view word,
                     const std::vector<std::string>& candidates, std::string_view see) {
  const std::optional<std::string> near = nearest(word, candidates);
  return fail(Code::unknown_command, fmt::format("no command '{}'", shown(what)),
              near ? fmt::format("did you mean '{}'?", *near) : fmt::format("see '{}'", see));
}

auto not_built(std::string_view what) {
  return fail(Code::not_built, fmt::format("'{}' is not in this version", what),
              "'ledgerctl help' lists what is");
}

/// The words up to `--` that are flags, and what those look for.
struct Wish {
  bool help = false;
  bool version = false;
};

Wish wishes(const std::vector<std::string>& words, const std::vector<Flag>& flags) {
  Wish wish;
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    wish.help |= words[i] == "--help" || has_letter(words[i], 'h', flags);
    wish.version |= words[i] == "--version";
    if (is_flag(words[i]) && takes_next(words[i], flags)) ++i;
  }
  return wish;
}

auto unknown_flag(std::string_view word, std::string_view of, const std::vector<Flag>& flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) names.emplace_back(flag.name);
  const std::optional<std::string> near = nearest(word, names);
  const std::string see = of.empty() ? "ledgerctl help" : fmt::format("ledgerctl help {}", of);
  return fail(Code::usage,
              of.empty() ? fmt::format("unknown flag '{}'", shown(word))
                         : fmt::format("unknown flag '{}' for '{}'", shown(word), of),
              near ? fmt::format("did you mean {}?", *near) : fmt::format("see '{}'", see));
}

/// Takes the next word that is no flag out of the request's words, from `at` on. Only global flags
/// can stand before it.
Result<std::optional<std::string>> take_word(Request& request, size_t& at) {
  std::vector<std::string>& words = request.words;
  for (; at < words.size() && words[at] != "--"; ++at) {
    if (!is_flag(words[at])) {
      std::string word = std::move(words[at]);
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
      return word;
    }
    if (!flag_named(words[at], global_flags())) {
      request.bad_flag = true;
      const std::string name = words[at].substr(0, words[at].find('='));
      if (is_later_flag("", name)) return not_built(name);
      return unknown_flag(name, request.noun ? request.noun->name : "", global_flags());
    }
    if (takes_next(words[at], global_flags())) ++at;
  }
  return std::nullopt;
}

Result<void> find_verb(Request& request, size_t at) {
  const Noun& noun = *request.noun;
  if (!noun.has_verbs()) {
    request.command = &noun.commands[0];
    return {};
  }
  const std::optional<std::string> verb = TRY(take_word(request, at));
  if (!verb) return {};
  std::vector<std::string> verbs;
  for (const Command& command : noun.commands) {
    verbs.emplace_back(command.path.substr(noun.name.size() + 1));
    if (verbs.back() == *verb) request.command = &command;
  }
  if (request.command) return {};
  const std::string path = fmt::format("{} {}", noun.name, *verb);
  if (is_later_command(path)) return not_built(path);
  for (std::string& name : verbs) name = fmt::format("{} {}", noun.name, name);
  return unknown_command(path, path, verbs, fmt::format("ledgerctl help {}", noun.name));
}

Result<void> find_noun(Request& request) {
  size_t at = 0;
  const std::optional<std::string> word = TRY(take_word(request, at));
  if (!word) return {};
  std::vector<std::string> nouns;
  for (const Noun& noun : tree()) {
    nouns.emplace_back(noun.name);
    if (noun.name == *word) request.noun = &noun;
  }
  if (request.noun) return find_verb(request, at);
  if (is_later_noun(*word)) {
    const Result<std::optional<std::string>> verb = take_word(request, at);
    request.bad_flag = false;
    const std::string path = verb && *verb ? fmt::format("{} {}", *word, **verb) : *word;
    return not_built(is_later_command(path) ? path : *word);
  }
  return unknown_command(*word, *word, nouns, "ledgerctl help");
}

}  // namespace

Result<Request> find_request(const std::vector<std::string>& words) {
  Request request{.words = words};
  const Result<void> found = find_noun(request);
  const Wish wish = wishes(words, all_flags(request.command));
  if (wish.help && (found || request.bad_flag)) {
    request.kind = Request::Kind::help;
  } else if (wish.version) {
    request.kind = Request::Kind::version;
  } else if (!found) {
    return tl::unexpected(found.error());
  } else if (!request.command) {
    request.kind = Request::Kind::bare;
  }
  return request;
}

size_t Args::count(std::string_view flag) const {
  const auto found = flags_.find(flag);
  assert(found != flags_.end());
  return found->second.size();
}

std::optional<std::string> Args::value(std::string_view flag) const {
  const std::vector<std::string> all = values(flag);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

std::vector<std::string> Args::values(std::string_view flag) const {
  const auto found = flags_.find(flag);
  assert(found != flags_.end());
  return found->second;
}

namespace {

/// What CLI11 is shown: the words before `--`, last one first as it wants them. It takes `--memo=`
/// for a flag whose value is the next word, so a value after `=` becomes a word of its own.
std::vector<std::string> reversed(std::span<const std::string> words,
                                  const std::vector<Flag>& flags) {
  std::vector<std::string> out;
  for (const std::string& word : words) {
    const Flag* flag = word.starts_with("--") ? flag_named(word, flags) : nullptr;
    const size_t equals = word.find('=');
    const bool split = flag && !flag->value.empty() && equals != std::string::npos;
    out.push_back(split ? word.substr(0, equals) : word);
    if (split) out.push_back(word.substr(equals + 1));
  }
  std::ranges::reverse(out);
  return out;
}

/// Where `--` stands, unless it is a flag's value.
size_t flags_end(const std::vector<std::string>& words, const std::vector<Flag>& flags) {
  size_t at = 0;
  while (at < words.size() && words[at] != "--") {
    at += is_flag(words[at]) && takes_next(words[at], flags) ? 2 : 1;
  }
  return std::min(at, words.size());
}

/// One option of CLI11 for each flag, in their order; values are not interpreted.
std::vector<CLI::Option*> add_options(CLI::App& app, const std::vector<Flag>& flags) {
  std::vector<CLI::Option*> options;
  for (const Flag& flag : flags) {
    std::string names(flag.name);
    if (flag.letter != 0) names += std::string(",-") + flag.letter;
    CLI::Option* option = flag.value.empty()
                              ? app.add_flag(names)->disable_flag_override()
                              : app.add_option(names)->expected(1)->allow_extra_args(false);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (flag.many) option->delimiter(',');
    options.push_back(option);
  }
  return options;
}

/// Which flag a mismatch is about, which CLI11 tells in its sentence only.
auto mismatch(const Command& command, const std::vector<Flag>& flags, std::string_view sentence) {
  for (const Flag& flag : flags) {
    if (sentence.starts_with(fmt::format("{}:", flag.name))) {
      return fail(Code::usage, fmt::format("{} needs a value", flag.name),
                  fmt::format("write {} {}", flag.name, flag.value));
    }
    if (sentence.starts_with(fmt::format("{} ", flag.name.substr(2)))) {
      return fail(Code::usage, fmt::format("{} takes no value", flag.name),
                  fmt::format("see 'ledgerctl help {}'", command.path));
    }
  }
  return fail(Code::usage, "a flag has too few or too many values",
              fmt::format("see 'ledgerctl help {}'", command.path));
}

Result<void> check_count(const Command& command, const std::vector<std::string>& arguments) {
  const std::string usage = fmt::format("usage: ledgerctl {}{}{}", command.path,
                                        command.synopsis.empty() ? "" : " ", command.synopsis);
  if (arguments.size() > command.arguments.max) {
    return fail(Code::usage,
                fmt::format("unexpected argument '{}' for '{}'",
                            shown(arguments[command.arguments.max]), command.path),
                usage);
  }
  if (arguments.size() < command.arguments.min) {
    return fail(Code::usage, fmt::format("'{}' needs {}", command.path, command.arguments.name),
                usage);
  }
  return {};
}

}  // namespace

Result<Args> parse(const Command& command, const std::vector<std::string>& words) {
  const std::vector<Flag> flags = all_flags(&command);
  const size_t end = flags_end(words, flags);
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const std::vector<CLI::Option*> options = add_options(app, flags);
  try {
    app.parse(reversed(std::span(words).first(end), flags));
  } catch (const CLI::ArgumentMismatch& error) {
    return mismatch(command, flags, error.what());
  } catch (const CLI::ParseError& error) {
    return fail(Code::usage, shown(error.what()),
                fmt::format("see 'ledgerctl help {}'", command.path));
  }

  Args args;
  for (size_t i = 0; i < flags.size(); ++i) {
    args.flags_.emplace(flags[i].name, options[i]->results());
  }
  for (const std::string& extra : app.remaining()) {
    const std::string name = extra.substr(0, extra.find('='));
    if (!is_flag(extra)) {
      args.arguments_.push_back(extra);
    } else if (is_later_flag(command.path, name)) {
      return not_built(fmt::format("{} {}", command.path, name));
    } else {
      return unknown_flag(name, command.path, flags);
    }
  }
  args.plain_ = args.arguments_.size();
  for (size_t i = end + 1; i < words.size(); ++i) args.arguments_.push_back(words[i]);
  TRY(check_count(command, args.arguments_));
  return args;
}

}  // namespace ledger::cli
