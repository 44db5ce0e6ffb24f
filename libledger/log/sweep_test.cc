// Everything that can go wrong at one place, at every place.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <functional>

#include "log/scan.h"
#include "log/test_entries.h"
#include "log/truth.h"
#include "log/verify.h"

using namespace ledger;
using namespace ledger::log;

namespace {

bool night() {
  return std::getenv("LEDGER_NIGHT") != nullptr;
}

constexpr Options small = {.segment_bytes = 6 << 10, .cache_bytes = 0};

/// A short life with every kind of write: found, append, vote, begin the next segment, cut, idle
/// save, close, open again. Ends at the first call that fails.
class Script {
 public:
  explicit Script(io::MemoryDisk& disk) : disk_(disk) {}

  void run() {
    truth.base = truth.planned = {founding_entry()};
    truth.vote = {Term(1), MemberId()};
    if (!Log::create(disk_, random_, test_cluster(), small, founding_entry())) return;
    founded = true;
    for (int life = 0; life < 2; ++life) {
      Result<std::unique_ptr<Log>> log = Log::open(disk_, random_, test_cluster(), small);
      if (!log) return;
      if (!live(**log)) return;
    }
    finished = true;
  }

  /// Recovers, if need be by founding again what was not founded, and compares with the truth.
  std::string recover() {
    if (!founded) {
      const Result<bool> exists = Log::exists(disk_);
      if (!exists) return exists.error().message;
      if (!*exists) {
        const Result<void> created =
            Log::create(disk_, random_, test_cluster(), small, founding_entry());
        if (!created) return created.error().message;
      }
    }
    const Result<std::unique_ptr<Log>> log = Log::open(disk_, random_, test_cluster(), small);
    if (!log) return log.error().message;
    return truth.take_recovered(**log);
  }

  Truth truth;
  bool founded = false;
  bool finished = false;

 private:
  bool live(Log& log) {
    Maker maker(log);
    const auto append = [&](std::vector<Entry> entries) {
      if (!log.append(entries)) return false;
      truth.append(entries);
      return true;
    };
    const auto drain = [&] {
      if (!log.drain()) return false;
      truth.drained();
      return true;
    };
    if (!append({maker.records(2, 100), maker.noop()}) || !drain()) return false;
    truth.committed = log.last_index();
    log.set_committed(truth.committed);
    const Maker fork = maker;
    if (!append({maker.records(1, 300), maker.records(1, 30)}) || !drain()) return false;

    const Vote vote{log.last_term() + 3, MemberId(9)};
    log.save_vote(vote);
    truth.queued_votes.push_back(vote);
    if (!drain()) return false;

    // The next segment begins because this one is full, and then because of a new leader.
    if (!append({maker.records(1, 1500), maker.records(1, 1500)}) || !drain()) return false;
    Maker leader = fork;
    leader.term = vote.term;
    if (!append({leader.noop(), leader.records(1, 200)}) || !drain()) return false;
    if (!append({leader.membership("others"), leader.records(3, 50)}) || !drain()) return false;
    log.save_idle();
    return drain() && drain();
  }

