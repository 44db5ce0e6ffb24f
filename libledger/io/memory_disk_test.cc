#include "io/memory_disk.h"

#include <doctest/doctest.h>

#include <set>
#include <tuple>

using namespace ledger;
using namespace ledger::io;

namespace {

/// A disk with one durable file `a` of these bytes.
MemoryDisk disk_with(const std::string& bytes) {
  MemoryDisk disk;
  disk.put("a", bytes);
  return disk;
}

std::unique_ptr<File> open(MemoryDisk& disk, const std::string& path) {
  auto file = disk.open(path, Access::write);
  REQUIRE(file);
  return *std::move(file);
}

std::string after(MemoryDisk disk, const Crash& how, const std::string& path = "a") {
  disk.crash(how);
  return disk.bytes(path);
}

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("a crash costs the bytes after the last sync, and only those") {
  MemoryDisk disk = disk_with("");
  const auto file = open(disk, "a");
  REQUIRE(file->write(0, "kept"));
  REQUIRE(file->sync());
  REQUIRE(file->write(4, "lost"));
  REQUIRE(file->write(0, "K"));
  CHECK(disk.bytes("a") == "Keptlost");

  CHECK(after(disk, {}) == "kept");
  CHECK(after(disk, {.writes = Writes::kept}) == "Keptlost");
}

TEST_CASE("a write that is torn at a byte arrives up to that byte") {
  for (const uint64_t torn : {0, 1, 13, 511, 700, 900}) {
    CAPTURE(torn);
    const std::string old(700, 'o');
    const std::string fresh(700, 'f');
    MemoryDisk disk = disk_with(old);
    REQUIRE(open(disk, "a")->write(0, fresh));

    const std::string found = after(disk, {.writes = Writes::torn, .torn_bytes = torn});

    const size_t arrived = std::min<size_t>(torn, 700);
    CHECK(found == fresh.substr(0, arrived) + old.substr(arrived));
  }
}

TEST_CASE("a torn write leaves whole sectors, any subset of them") {
  const std::string old(4 * 512, 'o');
  MemoryDisk disk = disk_with(old);
  REQUIRE(open(disk, "a")->write(100, std::string(3 * 512, 'f')));  // parts of 4 sectors

  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string found = after(disk, {.seed = seed, .writes = Writes::torn});
    for (const auto& [from, end] : {std::pair(100, 512), {512, 1024}, {1024, 1536}, {1536, 1636}}) {
      const std::string sector =
          found.substr(static_cast<size_t>(from), static_cast<size_t>(end - from));
      CHECK(sector.find_first_not_of(sector[0]) == std::string::npos);
    }
    CHECK(found.substr(0, 100) + found.substr(1636) == std::string(512, 'o'));
    outcomes.insert(found);
  }
  CHECK(outcomes.size() == 16);
}

TEST_CASE("drawn writes are lost, kept or torn each by itself, and the seed decides") {
  MemoryDisk disk = disk_with(std::string(3 * 1024, 'o'));
  const auto file = open(disk, "a");
  for (const uint64_t at : {0, 1024, 2048}) REQUIRE(file->write(at, std::string(1024, 'f')));

  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    const Crash how = {.seed = seed, .writes = Writes::drawn};
    outcomes.insert(after(disk, how));
    if (seed < 20) CHECK(after(disk, how) == after(disk, how));
  }
  CHECK(outcomes.size() == 64);  // four states of each of three writes
}

TEST_CASE("what did not arrive is old where there were durable bytes, else what was asked for") {
  MemoryDisk disk = disk_with("old");
  REQUIRE(open(disk, "a")->write(1, "fresh"));
  CHECK(after(disk, {.rest = Rest::old}) == "old");
  CHECK(after(disk, {.rest = Rest::zeros}) == std::string("old\0\0\0", 6));
  CHECK(after(disk, {.rest = Rest::zeros, .rest_everywhere = true}) ==
        std::string("o\0\0\0\0\0", 6));
  const std::string garbage = after(disk, {.seed = 3, .rest = Rest::garbage});
  CHECK(garbage.substr(0, 3) == "old");
  CHECK(garbage.size() == 6);
  CHECK(garbage.substr(3) != std::string(3, '\0'));
  CHECK(garbage.substr(3) != "esh");
}

TEST_CASE("a write past the end leaves zeros between") {
  MemoryDisk disk = disk_with("ab");
  REQUIRE(open(disk, "a")->write(5000, "z"));
  CHECK(disk.bytes("a") == "ab" + std::string(4998, '\0') + "z");
  CHECK(after(disk, {.writes = Writes::kept}) == disk.bytes("a"));
}

