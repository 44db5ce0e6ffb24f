// Everything that can be damaged, mended from every kind of peers.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>

#include "log/mend_history.h"

using namespace ledger;
using namespace ledger::log;

namespace {

bool night() {
  return std::getenv("LEDGER_NIGHT") != nullptr;
}

/// A log, and what becomes of damaged copies of it.
class Ward {
 public:
  /// Mends a damaged copy by a twin, with and without a leader; what is wrong, or nothing.
  std::string heal(const io::MemoryDisk& damaged) {
    ++healed;
    const uint64_t count = patient.entries.size();
    patient.disk = damaged;
    const Result<Remains> remains = Remains::look(patient.disk);
    if (!remains) return remains.error().message;
    // A twin who knows of no more commits than we do, and no leader: only a known end can be met.
    const Mended alone =
        mend_with(patient.disk, {healthy_peer(patient.entries, patient.committed)});
    if (!alone.problem.empty()) return alone.problem;
    if (alone.waits != !remains->end()) return alone.waits ? "it waits" : "it does not wait";
    if (alone.whole) return patient.differs_from(patient.entries);
    if (patient.opens()) return "it waits, and opens";
    const Confirmed leader{patient.vote.term, Index(count), Index(count)};
    const Mended led =
        mend_with(patient.disk, {healthy_peer(patient.entries, Index(count))}, leader);
    if (!led.whole) return "not even a leader helps: " + led.problem;
    return patient.differs_from(patient.entries);
  }

  Patient patient{{.count = 24, .committed = 15}};
  const io::MemoryDisk healthy = patient.disk;
  uint64_t healed = 0;
};

/// One way for a call to go wrong, and what comes after it.
struct Fate {
  const char* name;
  std::function<void(io::MemoryDisk&, uint64_t)> plan;
  std::function<void(io::MemoryDisk&)> after;
};

std::vector<Fate> fates() {
  using When = io::Stop::When;
  const auto stop = [](When when, uint64_t bytes) {
    return [=](io::MemoryDisk& disk, uint64_t nth) {
      disk.stop_at({.nth = nth, .when = when, .written_bytes = bytes});
    };
  };
  const auto crash = [](io::Crash how) { return [=](io::MemoryDisk& disk) { disk.crash(how); }; };
  const auto restart = [](io::MemoryDisk& disk) { disk.restart(); };
  const auto fail = [](io::MemoryDisk& disk, uint64_t nth) {
    disk.fail({.nth = nth, .forget = false});
  };
  return {
      {"before, lost", stop(When::before, 0), crash({})},
      {"before, kept", stop(When::before, 0),
       crash({.writes = io::Writes::kept, .names = io::Names::kept})},
      {"after, lost", stop(When::after, 0), crash({})},
      {"after, names kept", stop(When::after, 0), crash({.names = io::Names::kept})},
      {"after, any sectors", stop(When::after, 0),
       crash({.seed = 5,
              .writes = io::Writes::torn,
              .rest = io::Rest::drawn,
              .names = io::Names::kept})},
      {"torn at 1", stop(When::middle, 1),
       crash({.writes = io::Writes::kept, .names = io::Names::kept})},
      {"torn at 511", stop(When::middle, 511), crash({.writes = io::Writes::kept})},
      {"process only", stop(When::after, 0), restart},
      {"error, then lost", fail, crash({})},
      {"error, then a new process", fail, restart},
  };
}

}  // namespace

TEST_CASE("a flip of any byte, a cut at any length, a lost block or file is mended") {
  Ward ward;
  for (const std::string& path : ward.healthy.files()) {
    CAPTURE(path);
    if (path.ends_with(".tmp")) continue;
    const std::string bytes = ward.healthy.bytes(path);
    const auto heal = [&](const char* how, uint64_t at, auto damage) {
      CAPTURE(how);
      CAPTURE(at);
      io::MemoryDisk damaged = ward.healthy;
      damage(damaged);
      const std::string problem = ward.heal(damaged);
      REQUIRE_MESSAGE(problem.empty(), problem);
    };
    const uint64_t used = bytes.find_last_not_of('\0') + 1;
    for (uint64_t at = 0; at < bytes.size();) {
      heal("flip", at,
           [&](io::MemoryDisk& disk) { disk.flip(path, at, static_cast<uint8_t>(1 << at % 8)); });
      heal("cut", at, [&](io::MemoryDisk& disk) { disk.cut(path, at); });
      // Long rows of zeros are all alike.
      const bool empty = at >= used || bytes.find_first_not_of('\0', at) > at + 200;
      at += empty ? 61 : 1;
    }
    for (uint64_t at = 0; at + 512 <= bytes.size(); at += 512) {
      heal("zero", at, [&](io::MemoryDisk& disk) { disk.zero(path, at, 512); });
      heal("garble", at, [&](io::MemoryDisk& disk) { disk.garble(path, at, 512, at); });
      for (const std::string& other : ward.healthy.files()) {
        const bool segments = path.ends_with(".seg") && other.ends_with(".seg") && path < other;
        if (!segments || ward.healthy.bytes(other).size() < at + 512) continue;
        heal("swap", at, [&](io::MemoryDisk& disk) { disk.swap(path, at, other, at, 512); });
        heal("copy", at, [&](io::MemoryDisk& disk) { disk.copy(path, at, other, at, 512); });
      }
    }
    heal("lose", 0, [&](io::MemoryDisk& disk) { disk.lose(path); });
  }
  MESSAGE(fmt::format("{} damaged logs", ward.healed));
}