  io::MemoryDisk& disk_;
  io::SeededRandom random_{3};
};

/// One way for a call to go wrong, and what the power cut after it does.
struct Fate {
  std::string name;
  std::function<void(io::MemoryDisk&, uint64_t nth)> plan;
  std::function<void(io::MemoryDisk&)> after;
};

std::vector<Fate> fates() {
  const auto crash = [](io::Crash how) { return [how](io::MemoryDisk& disk) { disk.crash(how); }; };
  const auto stop = [](io::Stop::When when, uint64_t bytes) {
    return [=](io::MemoryDisk& disk, uint64_t nth) {
      disk.stop_at({.nth = nth, .when = when, .written_bytes = bytes});
    };
  };
  using When = io::Stop::When;
  using Writes = io::Writes;
  using Names = io::Names;
  std::vector<Fate> all = {
      {"before, all lost", stop(When::before, 0), crash({})},
      {"before, writes kept", stop(When::before, 0), crash({.writes = Writes::kept})},
      {"before, names kept", stop(When::before, 0), crash({.names = Names::kept})},
      {"after, all lost", stop(When::after, 0), crash({})},
      {"after, all kept", stop(When::after, 0),
       crash({.writes = Writes::kept, .names = Names::kept})},
      {"after, any sectors", stop(When::after, 0),
       crash({.seed = 5, .writes = Writes::torn, .rest = io::Rest::drawn, .names = Names::kept})},
      {"before, process only", stop(When::before, 0), [](io::MemoryDisk& disk) { disk.restart(); }},
      {"middle of a sync", stop(When::middle, 0), crash({.names = Names::kept})},
      {"error, then all lost",
       [](io::MemoryDisk& disk, uint64_t nth) { disk.fail({.nth = nth, .forget = false}); },
       crash({})},
      {"error, then a new process",
       [](io::MemoryDisk& disk, uint64_t nth) { disk.fail({.nth = nth, .forget = false}); },
       [](io::MemoryDisk& disk) { disk.restart(); }},
      {"sync error that forgets, then a new process and a power cut later",
       [](io::MemoryDisk& disk, uint64_t nth) {
         disk.fail({.call = io::Call::sync, .nth = nth, .forget = true});
       },
       [](io::MemoryDisk& disk) { disk.restart(); }},
  };
  for (const uint64_t torn : {1, 13, 511}) {
    all.push_back({fmt::format("torn at {}", torn), stop(When::middle, torn),
                   crash({.writes = Writes::kept, .names = Names::kept})});
    all.push_back({fmt::format("written, torn at {}", torn), stop(When::after, 0),
                   crash({.writes = Writes::torn, .torn_bytes = torn, .names = Names::kept})});
  }
  return all;
}

}  // namespace

TEST_CASE("a crash or an error at any call loses nothing, nor does another one in the recovery") {
  uint64_t crashes = 0;
  uint64_t recoveries = 0;
  for (const Fate& fate : fates()) {
    CAPTURE(fate.name);
    bool finished = false;
    for (uint64_t nth = 1; !finished; ++nth) {
      CAPTURE(nth);
      REQUIRE(nth < 1000);
      io::MemoryDisk disk;
      Script script(disk);
      fate.plan(disk, nth);
      script.run();
      finished = script.finished;
      fate.after(disk);
      ++crashes;

      bool recovered = false;
      for (uint64_t inner = 1; !recovered; ++inner) {
        CAPTURE(inner);
        REQUIRE(inner < 100);
        io::MemoryDisk again = disk;
        Script second(again);
        second.truth = script.truth;
        second.founded = script.founded;
        fate.plan(again, inner);
        recovered = second.recover().empty();
        fate.after(again);
        // A power cut after the recovery, which was promised to be durable.
        const std::string problem = second.recover();
        REQUIRE_MESSAGE(problem.empty(), problem);
        again.crash();
        const std::string later = second.recover();
        REQUIRE_MESSAGE(later.empty(), later);
        ++recoveries;
      }
    }
  }
  MESSAGE(fmt::format("{} crashes, {} recoveries with a crash of their own", crashes, recoveries));
}

