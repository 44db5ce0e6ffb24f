// What the kernel answers, in our words.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ledger::io {

/// The decision that an errno of a file system call allows: `no_space`, `file_permission`,
/// `no_such_file`, `output_exists`, else `io`.
Code code_of(int number);

/// The cause in lower case: `no space left`.
std::string cause_of(int number);

/// `write of n1/vote.a: no space left`.
tl::unexpected<Error> failed(int number, std::string_view call, std::string_view path);

}  // namespace ledger::io
