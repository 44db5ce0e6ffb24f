// The configuration file: TOML 1.0, the defaults of the command line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/failure.h"

namespace ledger::cli {

/// The keys of one file, checked against the known ones, their values as text.
class Config {
 public:
  struct Value {
    std::vector<std::string> texts;  ///< One, unless the key takes a list or a table: `name=text`.
    std::string where;               ///< `config.toml:3:1`
  };

  /// The value of a key such as `node.listen`, if the file has it.
  const Value* find(std::string_view key) const;

  const std::string& path() const { return path_; }

 private:
  friend Checked<Config> read_config(const std::string&);
  std::string path_;
  std::map<std::string, Value, std::less<>> values_;
};

/// Reads a file. Errors: `no_such_file`, `file_permission`, `io`; `config_invalid` with file, line
/// and column for what is not TOML, an unknown key (with the nearest one) or a value of another
/// type.
Checked<Config> read_config(const std::string& path);

}  // namespace ledger::cli
