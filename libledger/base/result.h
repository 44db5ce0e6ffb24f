// A value or an error, and the one way to pass an error on.
#pragma once

#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace ledger {

/// What the world can do to us. What only we can do to ourselves is an `assert`.
template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(Code::io, "write of lock: disk full");`
inline tl::unexpected<Error> fail(Code code, std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

/// What TRY takes out of a Result: its value, or nothing of a Result<void>.
template <class T, class E>
T take_value(tl::expected<T, E>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace ledger

/// The value of a Result, or return its error to our caller. Alone, or right of `=`, once per
/// statement.
#define TRY(expression)                                                      \
  __extension__({                                                            \
    auto ledger_try = (expression);                                          \
    if (!ledger_try) return ::tl::unexpected(std::move(ledger_try).error()); \
    ::ledger::take_value(std::move(ledger_try));                             \
  })
