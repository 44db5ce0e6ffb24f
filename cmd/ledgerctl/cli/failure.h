// How a command fails: an Error, and what only some failures tell besides.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ledger::cli {

/// An address that was tried, and how that went: `refused`, `candidate, term 9`.
struct Tried {
  std::string address;
  std::string result;
};

struct Failure : Error {
  // Implicit, so that TRY passes a library's Error on.
  Failure(Error error) : Error(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  std::string verdict;       ///< The ledger's own "no" by its name; then `code` is `refused`.
  std::vector<Tried> tried;  ///< Addresses, where some were tried.
  std::string members;       ///< More JSON members, each with a comma before it: `,"line":3`.
  std::string detail;        ///< Text of a library: shown with -vv only.

  std::string_view code_name() const { return verdict.empty() ? name(code) : verdict; }
};

/// What to do about `code` where nobody who knew more has said it: every error has a hint.
std::string_view usual_hint(Code code);

/// A value, or a failure with all it can tell.
template <class T>
using Checked = tl::expected<T, Failure>;

}  // namespace ledger::cli
