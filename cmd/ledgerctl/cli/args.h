// A command line, taken apart.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace ledger::cli {

/// The flags and arguments of one command. A flag is asked for by its long name, which must be one
/// of the command's or a global one.
class Args {
 public:
  bool has(std::string_view flag) const { return count(flag) > 0; }
  /// How often it was given.
  size_t count(std::string_view flag) const;
  /// The value that counts: the last one.
  std::optional<std::string> value(std::string_view flag) const;
  /// All values of a flag that takes many.
  std::vector<std::string> values(std::string_view flag) const;

  const std::vector<std::string>& arguments() const { return arguments_; }
  /// How many of them stood before `--`.
  size_t plain() const { return plain_; }

 private:
  friend Result<Args> parse(const Command&, const std::vector<std::string>&);
  std::map<std::string, std::vector<std::string>, std::less<>> flags_;  ///< All that are declared.
  std::vector<std::string> arguments_;
  size_t plain_ = 0;
};

/// What the words of a command line ask for.
struct Request {
  enum class Kind : uint8_t { command, help, version, bare };
  Kind kind = Kind::command;
  const Noun* noun = nullptr;        ///< Of help and bare: null for the whole program.
  const Command* command = nullptr;  ///< Of a command; of help: null for a noun.
  std::vector<std::string> words;    ///< Flags and arguments, global ones included.
  bool bad_flag = false;             ///< What is wrong is a flag before the verb.
};

/// Finds noun and verb among `words` (argv without its first) by the table alone, and whether help
/// or the version is wanted, which win over everything else on the line.
/// Errors: `unknown_command` with the nearest one, `not_built`, `usage`.
Result<Request> find_request(const std::vector<std::string>& words);

/// Takes the words of a command apart. Values are not looked at.
/// Errors: `usage` with the nearest flag, `not_built`.
Result<Args> parse(const Command& command, const std::vector<std::string>& words);

}  // namespace ledger::cli
