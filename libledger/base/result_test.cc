#include "base/result.h"

#include <doctest/doctest.h>

#include <memory>

using namespace ledger;

namespace {

Result<std::unique_ptr<int>> made(bool works) {
  if (!works) return fail(Code::io, "broken");
  return std::make_unique<int>(7);
}

Result<void> checked(bool works) {
  if (!works) return fail(Code::busy, "later", "again");
  return {};
}

Result<int> used(bool makes, bool checks) {
  const std::unique_ptr<int> value = TRY(made(makes));
  TRY(checked(checks));
  return *value;
}

}  // namespace

TEST_CASE("TRY gives the value, or passes the error on unchanged") {
  CHECK(used(true, true).value() == 7);
  CHECK(used(false, true).error().code == Code::io);
  CHECK(used(true, false).error().code == Code::busy);
  CHECK(used(true, false).error().hint == "again");
}
