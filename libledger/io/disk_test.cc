// What every Disk does: each test runs on the one in memory and on a real directory.
#include "io/disk.h"

#include <doctest/doctest.h>

#include "io/memory_disk.h"
#include "io/posix_disk.h"
#include "io/temporary_directory.h"

using namespace ledger;
using namespace ledger::io;

namespace {

struct InMemory {
  MemoryDisk disk;
};

struct OnRealDisk {
  TemporaryDirectory directory;
  std::unique_ptr<PosixDisk> opened = *PosixDisk::at(directory.path(), Access::write);
  PosixDisk& disk = *opened;
};

using List = std::vector<std::string>;

std::string text(Disk& disk, const std::string& path) {
  return *read_file(disk, path, 1 << 20);
}

void put(Disk& disk, const std::string& path, Bytes bytes) {
  const auto file = disk.create(path);
  REQUIRE(file);
  REQUIRE((*file)->write(0, bytes));
}

/// The code of a failure, or nothing.
template <class T>
std::optional<Code> code(const Result<T>& result) {
  if (result) return std::nullopt;
  CHECK_FALSE(result.error().message.empty());
  return result.error().code;
}

}  // namespace

#define DISKS InMemory, OnRealDisk

TEST_CASE_TEMPLATE("what is written is read, at its place", T, DISKS) {
  T subject;
  const auto file = *subject.disk.create("a");
  CHECK(*file->size() == 0);
  REQUIRE(file->write(0, "hello world"));
  REQUIRE(file->write(6, "there"));
  REQUIRE(file->sync());
  CHECK(*file->size() == 11);
  CHECK(text(subject.disk, "a") == "hello there");

  const auto reader = *subject.disk.open("a", Access::read);
  std::string some(4, '?');
  CHECK(*reader->read(6, some) == 4);
  CHECK(some == "ther");
  CHECK(*reader->read(9, some) == 2);
  CHECK(some == "reer");
  CHECK(*reader->read(11, some) == 0);
  CHECK(*reader->read(5000, some) == 0);
  CHECK(*reader->read(0, {}) == 0);
}

TEST_CASE_TEMPLATE("an open file for writing is the same file", T, DISKS) {
  T subject;
  put(subject.disk, "a", "abc");
  const auto file = *subject.disk.open("a", Access::write);
  REQUIRE(file->write(1, "X"));
  REQUIRE(file->write(3, "d"));
  CHECK(text(subject.disk, "a") == "aXcd");
}

TEST_CASE_TEMPLATE("a write past the end fills the gap with zeros", T, DISKS) {
  T subject;
  const auto file = *subject.disk.create("a");
  REQUIRE(file->write(5000, "z"));
  CHECK(text(subject.disk, "a") == std::string(5000, '\0') + "z");
  REQUIRE(file->write(9000, ""));
  CHECK(*file->size() == 5001);
}

TEST_CASE_TEMPLATE("megabytes go through at once", T, DISKS) {
  T subject;
  std::string bytes(3'000'001, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 / 5);
  const auto file = *subject.disk.create("a");
  REQUIRE(file->write(13, bytes));
  std::string found(bytes.size(), '\0');
  CHECK(*file->read(13, found) == bytes.size());
  CHECK((found == bytes));
}

TEST_CASE_TEMPLATE("a file that exists is not created again", T, DISKS) {
  T subject;
  put(subject.disk, "a", "abc");
  CHECK(code(subject.disk.create("a")) == Code::output_exists);
  CHECK(text(subject.disk, "a") == "abc");
}

