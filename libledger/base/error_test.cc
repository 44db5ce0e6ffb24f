#include "base/error.h"

#include <doctest/doctest.h>

using namespace ledger;

TEST_CASE("every code has a name of its own that leads back to it") {
  for (int i = 0; i <= static_cast<int>(Code::refused); ++i) {
    const auto code = static_cast<Code>(i);
    CAPTURE(name(code));
    CHECK(code_named(name(code)) == code);
  }
  CHECK_FALSE(code_named("no such code"));
}

TEST_CASE(
    "an unknown outcome and an unreachable cluster may be tried again, a usage error may not") {
  CHECK(retryable(Code::unknown_outcome));
  CHECK(retryable(Code::unreachable));
  CHECK(retryable(Code::no_space));
  CHECK_FALSE(retryable(Code::io));
  CHECK_FALSE(retryable(Code::usage));
}
