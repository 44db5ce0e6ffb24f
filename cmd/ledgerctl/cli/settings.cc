#include "cli/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cli/text.h"

namespace ledger::cli {
namespace {

constexpr std::string_view default_endpoint = "127.0.0.1:17400";

constexpr auto variables = std::to_array<std::string_view>(
    {"LEDGERCTL_ENDPOINT", "LEDGERCTL_DEV", "LEDGERCTL_TIMEOUT", "LEDGERCTL_OUTPUT",
     "LEDGERCTL_CONFIG", "LEDGERCTL_TLS_CA", "LEDGERCTL_TLS_CERT", "LEDGERCTL_TLS_KEY",
     "LEDGERCTL_TLS_SERVER_NAME", "LEDGERCTL_LIFELINE_FD", "LEDGERCTL_PARENT",
     "LEDGERCTL_VERDICT_FD"});

/// Variables and keys that choose another target than `--endpoint` can, in a later version: acting
/// on the default one instead would answer about the wrong cluster.
constexpr auto later_variables = std::to_array<const char*>(
    {"LEDGERCTL_TLS_CA", "LEDGERCTL_TLS_CERT", "LEDGERCTL_TLS_KEY", "LEDGERCTL_TLS_SERVER_NAME"});
constexpr auto later_keys =
    std::to_array<const char*>({"tls.ca", "tls.cert", "tls.key", "tls.server_name"});

struct Text {
  std::string text;
  std::string where;
};

/// The value that wins, and where it stands.
std::optional<Text> winner(const Args& args, std::string_view flag, const char* environment,
                           const std::optional<Config>& config, std::string_view key) {
  if (auto value = args.value(flag)) return Text{*value, std::string(flag)};
  if (environment) {
    if (auto value = variable(environment)) return Text{*value, environment};
  }
  if (config) {
    if (const Config::Value* value = config->find(key)) return Text{value->texts[0], value->where};
  }
  return std::nullopt;
}

/// A wrong value in the file is the file's fault: 78 instead of 64.
template <class T>
Result<T> blame(Result<T> result, const std::optional<Config>& config, const std::string& where) {
  if (!result && config && where.starts_with(config->path() + ":")) {
    result.error().code = Code::config_invalid;
  }
  return result;
}

Checked<std::optional<Config>> find_config(const Args& args) {
  std::optional<std::string> named = args.value("--config");
  if (!named) named = variable("LEDGERCTL_CONFIG");
  if (named) return TRY(read_config(*named));
  std::vector<std::string> paths;
  if (const auto home = variable("XDG_CONFIG_HOME")) {
    paths.push_back(*home + "/ledgerctl/config.toml");
  } else if (const auto user = variable("HOME")) {
    paths.push_back(*user + "/.config/ledgerctl/config.toml");
  }
  paths.emplace_back("/etc/ledgerctl/config.toml");
  for (const std::string& path : paths) {
    if (access(path.c_str(), F_OK) == 0) return TRY(read_config(path));
  }
  return std::nullopt;
}

auto target_not_built(std::string_view what) {
  return fail(Code::not_built, fmt::format("'{}' is not in this version", what),
              "take it away, and name the node by --endpoint HOST:PORT");
}

Result<void> refuse_both(Code code, std::string_view one, std::string_view other) {
  return fail(code, fmt::format("both {} and {} choose a target", one, other), "keep one of them");
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> texts;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    texts.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return texts;
}

/// Who is meant: addresses, or a dev cluster. The first of line, environment and file that says
/// either; nobody may say both in one place.
struct Aim {
  std::vector<std::string> endpoints;
  std::optional<std::string> dev;
  std::string where;  ///< Where the endpoints stand.