TEST_CASE_TEMPLATE("what is not there is no_such_file", T, DISKS) {
  T subject;
  put(subject.disk, "file", "");
  for (const char* path : {"a", "d/a", "file/a"}) {
    CAPTURE(path);
    CHECK(code(subject.disk.open(path, Access::read)) == Code::no_such_file);
    CHECK(code(subject.disk.open(path, Access::write)) == Code::no_such_file);
    CHECK(code(subject.disk.remove(path)) == Code::no_such_file);
    CHECK(code(subject.disk.rename(path, "b")) == Code::no_such_file);
    CHECK(code(subject.disk.list(path)) == Code::no_such_file);
    CHECK(code(subject.disk.sync_directory(path)) == Code::no_such_file);
  }
  for (const char* path : {"d/a", "file/a"}) {
    CHECK(code(subject.disk.create(path)) == Code::no_such_file);
    CHECK(code(subject.disk.make_directory(path)) == Code::no_such_file);
    CHECK(code(subject.disk.rename("file", path)) == Code::no_such_file);
  }
  CHECK(code(subject.disk.list("file")) == Code::no_such_file);
}

TEST_CASE_TEMPLATE("a directory is no file, and a file no directory", T, DISKS) {
  T subject;
  REQUIRE(subject.disk.make_directory("d"));
  put(subject.disk, "file", "");
  for (const char* path : {"d", ""}) {
    CAPTURE(path);
    CHECK(code(subject.disk.open(path, Access::read)) == Code::io);
    CHECK(code(subject.disk.open(path, Access::write)) == Code::io);
    CHECK(code(subject.disk.remove(path)) == Code::io);
    CHECK(code(subject.disk.rename("file", path)) == Code::io);
  }
  CHECK(code(subject.disk.create("")) == Code::io);
  CHECK(code(subject.disk.make_directory("file")) == Code::io);
}

TEST_CASE_TEMPLATE("a list is sorted, and of one directory", T, DISKS) {
  T subject;
  CHECK(subject.disk.list("")->empty());
  REQUIRE(subject.disk.make_directory("d"));
  for (const char* path : {"c", "d/z", "d/y", "A", "b"}) put(subject.disk, path, path);
  CHECK(*subject.disk.list("") == List{"A", "b", "c", "d"});
  CHECK(*subject.disk.list("d") == List{"y", "z"});
  CHECK(text(subject.disk, "d/z") == "d/z");
}

TEST_CASE_TEMPLATE("a directory that exists is fine to make", T, DISKS) {
  T subject;
  REQUIRE(subject.disk.make_directory("d"));
  put(subject.disk, "d/a", "");
  CHECK(subject.disk.make_directory("d"));
  CHECK(subject.disk.make_directory(""));
  CHECK(*subject.disk.list("d") == List{"a"});
}

TEST_CASE_TEMPLATE("a rename replaces, and an open file goes along", T, DISKS) {
  T subject;
  put(subject.disk, "a", "new");
  put(subject.disk, "b", "old");
  const auto replaced = *subject.disk.open("b", Access::read);
  const auto file = *subject.disk.open("a", Access::write);
  REQUIRE(subject.disk.rename("a", "b"));
  REQUIRE(file->write(0, "N"));
  CHECK(*subject.disk.list("") == List{"b"});
  CHECK(text(subject.disk, "b") == "New");
  std::string some(3, '?');
  CHECK(*replaced->read(0, some) == 3);
  CHECK(some == "old");
  CHECK(subject.disk.rename("b", "b"));
  CHECK(text(subject.disk, "b") == "New");
}

TEST_CASE_TEMPLATE("a rename reaches from one directory into another", T, DISKS) {
  T subject;
  REQUIRE(subject.disk.make_directory("d"));
  put(subject.disk, "a", "abc");
  REQUIRE(subject.disk.rename("a", "d/b"));
  CHECK(*subject.disk.list("") == List{"d"});
  CHECK(text(subject.disk, "d/b") == "abc");
}

TEST_CASE_TEMPLATE("a removed file is gone, and readable where it is open", T, DISKS) {
  T subject;
  put(subject.disk, "a", "abc");
  const auto file = *subject.disk.open("a", Access::read);
  REQUIRE(subject.disk.remove("a"));
  CHECK(subject.disk.list("")->empty());
  CHECK(*file->size() == 3);
  CHECK(subject.disk.create("a"));
}

TEST_CASE_TEMPLATE("directories sync, the root too", T, DISKS) {
  T subject;
  REQUIRE(subject.disk.make_directory("d"));
  CHECK(subject.disk.sync_directory(""));
  CHECK(subject.disk.sync_directory("d"));
}

