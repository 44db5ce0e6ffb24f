// Small files that are named on the command line.
#pragma once

#include <string>

#include "base/result.h"

namespace ledger::cli {

/// All of a file of at most 1 MiB. Errors: `no_such_file`, `file_permission`, `io`, `too_large`.
Result<std::string> read_small_file(const std::string& path);

/// The Error for a failed call on `path`: `no_such_file`, `file_permission` or `io`.
Error file_error(const std::string& path, int error_number);

}  // namespace ledger::cli
