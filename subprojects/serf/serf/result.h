#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace serf {

/// Borrowed raw bytes. The owner must outlive the view.
using View = std::string_view;

/// What a caller can do about an error.
enum class Code {
  incomplete,   ///< The bytes end too early: read more, or drop a datagram.
  invalid,      ///< The bytes or the argument can never be right: drop, or correct the call.
  unreadable,   ///< The outer layer of a stream cannot be read; tell the peer the message.
  unavailable,  ///< Not now: no peer answered in time, or a bound is reached.
  denied,       ///< A file of secrets that others can read, or that we may not.
  io,           ///< The operating system refused; the message names the call.
};

/// An error: `message` is one lower-case line ready to follow `error: `.
struct Error {
  Code code;
  std::string message;
};

/// A value or an Error. Nothing in this library throws for what the world does to it.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::make_unexpected(Error{code, std::move(message)});
}

}  // namespace serf
