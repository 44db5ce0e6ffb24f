// A command as data: what it is called, what it takes, what it does. Parsing, help, `help -o json`,
// man pages and suggestions are all made from these, so they cannot disagree, and what is not built
// is not in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/failure.h"

namespace ledger::cli {

class Context;

/// A flag with a value, or a switch. Global flags are in `global_flags`.
struct Flag {
  std::string_view name;        ///< `--from`
  std::string_view value = {};  ///< What stands for the value in help, `POS`; empty: a switch.
  std::string_view text = {};   ///< One line of help.
  char letter = 0;              ///< `n` for `-n`
  bool many = false;            ///< Values separated by commas or repeated; else the last counts.
};

/// What a command takes besides flags.
struct Arguments {
  std::string_view name = {};  ///< `PATH`, for messages.
  size_t min = 0;
  size_t max = 0;
};

/// An exit code that a command has besides 0, 64, 69 and 70.
struct Exit {
  int code = 0;
  std::string_view text;
};

/// What a command is asked about, and so what `--endpoint` means to it.
enum class Target : uint8_t {
  none,      ///< Nobody: offline tools and help.
  cluster,   ///< Members of a cluster.
  optional,  ///< Members where there are some.
};

/// What bounds a command, and for how long when nobody says.
enum class Deadline : uint8_t {
  ordinary,   ///< 5 s, the whole command.
  waiting,    ///< 30 s, the whole command.
  streaming,  ///< 30 s without progress.
  none,
};

/// How a command ended: its exit code, or why it failed.
using Outcome = Checked<int>;

struct Command {
  std::string_view path;           ///< `log append`
  std::string_view summary;        ///< One sentence without its full stop.
  std::string_view synopsis = {};  ///< What follows the path in a usage line.
  std::vector<std::string_view> examples;
  std::vector<Flag> flags = {};
  Arguments arguments = {};
  std::vector<Exit> exits = {};
  std::string_view notes = {};  ///< More for `--help`, whole lines.
  Target target = Target::cluster;
  Deadline deadline = Deadline::ordinary;
  Outcome (*run)(Context&) = nullptr;
};

/// A noun with its verbs, or a command without verbs of the same name.
struct Noun {
  std::string_view name;
  std::string_view summary;
  std::vector<Command> commands;

  bool has_verbs() const { return commands.size() != 1 || commands[0].path != name; }
};

/// All that is built, in the order of help. Made once.
const std::vector<Noun>& tree();

const std::vector<Flag>& global_flags();

/// What the command line promises for later: answered with `not_built`, shown nowhere.
bool is_later_noun(std::string_view noun);
bool is_later_command(std::string_view path);
bool is_later_flag(std::string_view path, std::string_view flag);

}  // namespace ledger::cli