TEST_CASE("a file that was created and synced is gone unless its directory was synced") {
  MemoryDisk disk;
  REQUIRE(disk.make_directory("d"));
  REQUIRE(disk.sync_directory(""));
  const auto file = *disk.create("d/a");
  REQUIRE(file->write(0, "bytes"));
  REQUIRE(file->sync());

  MemoryDisk lost = disk;
  lost.crash();
  CHECK(lost.list("d")->empty());
  CHECK(lost.open("d/a", Access::read).error().code == Code::no_such_file);

  MemoryDisk kept = disk;
  kept.crash({.names = Names::kept});
  CHECK(kept.bytes("d/a") == "bytes");

  REQUIRE(lost.sync_directory("d"));  // Nothing is left that could become durable.
  lost.crash();
  CHECK(lost.files().empty());

  REQUIRE(disk.sync_directory("d"));
  CHECK(after(disk, {}, "d/a") == "bytes");
}

TEST_CASE("a name without synced bytes is an empty file after a crash") {
  MemoryDisk disk;
  REQUIRE((*disk.create("a"))->write(0, "bytes"));
  REQUIRE(disk.sync_directory(""));
  CHECK(after(disk, {}).empty());
}

TEST_CASE("a directory is lost with all that is in it unless its parent was synced") {
  MemoryDisk disk;
  REQUIRE(disk.make_directory("d"));
  REQUIRE(disk.create("d/a"));
  REQUIRE(disk.sync_directory("d"));
  disk.crash();
  CHECK(disk.list("")->empty());
  CHECK(disk.list("d").error().code == Code::no_such_file);
}

TEST_CASE(
    "a rename without a sync of the directory leaves the old name or the new one, never both") {
  MemoryDisk disk = disk_with("new");
  disk.put("b", "old");
  REQUIRE(disk.rename("a", "b"));
  CHECK(*disk.list("") == List{"b"});

  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryDisk crashed = disk;
    crashed.crash({.seed = seed, .names = Names::drawn});
    outcomes.insert(crashed.bytes("b"));
    CHECK(crashed.files().size() == (crashed.bytes("b") == "new" ? 1 : 2));
  }
  CHECK(outcomes == std::set<std::string>{"new", "old"});

  CHECK(after(disk, {}, "b") == "old");
  REQUIRE(disk.sync_directory(""));
  CHECK(after(disk, {}, "b") == "new");
}

TEST_CASE("a file renamed before its name was durable may show up under either name or none") {
  MemoryDisk disk;
  REQUIRE(disk.create("a"));
  REQUIRE(disk.rename("a", "b"));
  std::set<List> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryDisk crashed = disk;
    crashed.crash({.seed = seed, .names = Names::drawn});
    outcomes.insert(crashed.files());
  }
  CHECK(outcomes == std::set<List>{{}, {"a"}, {"b"}});
}

TEST_CASE("a removed file is back after a crash unless the directory was synced") {
  MemoryDisk disk = disk_with("bytes");
  REQUIRE(disk.remove("a"));
  CHECK(disk.open("a", Access::read).error().code == Code::no_such_file);
  CHECK(after(disk, {}) == "bytes");
  REQUIRE(disk.sync_directory(""));
  disk.crash();
  CHECK(disk.files().empty());
}

TEST_CASE("an open file outlives its name, and a crash ends it") {
  MemoryDisk disk = disk_with("bytes");
  const auto file = open(disk, "a");
  REQUIRE(disk.remove("a"));
  REQUIRE(disk.sync_directory(""));
  CHECK(*file->size() == 5);
  disk.crash();
  CHECK(file->size().error().code == Code::io);
  CHECK(file->write(0, "x").error().code == Code::io);
}

TEST_CASE("a failed sync forgets: it reads as written, syncs as clean, and is lost") {
  MemoryDisk disk = disk_with("old bytes");
  const auto file = open(disk, "a");
  REQUIRE(file->write(0, "new"));
  disk.fail({.call = Call::sync});
  CHECK(file->sync().error().code == Code::io);
  CHECK(disk.bytes("a") == "new bytes");

  REQUIRE(file->write(4, "BYTES"));
  REQUIRE(file->sync());
  CHECK(disk.bytes("a") == "new BYTES");
  CHECK(after(disk, {.writes = Writes::kept}) == "old BYTES");

  MemoryDisk evicted = disk;
  REQUIRE(open(evicted, "a")->write(4, "b"));
  evicted.evict();
  CHECK(evicted.bytes("a") == "old bYTES");

  disk.restart();  // a new process finds the pages as they were and writes them again
  const auto again = open(disk, "a");
  REQUIRE(again->write(0, "new"));
  REQUIRE(again->sync());
  CHECK(after(disk, {}) == "new BYTES");
}

