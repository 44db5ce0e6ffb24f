// Telling who started us how we are: sd_notify(3), without its library.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ledger::io {

/// Sends `state`, such as `READY=1` or several lines of that form, as one datagram to the socket
/// that the environment variable NOTIFY_SOCKET names: a path, or `@` and an abstract name. Does
/// nothing where it is unset or empty. Never waits: a full socket is an error.
///
/// Nobody need stop for an error; it is worth a log line. Errors: `invalid_value`; `busy` if the
/// socket is full; `unreachable`.
Result<void> notify(std::string_view state);

/// The same, to a socket by name.
Result<void> notify(std::string_view state, const std::string& socket);

}  // namespace ledger::io