  bool chosen() const { return !endpoints.empty() || dev; }
};

Result<Aim> choose_target(const std::optional<Config>& config, const Args& args) {
  Aim target{args.values("--endpoint"), args.value("--dev"), "--endpoint"};
  if (!target.endpoints.empty() && target.dev) {
    TRY(refuse_both(Code::ambiguous_target, "--endpoint", "--dev"));
  }
  if (target.chosen()) return target;
  const auto listed = variable("LEDGERCTL_ENDPOINT");
  target = {listed ? split(*listed) : std::vector<std::string>(), variable("LEDGERCTL_DEV"),
            "LEDGERCTL_ENDPOINT"};
  if (!target.endpoints.empty() && target.dev) {
    TRY(refuse_both(Code::ambiguous_target, "LEDGERCTL_ENDPOINT", "LEDGERCTL_DEV"));
  }
  if (target.chosen() || !config) return target;
  const Config::Value* endpoint = config->find("endpoint");
  const Config::Value* dev = config->find("dev");
  if (endpoint && dev) {
    TRY(refuse_both(Code::config_invalid, "'endpoint'", "'dev' in " + config->path()));
  }
  if (endpoint) target = {endpoint->texts, std::nullopt, endpoint->where};
  if (dev) target.dev = dev->texts[0];
  return target;
}

Result<void> settle_target(Settings& settings, const Command& command, const Args& args) {
  if (command.target == Target::none) {
    // Commands about dev clusters ask which one, and no more.
    settings.dev = args.value("--dev");
    if (!settings.dev) settings.dev = variable("LEDGERCTL_DEV");
    const Config::Value* dev = settings.config ? settings.config->find("dev") : nullptr;
    if (!settings.dev && dev) settings.dev = dev->texts[0];
    return {};
  }
  for (const char* name : later_variables) {
    if (variable(name)) return target_not_built(name);
  }
  for (const char* key : later_keys) {
    if (settings.config && settings.config->find(key)) {
      return target_not_built(fmt::format("{} in {}", key, settings.config->path()));
    }
  }
  Aim target = TRY(choose_target(settings.config, args));
  settings.dev = std::move(target.dev);
  settings.endpoints_given = !target.endpoints.empty();
  if (target.endpoints.empty()) target.endpoints.emplace_back(default_endpoint);
  for (const std::string& text : target.endpoints) {
    settings.endpoints.push_back(
        TRY(blame(parse_endpoint(target.where, text), settings.config, target.where)));
  }
  return {};
}

bool wants_color(std::string_view choice) {
  if (choice != "auto") return choice == "always";
  return isatty(STDERR_FILENO) == 1 && !variable("NO_COLOR") &&
         variable("TERM") != std::string("dumb");
}

std::vector<std::string> find_unknown_variables() {
  std::vector<std::string> unknown;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.starts_with("LEDGERCTL_") && std::ranges::find(variables, name) == variables.end()) {
      unknown.emplace_back(name);
    }
  }
  std::ranges::sort(unknown);
  return unknown;
}

}  // namespace

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<Duration> Settings::timeout(Deadline deadline) const {
  Duration limit = std::chrono::seconds(30);
  if (deadline == Deadline::ordinary) limit = timeout_ordinary.value_or(std::chrono::seconds(5));
  if (timeout_flag) limit = *timeout_flag;
  if (deadline == Deadline::none || limit == Duration(0)) return std::nullopt;
  return limit;
}

Checked<Settings> settle(const Command& command, const Args& args) {
  Settings settings;
  settings.unknown_variables = find_unknown_variables();
  settings.json_by_flag = args.value("--output") == "json";
  const bool prose = command.path == "help";  // Help must work under any environment or file.
  if (!prose) settings.config = TRY(find_config(args));

  if (const auto text = winner(args, "--output", prose ? nullptr : "LEDGERCTL_OUTPUT",
                               settings.config, "output")) {
    settings.json = TRY(blame(parse_choice(text->where, text->text, "text|json"), settings.config,
                              text->where)) == "json";
  }
  std::string color = "auto";
  if (const auto text = winner(args, "--color", nullptr, settings.config, "color")) {
    color = TRY(blame(parse_choice(text->where, text->text, "auto|always|never"), settings.config,
                      text->where));
    // NO_COLOR is the environment's word, and stands above the file's.
    if (text->where != "--color" && variable("NO_COLOR")) color = "never";
  }
  if (const auto text = args.value("--timeout")) {
    settings.timeout_flag = TRY(parse_duration("--timeout", *text));
  }
  if (const auto text =
          winner(args, "--timeout", "LEDGERCTL_TIMEOUT", settings.config, "timeout")) {
    settings.timeout_ordinary =
        TRY(blame(parse_duration(text->where, text->text), settings.config, text->where));
  }
  settings.style = {.json = settings.json,
                    .quiet = args.has("--quiet"),
                    .verbose = static_cast<int>(args.count("--verbose")),
                    .color = wants_color(color)};
  TRY(settle_target(settings, command, args));
  return settings;
}

Report::Style guess_style(const std::vector<std::string>& words) {
  Report::Style style{.json = variable("LEDGERCTL_OUTPUT") == std::string("json"),
                      .color = wants_color("auto")};
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string_view word = words[i];
    const std::string_view next = i + 1 < words.size() ? std::string_view(words[i + 1]) : "";
    if (word == "-o" || word == "--output") {
      style.json = next == "json";
    } else if (word == "-ojson" || word == "--output=json") {
      style.json = true;
    } else if (word == "--color=never" || (word == "--color" && next == "never")) {
      style.color = false;
    } else if (word == "--verbose") {
      ++style.verbose;
    } else if (word.size() > 1 && word[0] == '-' &&
               word.find_first_not_of("qv", 1) == std::string_view::npos) {
      style.verbose += static_cast<int>(std::ranges::count(word, 'v'));
    }
  }
  return style;
}

}  // namespace ledger::cli