TEST_CASE("a sync can fail without forgetting") {
  MemoryDisk disk = disk_with("old");
  const auto file = open(disk, "a");
  REQUIRE(file->write(0, "new"));
  disk.fail({.call = Call::sync, .forget = false});
  CHECK_FALSE(file->sync());
  CHECK(after(disk, {}) == "old");
  REQUIRE(file->sync());
  CHECK(after(disk, {}) == "new");
}

TEST_CASE("a failed sync of a directory forgets its names") {
  MemoryDisk disk;
  REQUIRE(disk.create("a"));
  disk.fail({.call = Call::sync_directory});
  CHECK_FALSE(disk.sync_directory(""));
  REQUIRE(disk.sync_directory(""));
  CHECK(disk.files() == List{"a"});
  disk.crash({.names = Names::kept});
  CHECK(disk.files().empty());
}

TEST_CASE("the n-th call of a kind fails with the code asked for, once") {
  MemoryDisk disk = disk_with("abc");
  disk.fail({.call = Call::open, .nth = 2, .code = Code::file_permission});
  CHECK(disk.open("a", Access::read));
  CHECK(disk.open("a", Access::read).error().code == Code::file_permission);
  CHECK(disk.open("a", Access::read));

  disk.fail({.call = Call::read, .path = "a"});
  char byte = 0;
  CHECK((*disk.open("a", Access::read))->read(0, {&byte, 1}).error().code == Code::io);

  disk.fail({.call = Call::remove, .from_then_on = true});
  CHECK_FALSE(disk.remove("a"));
  CHECK_FALSE(disk.remove("a"));
  CHECK(disk.bytes("a") == "abc");
}

TEST_CASE("a call on another path does not count towards a failure") {
  MemoryDisk disk = disk_with("abc");
  disk.put("b", "abc");
  disk.fail({.call = Call::open, .path = "b"});
  CHECK(disk.open("a", Access::read));
  CHECK_FALSE(disk.open("b", Access::read));
}

TEST_CASE("a failed write may have written a part") {
  MemoryDisk disk = disk_with("old");
  disk.fail({.call = Call::write, .code = Code::no_space, .written_bytes = 2});
  CHECK(open(disk, "a")->write(0, "new").error().code == Code::no_space);
  CHECK(disk.bytes("a") == "ned");
}

TEST_CASE("each mutating call can be the one that fails") {
  const auto scenario = [](MemoryDisk& disk) -> Result<void> {
    TRY(disk.make_directory("d"));
    const auto file = TRY(disk.create("d/a"));
    TRY(file->write(0, "abc"));
    TRY(file->sync());
    TRY(disk.rename("d/a", "d/b"));
    TRY(disk.sync_directory("d"));
    return disk.remove("d/b");
  };
  MemoryDisk whole;
  REQUIRE(scenario(whole));
  REQUIRE(whole.mutations() == 7);
  for (uint64_t nth = 1; nth <= 8; ++nth) {
    CAPTURE(nth);
    MemoryDisk disk;
    disk.fail({.nth = nth});
    REQUIRE(disk.list(""));  // Changes nothing, and counts for nothing.
    CHECK(scenario(disk).has_value() == (nth == 8));
    CHECK(disk.mutations() == std::min<uint64_t>(nth, 7));
  }
}

TEST_CASE("a stop before, in and after a write leaves nothing, a part and all of it") {
  for (const auto& [when, bytes] : {std::pair(Stop::When::before, "old"),
                                    {Stop::When::middle, "ned"},
                                    {Stop::When::after, "new"}}) {
    MemoryDisk disk = disk_with("old");
    const auto file = open(disk, "a");
    disk.stop_at({.nth = 2, .when = when, .written_bytes = 2});
    REQUIRE(file->write(3, ""));
    CHECK(file->write(0, "new").error().code == Code::io);
    CHECK(disk.stopped());
    CHECK(file->size().error().code == Code::io);
    CHECK(disk.list("").error().code == Code::io);
    CHECK(disk.create("b").error().code == Code::io);
    CHECK(after(disk, {}) == "old");

    disk.restart();
    CHECK_FALSE(disk.stopped());
    CHECK(disk.bytes("a") == bytes);
    CHECK(disk.list(""));
  }
}

TEST_CASE("a stop in the middle of a sync leaves half of it durable") {
  MemoryDisk disk = disk_with("");
  const auto file = open(disk, "a");
  for (const uint64_t at : {0, 1, 2}) REQUIRE(file->write(at, "x"));
  disk.stop_at({.when = Stop::When::middle});
  CHECK_FALSE(file->sync());
  CHECK(after(disk, {}) == "xx");
}