TEST_CASE("a disk that is full at any byte refuses writes, serves reads, votes, and goes on") {
  for (uint64_t room = 0; room < 40'000; room += night() ? 64 : 500) {
    CAPTURE(room);
    io::MemoryDisk disk;
    io::SeededRandom random(3);
    REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
    std::unique_ptr<Log> log = Log::open(disk, random, test_cluster(), small).value();
    uint64_t used = 0;
    for (const std::string& path : disk.files()) used += disk.bytes(path).size();
    disk.set_quota(used + room);
    Truth::State written = {founding_entry()};
    bool refused = false;
    Vote vote{Term(1), MemberId()};
    for (int i = 0; i < 30; ++i) {
      if (i == 20) {
        disk.set_quota(std::nullopt);
        REQUIRE(log->drain());
        CHECK(log->has_room(1000));
        CHECK_FALSE(log->waits_for_room());
      }
      Maker maker(*log);
      const Entry entry = maker.records(1, 900);
      const Result<void> appended = log->append(std::span(&entry, 1));
      if (appended) {
        written.push_back(entry);
      } else {
        REQUIRE(appended.error().code == Code::no_space);
        CHECK(i < 20);
        CHECK_FALSE(log->has_room(5000));
        refused = true;
      }
      vote = {vote.term + 1, MemberId(3)};
      log->save_vote(vote);
      REQUIRE(log->drain());
      REQUIRE(log->drain());
      CHECK(log->last_index().value == written.size());
      const auto read = log->read(Index(1), log->last_index() + 1, SIZE_MAX / 4);
      REQUIRE(read);
      CHECK(common(*read, written) == written.size());
    }
    if (room < 10'000) CHECK(refused);
    CHECK(log->synced_index() == log->last_index());
    log.reset();
    disk.crash();
    log = Log::open(disk, random, test_cluster(), small).value();
    const auto read = log->read(Index(1), log->last_index() + 1, SIZE_MAX / 4);
    REQUIRE(read);
    CHECK(read->size() == written.size());
    CHECK(log->recovered().vote == vote);
  }
}

namespace {

/// A clean log over three segments, and a way to look at damaged copies of it.
class Patient {
 public:
  Patient() {
    io::SeededRandom random(4);
    REQUIRE(Log::create(disk, random, test_cluster(), options, founding_entry()));
    std::unique_ptr<Log> log = Log::open(disk, random, test_cluster(), options).value();
    Maker maker(*log);
    entries = {founding_entry()};
    while (log->size().first < 3 || entries.size() % 9 != 0) {
      entries.push_back(entries.size() % 8 == 5 ? maker.noop()
                                                : maker.records(2, 100 + entries.size() % 300));
      REQUIRE(log->append(std::span(&entries.back(), 1)));
      if (entries.size() % 3 == 0) REQUIRE(log->drain());
    }
    REQUIRE(log->drain());
    log->set_committed(log->last_index());
    log->save_idle();
    REQUIRE(log->drain());
    REQUIRE(log->drain());
    log.reset();
    disk.crash();
    for (const std::string& path : disk.files()) bytes += disk.bytes(path).size();
  }

  /// What is wrong with how a damaged copy is treated; nothing where the damage is noticed, or
  /// where all that is read is right and complete. `harmless`: it must not even be noticed.
  std::string examine(io::MemoryDisk& damaged, bool harmless) {
    // The offline readers first: they change nothing.
    Result<VerifyReport> report = verify(damaged, {});
    const bool noticed = !report || report->corrupt() || report->torn();
    if (std::string problem = scan(damaged, noticed); !problem.empty()) return problem;

    io::SeededRandom random(6);
    const Result<std::unique_ptr<Log>> log = Log::open(damaged, random, test_cluster(), options);
    if (!log) {
      if (harmless) return "harmless, but " + log.error().message;
      if (!noticed) return "open notices what verify does not: " + log.error().message;
      if (log.error().code != Code::corrupt_segment && log.error().code != Code::offset_gap &&
          log.error().code != Code::cluster_id_mismatch) {
        return log.error().message;
      }
      return {};
    }
    if ((*log)->last_index().value != entries.size()) {
      return fmt::format("{} entries of {}", (*log)->last_index().value, entries.size());
    }
    if ((*log)->recovered().vote != Vote{Term(1), MemberId()}) return "another vote";
    return read(**log, noticed);
  }

  std::string newest() const {
    std::string path;
    for (const std::string& file : disk.files()) path = file.ends_with(".seg") ? file : path;
    return path;
  }

  static constexpr Options options = {.segment_bytes = 12 << 10, .cache_bytes = 0};
  io::MemoryDisk disk;
  Truth::State entries;
  uint64_t bytes = 0;

 private:
  std::string scan(io::MemoryDisk& damaged, bool noticed) {
    Result<Scan> scan = Scan::open(damaged);
    if (!scan) return noticed ? "" : "scan: " + scan.error().message;
    scan->read_all();  // The newest commit index may be in a copy that is damaged.
    for (size_t i = 0;; ++i) {
      const Result<std::optional<Scan::Item>> item = scan->next();
      if (!item) return noticed ? "" : "scan: " + item.error().message;
      if (!*item) {
        return i == entries.size() || noticed ? "" : "scan ends early, and nobody notices";
      }
      if (i >= entries.size() || !same((*item)->entry, entries[i])) return "scan: another entry";
    }
  }

  std::string read(const Log& log, bool noticed) {
    Index next(1);
    const Index end(entries.size() + 1);
    while (next < end) {
      const Result<std::vector<Entry>> read = log.read(next, end, SIZE_MAX / 4);
      if (!read) {
        if (!noticed) return "read notices what verify does not: " + read.error().message;
        next = next + 1;
        continue;
      }
      if (read->empty()) return "nothing read";
      for (const Entry& entry : *read) {
        if (entry.index != next || !same(entry, entries[next.value - 1])) return "another entry";
        next = next + 1;
      }
    }
    return {};
  }
};

bool derived(const std::string& path) {
  return path.ends_with(".idx") || path.ends_with(".tmp");
}

}  // namespace

TEST_CASE("a flip of any byte of any file is noticed or does no harm") {
  Patient patient;
  MESSAGE(fmt::format("{} bytes in {} files", patient.bytes, patient.disk.files().size()));
  for (const std::string& path : patient.disk.files()) {
    CAPTURE(path);
    const uint64_t size = patient.disk.bytes(path).size();
    const bool vote = path.starts_with("vote");
    for (uint64_t at = 0; at < size; ++at) {
      // A prepared segment is one long row of equal zeros.
      if (path.ends_with(".tmp") && at > 200 && at % 997 != 0) continue;
      CAPTURE(at);
      const bool every_bit = night() || vote || at < 136;
      for (int bit = 0; bit < 8; bit += every_bit ? 1 : 8) {
        io::MemoryDisk damaged = patient.disk;
        damaged.flip(path, at, static_cast<uint8_t>(1 << (every_bit ? bit : at % 8)));
        const std::string problem = patient.examine(damaged, derived(path) || vote);
        REQUIRE_MESSAGE(problem.empty(), problem);
      }
    }
  }
}

TEST_CASE("a cut of any file at any byte is noticed or does no harm") {
  Patient patient;
  for (const std::string& path : patient.disk.files()) {
    CAPTURE(path);
    const uint64_t size = patient.disk.bytes(path).size();
    for (uint64_t at = 0; at < size; ++at) {
      if (path.ends_with(".tmp") && at % 97 != 0) continue;
      CAPTURE(at);
      io::MemoryDisk damaged = patient.disk;
      damaged.cut(path, at);
      const std::string problem =
          patient.examine(damaged, derived(path) || path.starts_with("vote"));
      REQUIRE_MESSAGE(problem.empty(), problem);
    }
  }
}

TEST_CASE("zeroed, swapped, repeated and lost blocks and files are noticed or do no harm") {
  constexpr uint64_t block = 512;
  Patient patient;
  struct Block {
    std::string path;
    uint64_t at;
  };
  std::vector<Block> blocks;
  for (const std::string& path : patient.disk.files()) {
    if (path.ends_with(".tmp")) continue;
    const uint64_t size = patient.disk.bytes(path).size();
    for (uint64_t at = 0; at + block <= size; at += block) blocks.push_back({path, at});
  }
  const auto examine = [&](io::MemoryDisk& damaged, bool harmless = false) {
    const std::string problem = patient.examine(damaged, harmless);
    REQUIRE_MESSAGE(problem.empty(), problem);
  };
  for (const Block& one : blocks) {
    CAPTURE(one.path);
    CAPTURE(one.at);
    const bool copy = derived(one.path) || one.path.starts_with("vote");
    io::MemoryDisk zeroed = patient.disk;
    zeroed.zero(one.path, one.at, block);
    examine(zeroed, copy);
    io::MemoryDisk garbled = patient.disk;
    garbled.garble(one.path, one.at, block, one.at);
    examine(garbled, copy);
    for (const Block& other : blocks) {
      CAPTURE(other.path);
      CAPTURE(other.at);
      io::MemoryDisk repeated = patient.disk;
      repeated.copy(one.path, one.at, other.path, other.at, block);
      examine(repeated);
      if (&other <= &one) continue;
      // The last entry and the copy that testifies for it at once: the documented window.
      const bool last_witness = one.path == patient.newest() && other.path.starts_with("vote");
      if (last_witness) continue;
      io::MemoryDisk swapped = patient.disk;
      swapped.swap(one.path, one.at, other.path, other.at, block);
      examine(swapped);
    }
  }
  for (const std::string& path : patient.disk.files()) {
    CAPTURE(path);
    io::MemoryDisk damaged = patient.disk;
    damaged.lose(path);
    examine(damaged, derived(path) || path.starts_with("vote"));
  }
}
