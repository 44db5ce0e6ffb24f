#include "base/crc32c.h"

#include <doctest/doctest.h>

#include <string>

using namespace ledger;

TEST_CASE("crc32c is the standard one") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);  // RFC 3720, B.4
}

TEST_CASE("crc32c of a text is that of its parts in a row") {
  const std::string text = "money on a replicated log";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CHECK(crc32c(text.substr(cut), crc32c(text.substr(0, cut))) == crc32c(text));
  }
}