TEST_CASE("a crash or an error at any call while a log is mended costs nothing") {
  const std::function<void(Patient&)> damages[] = {
      [](Patient& patient) { patient.spoil(Index(3)); },
      [](Patient& patient) { patient.spoil(Index(24)); },
      [](Patient& patient) {
        patient.spoil(Index(3));
        patient.disk.flip(segment_path(2), 9);
        patient.spoil(Index(20));
      },
      [](Patient& patient) { patient.disk.lose(segment_path(1)); },
      [](Patient& patient) { patient.disk.lose(patient.newest()); },
      [](Patient& patient) { patient.disk.cut(patient.newest(), 5000); },
  };
  uint64_t crashes = 0;
  for (const auto& damage : damages) {
    Ward ward;
    damage(ward.patient);
    const io::MemoryDisk damaged = ward.patient.disk;
    const uint64_t count = ward.patient.entries.size();
    const Peer twin = healthy_peer(ward.patient.entries, Index(count));
    const Confirmed leader{ward.patient.vote.term, Index(count), Index(count)};
    for (const Fate& fate : fates()) {
      CAPTURE(fate.name);
      bool finished = false;
      for (uint64_t nth = 1; !finished; ++nth) {
        CAPTURE(nth);
        REQUIRE(nth < 200);
        ward.patient.disk = damaged;
        fate.plan(ward.patient.disk, nth);
        finished = mend_with(ward.patient.disk, {twin}, leader).whole;
        fate.after(ward.patient.disk);
        ++crashes;
        if (finished) {
          CHECK(ward.patient.differs_from(ward.patient.entries) == "");
          continue;
        }
        // Damaged, or whole: what opens has all, and what it can't read it tells.
        const io::MemoryDisk then = ward.patient.disk;
        if (const auto log = ward.patient.open()) {
          CHECK((*log)->last_index() == Index(count));
        }
        const std::string problem = ward.heal(then);
        REQUIRE_MESSAGE(problem.empty(), problem);
      }
    }
  }
  MESSAGE(fmt::format("{} crashes and errors", crashes));
}

TEST_CASE("two logs that lost different entries mend each other, whichever these are") {
  Ward a;
  Ward b;
  const uint64_t count = a.patient.entries.size();
  for (uint64_t i = 1; i <= count; ++i) {
    for (uint64_t j = 1; j <= count; ++j) {
      if (i == j) continue;
      CAPTURE(i);
      CAPTURE(j);
      a.patient.disk = a.healthy;
      b.patient.disk = b.healthy;
      a.patient.spoil(Index(i));
      b.patient.spoil(Index(j));
      const auto of_a = std::make_shared<const Remains>(*Remains::look(a.patient.disk));
      const auto of_b = std::make_shared<const Remains>(*Remains::look(b.patient.disk));
      REQUIRE(mend_with(a.patient.disk, {damaged_peer(of_b)}).whole);
      REQUIRE(mend_with(b.patient.disk, {damaged_peer(of_a)}).whole);
      REQUIRE(a.patient.differs_from(a.patient.entries) == "");
      REQUIRE(b.patient.differs_from(b.patient.entries) == "");
    }
  }
}

TEST_CASE("whatever is damaged, whoever the peers are, and whenever the power fails") {
  MendCounts counts;
  const char* one = std::getenv("LEDGER_SEED");
  const uint64_t stories = night() ? 300'000 : 3'000;
  for (uint64_t seed = 1; seed <= stories; ++seed) {
    const uint64_t number = one != nullptr ? std::strtoull(one, nullptr, 10) : seed;
    const std::string broken = MendHistory(number, counts).run();
    CAPTURE(number);
    REQUIRE_MESSAGE(broken.empty(), broken);
    if (one != nullptr) return;
  }
  MESSAGE(fmt::format(
      "{} stories: {} mended, {} of them with others' entries, {} wait, {} were "
      "whole; {} crashes and failed calls",
      stories, counts.whole, counts.replaced, counts.waiting, counts.harmless, counts.crashes));
  CHECK(counts.whole > stories / 2);
  CHECK(counts.replaced > stories / 20);
  CHECK(counts.waiting > stories / 50);
  CHECK(counts.crashes > stories / 2);
}
