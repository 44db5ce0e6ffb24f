// Paths below the root of a Disk, and the words in which disks speak of them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ledger::io {

/// Refuses what is no path below a root: an absolute one, an empty part, `.`, `..`, a zero byte.
/// Errors: `file_permission`.
Result<void> check_path(std::string_view path);

/// `a/b/c` to `a/b` and `c`; `c` to `` and `c`.
std::pair<std::string, std::string> split_path(std::string_view path);

/// `open of n1/vote.a: no such file`.
tl::unexpected<Error> failed(Code code, std::string_view call, std::string_view path,
                             std::string_view cause);

}  // namespace ledger::io