TEST_CASE("a stop after a rename has renamed, one before has not") {
  for (const auto& [when, name] :
       {std::pair(Stop::When::before, "a"), {Stop::When::middle, "b"}, {Stop::When::after, "b"}}) {
    MemoryDisk disk = disk_with("");
    disk.stop_at({.when = when});
    CHECK(disk.rename("a", "b").error().code == Code::io);
    disk.restart();
    CHECK(*disk.list("") == List{name});
  }
}

TEST_CASE("a full disk takes what fits and says so, and lets existing bytes be overwritten") {
  MemoryDisk disk = disk_with("12345");
  disk.set_quota(8);
  CHECK(*disk.free_bytes() == 3);
  const auto file = open(disk, "a");
  CHECK(file->write(4, "abcdefg").error().code == Code::no_space);
  CHECK(disk.bytes("a") == "1234abcd");
  CHECK(*disk.free_bytes() == 0);
  CHECK(file->write(0, "ABCDEFGH"));
  CHECK(disk.create("b").error().code == Code::no_space);
  REQUIRE(disk.remove("a"));
  CHECK(*disk.free_bytes() == 0);  // it is still open
  disk.restart();
  CHECK(*disk.free_bytes() == 8);
  CHECK(disk.create("b"));
}

TEST_CASE("a misdirected write succeeds and lands elsewhere") {
  MemoryDisk disk = disk_with("aaaa");
  disk.put("b", "bbbb");
  disk.misdirect({.nth = 2, .path = "b", .at = 1});
  const auto file = open(disk, "a");
  CHECK(file->write(0, "1"));
  CHECK(file->write(1, "2"));
  CHECK(file->write(2, "3"));
  CHECK(disk.bytes("a") == "1a3a");
  CHECK(disk.bytes("b") == "b2bb");
}

TEST_CASE("damage at rest is seen and durable at once") {
  MemoryDisk disk = disk_with("abcdefgh");
  disk.put("b", "ABCDEFGH");
  disk.flip("a", 0, 0x20);
  disk.zero("a", 1, 1);
  disk.swap("a", 2, "b", 2, 2);
  disk.copy("b", 0, "b", 6, 2);
  disk.overwrite("a", 7, "!");
  const std::string a = std::string("A\0CDefg!", 8);
  CHECK(disk.bytes("a") == a);
  CHECK(after(disk, {}) == a);
  CHECK(disk.bytes("b") == "ABcdEFAB");
  disk.shift("b", 3, 2);
  CHECK(disk.bytes("b") == std::string("ABc\0\0dEF", 8));
  disk.garble("b", 0, 8, 1);
  CHECK(disk.bytes("b") != std::string("ABc\0\0dEF", 8));
  disk.cut("b", 3);
  CHECK(after(disk, {}, "b").size() == 3);
  REQUIRE(open(disk, "b")->write(5, "!"));
  CHECK(disk.bytes("b").substr(3) == std::string("\0\0!", 3));
  disk.lose("a");
  disk.crash({.names = Names::kept});
  CHECK(disk.files() == List{"b"});
}

TEST_CASE("a copy of a disk and its original go separate ways") {
  MemoryDisk disk = disk_with("abc");
  const auto file = open(disk, "a");
  REQUIRE(file->write(0, "x"));

  MemoryDisk copy = disk;
  REQUIRE(file->sync());
  REQUIRE(open(copy, "a")->write(1, "y"));
  REQUIRE(copy.create("b"));

  CHECK(after(disk, {}) == "xbc");
  CHECK(copy.bytes("a") == "xyc");
  CHECK(after(copy, {}) == "abc");
  CHECK(disk.files() == List{"a"});

  disk = copy;
  CHECK(disk.files() == List{"a", "b"});
  CHECK(file->size().error().code == Code::io);
}

TEST_CASE("a hook hears of every call, from outside of the lock") {
  MemoryDisk disk;
  std::vector<std::pair<Call, std::string>> heard;
  disk.before_call([&](Call call, const std::string& path) {
    heard.emplace_back(call, path + std::to_string(disk.files().size()));
  });
  REQUIRE((*disk.create("a"))->sync());
  CHECK(heard ==
        std::vector<std::pair<Call, std::string>>{{Call::create, "a0"}, {Call::sync, "a1"}});
}

TEST_CASE("four megabytes of zeros take no time to copy and none to keep") {
  MemoryDisk disk = disk_with("");
  const auto file = open(disk, "a");
  const std::string zeros(1 << 20, '\0');
  for (uint64_t at = 0; at < 4 << 20; at += zeros.size()) REQUIRE(file->write(at, zeros));
  REQUIRE(file->sync());
  // 20,000 copies would be 80 GB. This only has to end.
  std::vector<MemoryDisk> copies(200, disk);
  for (int round = 0; round < 100; ++round) {
    for (MemoryDisk& copy : copies) copy = disk;
  }
  CHECK(after(copies.back(), {}).size() == 4 << 20);
}
