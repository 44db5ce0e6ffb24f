#include "serf/address.h"

#include <doctest/doctest.h>

namespace serf {

TEST_CASE("an address is read back as it was written") {
  for (const char* text : {"127.0.0.1:7946", "255.0.10.3:1", "[2001:db8:0:0:0:0:0:1]:65535"}) {
    CAPTURE(text);
    CHECK(format(parse_address(text).value()) == text);
  }
  CHECK(format(parse_address("10.0.0.1").value()) == "10.0.0.1:7946");
  CHECK(format(parse_address("[::1]").value()) == "[0:0:0:0:0:0:0:1]:7946");
  CHECK(format(parse_address("[::ffff:10.0.0.1]:5").value()) == "10.0.0.1:5");
}

TEST_CASE("what is no address is refused") {
  for (const char* text : {"", ":", "1.2.3:4", "1.2.3.4.5:6", "1.2.3.256:1", "1.2.3.04:1",
                           "1.2.3.4:65536", "1.2.3.4:", "[::1", "[1:2]:3", "[:::]:1", "host:1",
                           "[1:2:3:4:5:6:7:8::]:1", "1.2.3.4:1x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text));
  }
}

TEST_CASE("both forms of an IPv4 address are the same place and different octets") {
  const Address four = parse_address("10.1.2.3:7946").value();
  const Address sixteen = parse_address("[::ffff:10.1.2.3]:7946").value();
  CHECK(same_place(four, sixteen));
  CHECK(four != sixteen);
  CHECK_FALSE(same_place(four, parse_address("10.1.2.3:7947").value()));
}

}  // namespace serf