TEST_CASE_TEMPLATE("a path that leads out, or is none, is refused before anything happens", T,
                   DISKS) {
  T subject;
  REQUIRE(subject.disk.make_directory("d"));
  put(subject.disk, "a", "abc");
  for (const std::string& path :
       {std::string(".."), std::string("../a"), std::string("d/../a"), std::string("/a"),
        std::string("."), std::string("./a"), std::string("d//a"), std::string("d/"),
        std::string("d/.."), std::string("a\0b", 3), std::string("/")}) {
    CAPTURE(path);
    CHECK(code(subject.disk.open(path, Access::read)) == Code::file_permission);
    CHECK(code(subject.disk.create(path)) == Code::file_permission);
    CHECK(code(subject.disk.list(path)) == Code::file_permission);
    CHECK(code(subject.disk.make_directory(path)) == Code::file_permission);
    CHECK(code(subject.disk.rename(path, "b")) == Code::file_permission);
    CHECK(code(subject.disk.rename("a", path)) == Code::file_permission);
    CHECK(code(subject.disk.remove(path)) == Code::file_permission);
    CHECK(code(subject.disk.sync_directory(path)) == Code::file_permission);
  }
  CHECK(subject.disk.create("..a"));
  CHECK(subject.disk.create("d/a.."));
}

TEST_CASE_TEMPLATE("there is room on an empty disk", T, DISKS) {
  T subject;
  CHECK(*subject.disk.free_bytes() > 0);
}

TEST_CASE_TEMPLATE("a whole file is read, and one above the bound refused", T, DISKS) {
  T subject;
  put(subject.disk, "a", "abc");
  CHECK(*read_file(subject.disk, "a", 3) == "abc");
  CHECK(code(read_file(subject.disk, "a", 2)) == Code::too_large);
  CHECK(code(read_file(subject.disk, "b", 2)) == Code::no_such_file);
}

TEST_CASE_TEMPLATE("a file written durably replaces the old one and leaves nothing else", T,
                   DISKS) {
  T subject;
  REQUIRE(subject.disk.make_directory("d"));
  REQUIRE(write_file_durably(subject.disk, "d/a", "old"));
  put(subject.disk, "d/a.tmp", "left behind by a crash, and longer");
  REQUIRE(write_file_durably(subject.disk, "d/a", "new"));
  CHECK(text(subject.disk, "d/a") == "new");
  CHECK(*subject.disk.list("d") == List{"a"});
}

TEST_CASE("a file written durably is the old or the whole new one after any crash") {
  MemoryDisk prepared;
  prepared.put("a", "old");
  const std::string fresh(2000, 'n');
  MemoryDisk counted = prepared;
  REQUIRE(write_file_durably(counted, "a", fresh));
  const uint64_t calls = counted.mutations();
  REQUIRE(calls == 6);

  for (uint64_t nth = 1; nth <= calls + 1; ++nth) {
    for (const Stop::When when : {Stop::When::before, Stop::When::middle, Stop::When::after}) {
      for (uint64_t seed = 0; seed < 50; ++seed) {
        CAPTURE(nth);
        CAPTURE(seed);
        MemoryDisk disk = prepared;
        disk.stop_at({.nth = nth, .when = when, .written_bytes = 700});
        const bool done = write_file_durably(disk, "a", fresh).has_value();
        disk.crash({.seed = seed,
                    .writes = Writes::drawn,
                    .rest = Rest::drawn,
                    .names = seed == 0 ? Names::lost : Names::drawn});
        const std::string found = disk.bytes("a");
        REQUIRE((found == fresh || (!done && found == "old")));
        REQUIRE(write_file_durably(disk, "a", "again"));
        REQUIRE(disk.files() == List{"a"});
      }
    }
  }
}

TEST_CASE("a file is not written durably where any call fails") {
  for (uint64_t nth = 1; nth <= 6; ++nth) {
    MemoryDisk disk;
    disk.fail({.nth = nth});
    CHECK(code(write_file_durably(disk, "a", "abc")) == Code::io);
  }
}
