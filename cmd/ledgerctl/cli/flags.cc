// The flags of every command, and what is promised for later.
#include <algorithm>
#include <array>

#include "cli/command.h"
namespace ledger::cli {
namespace {

constexpr auto later_commands = std::to_array<std::string_view>({
    "log checkpoint", "log diff",        "log redact",  "account set",    "account close",
    "account reopen", "account history", "tx settle",   "tx reverse",     "tx import",
    "tx explain",     "tx prove",        "prove check", "replay what-if", "backup create",
    "backup verify",  "backup restore",  "tls init",    "doctor",
});

struct LaterFlag {
  std::string_view path;  ///< Empty: of every command.
  std::string_view flag;
};

constexpr auto later_flags = std::to_array<LaterFlag>({
    {"", "--tls-ca"},
    {"", "--tls-cert"},
    {"", "--tls-key"},
    {"", "--tls-server-name"},
    {"node start", "--check"},
    {"account show", "--at"},
    {"account show", "--effective"},
    {"tx post", "--pending"},
    {"tx post", "--expires-in"},
    {"tx post", "--at-most"},
    {"tx post", "--dry-run"},
    {"tx show", "--final"},
    {"tx list", "--journal"},
    {"replay run", "--backup"},
    {"replay run", "--rate"},
    {"dev up", "--tls"},
    {"dev up", "--from"},
    {"dev up", "--to"},
});

}  // namespace

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> flags = {
      {"--endpoint", "HOST:PORT[,…]", "rpc address of any member; repeatable", 'e', true},
      {"--dev", "NAME", "talk to the dev cluster of this name"},
      {"--timeout", "DUR", "deadline; 0: none", 't'},
      {"--output", "text|json", "what stdout is for: people or programs", 'o'},
      {"--quiet", "", "errors only on stderr", 'q'},
      {"--verbose", "", "say the steps; -vv adds gRPC and SQL detail", 'v'},
      {"--color", "auto|always|never", "colour on stderr"},
      {"--config", "FILE", "configuration file"},
      {"--help", "", "help; wins over everything else", 'h'},
      {"--version", "", "version; wins over everything else"},
  };
  return flags;
}

bool is_later_noun(std::string_view noun) {
  return std::ranges::any_of(later_commands, [&](std::string_view path) {
    return path.substr(0, path.find(' ')) == noun;
  });
}

bool is_later_command(std::string_view path) {
  return std::ranges::find(later_commands, path) != later_commands.end();
}

bool is_later_flag(std::string_view path, std::string_view flag) {
  return std::ranges::any_of(later_flags, [&](const LaterFlag& later) {
    return (later.path.empty() || later.path == path) && later.flag == flag;
  });
}

}  // namespace ledger::cli
