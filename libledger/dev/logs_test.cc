#include "dev/logs.h"

#include <doctest/doctest.h>

#include <fstream>

#include "dev/place.h"
#include "io/temporary_directory.h"

namespace ledger::dev {
namespace {

using Lines = std::vector<std::string>;

void append(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::app) << text;
}

TEST_CASE("a follower gets whole lines, each once") {
  const io::TemporaryDirectory directory;
  const std::string path = directory / "node.log";
  append(path, "before\n");
  LogReader from_start(path, LogReader::From::start);
  LogReader from_end(path, LogReader::From::end);
  append(path, "one\ntw");
  CHECK(from_end.take(100) == Lines{"one"});
  CHECK(from_end.take(100).empty());
  append(path, "o\n");
  CHECK(from_end.take(100) == Lines{"two"});
  CHECK(from_start.take(3).empty());
  CHECK(from_start.take(100) == Lines{"before", "one", "two"});
}

TEST_CASE("a log that has grown too long is moved aside, and its followers go on") {
  const io::TemporaryDirectory directory;
  const std::string path = directory / "node.log";
  const io::Descriptor writer = open_log(path).value();
  for (const char* text : {"a\nb\n", "c\nd\n", "e\nf\n"}) {
    append(path, text);
    LogReader reader(path, LogReader::From::end);
    rotate_log(path, 4);
    // The node writes on through the descriptor that it has.
    REQUIRE(write(writer.get(), "x\n", 2) == 2);
    CHECK(reader.take(100) == Lines{"x"});
    REQUIRE(::truncate(path.c_str(), 0) == 0);
  }
  CHECK(read_file(path + ".1").value() == "e\nf\n");
  CHECK(read_file(path + ".2").value() == "c\nd\n");
  CHECK(last_lines(path, 3) == Lines{"d", "e", "f"});
  rotate_log(path, 4);
  CHECK(read_file(path + ".1").value() == "e\nf\n");
}

TEST_CASE("of a log that is not there nothing is shown") {
  const io::TemporaryDirectory directory;
  CHECK(last_lines(directory / "none", 5).empty());
  CHECK(LogReader(directory / "none", LogReader::From::start).take(10).empty());
}

}  // namespace
}  // namespace ledger::dev
