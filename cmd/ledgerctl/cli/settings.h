// The global flags with their variables and configuration keys, each settled by itself:
// flag > environment > configuration file > default.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/report.h"
#include "cli/values.h"

namespace ledger::cli {

struct Settings {
  bool json = false;
  bool json_by_flag = false;  ///< `-o` on the line itself, not from environment or file.
  Report::Style style;
  std::vector<Endpoint> endpoints;             ///< At least one for commands about a cluster.
  bool endpoints_given = false;                ///< False: the default one.
  std::optional<std::string> dev;              ///< The dev cluster that is meant, if one is named.
  std::optional<Config> config;                ///< Where there is a file.
  std::vector<std::string> unknown_variables;  ///< Worth one warning.

  /// How long a command of this class may take; nothing: for ever.
  std::optional<Duration> timeout(Deadline deadline) const;

  std::optional<Duration> timeout_flag;
  std::optional<Duration> timeout_ordinary;  ///< Where somebody says; else five seconds.
};

/// Errors: `invalid_value`, `ambiguous_target`, `not_built`, `config_invalid`, `no_such_file`.
Checked<Settings> settle(const Command& command, const Args& args);

/// What can be said of `-o`, `-q`, `-v` and colour before a line is taken apart, for the error that
/// it can't be.
Report::Style guess_style(const std::vector<std::string>& words);

/// A variable that is set and not empty.
std::optional<std::string> variable(const char* name);

}  // namespace ledger::cli
