#include "serf/wire/msgpack.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "serf/wire/serf_messages.h"
#include "tests/vectors.h"

namespace serf::wire {

using testing::from_hex;
using testing::to_hex;

TEST_CASE("integers are written in the shortest form and read from any") {
  const std::pair<uint64_t, const char*> cases[] = {{0, "00"},
                                                    {127, "7f"},
                                                    {128, "cc80"},
                                                    {255, "ccff"},
                                                    {256, "cd0100"},
                                                    {65'535, "cdffff"},
                                                    {65'536, "ce00010000"},
                                                    {UINT32_MAX, "ceffffffff"},
                                                    {UINT64_MAX, "cfffffffffffffffff"}};
  for (const auto& [value, hex] : cases) {
    Writer writer;
    writer.uint(value);
    const std::string bytes = writer.take();
    CHECK(to_hex(bytes) == hex);
    CHECK(Reader(bytes).uint(UINT64_MAX) == value);
  }
  for (int64_t value :
       {int64_t{-1}, int64_t{-32}, int64_t{-33}, int64_t{-128}, int64_t{-129}, int64_t{-32'769},
        int64_t{INT32_MIN}, int64_t{INT64_MIN}, int64_t{INT64_MAX}}) {
    Writer writer;
    writer.integer(value);
    const std::string bytes = writer.take();
    CHECK(Reader(bytes).integer(INT64_MIN, INT64_MAX) == value);
    CHECK(nlohmann::json::from_msgpack(bytes).get<int64_t>() == value);
  }
  for (const char* hex : {"07", "cc07", "cd0007", "ce00000007", "cf0000000000000007", "d007",
                          "d10007", "d200000007", "d30000000000000007"}) {
    const std::string bytes = from_hex(hex);
    CHECK(Reader(bytes).uint(7) == 7);
    CHECK(Reader(bytes).integer(-1, 7) == 7);
  }
}

TEST_CASE("an integer out of range, or not an integer, is invalid") {
  for (const char* hex : {"08", "ff", "cd0100", "a0", "c2", "cb3ff0000000000000", "90"}) {
    CAPTURE(hex);
    const std::string bytes = from_hex(hex);
    Reader reader(bytes);
    CHECK(reader.uint(7) == 0);
    REQUIRE_FALSE(reader.status());
    CHECK(reader.status().error().code == Code::invalid);
  }
  const std::string large = from_hex("cf8000000000000000");
  Reader reader(large);
  reader.integer(INT64_MIN, INT64_MAX);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("text of any length is str and never d9; bytes that are empty are nil") {
  for (size_t size : {0U, 31U, 32U, 255U, 256U, 65'535U, 65'536U}) {
    CAPTURE(size);
    Writer writer;
    writer.text(std::string(size, 'x'));
    const std::string bytes = writer.take();
    CHECK(static_cast<uint8_t>(bytes[0]) != 0xd9);
    CHECK(nlohmann::json::from_msgpack(bytes).get<std::string>().size() == size);
    CHECK(Reader(bytes).bytes().size() == size);
  }
  Writer writer;
  writer.bytes("");
  CHECK(to_hex(writer.take()) == "c0");
}

TEST_CASE("bytes are read from str, bin, an array of integers and nil") {
  for (const char* hex :
       {"a3010203", "d903010203", "da0003010203", "db00000003010203", "c403010203", "c50003010203",
        "c600000003010203", "93010203", "dc0003010203"}) {
    CAPTURE(hex);
    const std::string bytes = from_hex(hex);
    CHECK(to_hex(Reader(bytes).bytes()) == "010203");
  }
  CHECK(Reader("\xc0").bytes().empty());
}

TEST_CASE("a size that is announced and not there is incomplete, and costs nothing") {
  for (const char* hex :
       {"", "dbffffffff", "c6ffffffff61", "ddffffffff", "dfffffffff", "da00", "cd01"}) {
    CAPTURE(hex);
    const std::string bytes = from_hex(hex);
    Reader reader(bytes);
    reader.skip();
    REQUIRE_FALSE(reader.status());
    CHECK(reader.status().error().code == Code::incomplete);
    CHECK(reader.wanted() > bytes.size());
  }
}

TEST_CASE("nesting deeper than the bound is refused") {
  const std::string deep(1'000'000, '\x91');
  Reader reader(deep);
  reader.skip();
  REQUIRE_FALSE(reader.status());
  CHECK(reader.status().error().code == Code::invalid);
}

TEST_CASE("every value that nlohmann::json writes is passed over whole") {
  const nlohmann::json value = {{"a", {1, -2, 3.5, true, nullptr, "x", {{"deep", {1, 2}}}}},
                                {"b", nlohmann::json::binary({1, 2, 3}, 5)}};
  const std::vector<uint8_t> packed = nlohmann::json::to_msgpack(value);
  const std::string bytes(packed.begin(), packed.end());
  Reader reader(bytes);
  reader.skip();
  CHECK(reader.ok());
  CHECK(reader.position() == bytes.size());
}

TEST_CASE("a map may have unknown keys, missing keys and any order") {
  const nlohmann::json value = {{"SeqNo", 9}, {"Other", {1, 2, {{"x", 1}}}}, {"Node", "n"}};
  const std::vector<uint8_t> packed = nlohmann::json::to_msgpack(value);
  const Ping ping = decode<Ping>(std::string(packed.begin(), packed.end())).value();
  CHECK(ping.seq_no == 9);
  CHECK(ping.node == "n");
  CHECK(ping.source_addr.empty());
}

TEST_CASE("tags are at most 512 bytes, and meta of the old form is a role") {
  CHECK(to_hex(encode_tags({}).value()) == "ff80");
  CHECK(decode_tags(encode_tags({{"zone", "eu1"}}).value()).value() == Tags{{"zone", "eu1"}});
  CHECK(decode_tags("").value() == Tags{{"role", ""}});
  CHECK(decode_tags("web").value() == Tags{{"role", "web"}});
  CHECK_FALSE(encode_tags({{"long", std::string(510, 'x')}}));
  CHECK_FALSE(decode_tags("\xff\x81"));
}

}  // namespace serf::wire
