#include "log/mend.h"

#include <doctest/doctest.h>

#include "log/test_peers.h"

using namespace ledger;
using namespace ledger::log;

namespace {

constexpr Options small = {.segment_bytes = 6 << 10, .cache_bytes = 0};

/// A log over several segments: terms 1 to 3, of which everything up to `committed` is known to be
/// committed, and the rest is not.
struct Patient {
  io::MemoryDisk disk;
  io::SeededRandom random{5};
  std::vector<Entry> entries = {founding_entry()};
  Index committed;
  Vote vote{Term(4), MemberId(8)};

  explicit Patient(uint64_t count = 40, uint64_t committed_count = 25)
      : committed(committed_count) {
    REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
    const auto log = open();
    Maker maker(*log);
    while (entries.size() < count) {
      const uint64_t place = entries.size();
      if (place == count / 3 || place == count - 3) maker.term = maker.term + 1;
      entries.push_back(place % 11 == 5  ? maker.membership("members of " + std::to_string(place))
                        : place % 7 == 3 ? maker.noop()
                                         : maker.records(2, 100 + place * 37 % 300));
      REQUIRE(log->append(std::span(&entries.back(), 1)));
      if (place % 3 == 0) REQUIRE(log->drain());
      if (place + 1 == committed.value) {
        REQUIRE(log->drain());
        log->set_committed(committed);
        log->save_vote(vote);
        REQUIRE(log->drain());
      }
    }
    REQUIRE(log->drain());
    log->save_idle();
    REQUIRE(log->drain());
  }

  std::unique_ptr<Log> open() { return Log::open(disk, random, test_cluster(), small).value(); }

  Remains look() {
    Result<Remains> remains = Remains::look(disk);
    REQUIRE_MESSAGE(remains, (remains ? "" : remains.error().message));
    return *std::move(remains);
  }

  /// The segment that holds an entry, and where it stands.
  struct Place {
    std::string path;
    uint64_t position = 0;
    uint64_t end = 0;
  };
  Place place(Index index) {
    const Remains remains = look();
    for (const Remains::Run& run : remains.runs()) {
      if (index < run.first || index >= run.end) continue;
      const std::string path = segment_path(remains.parts()[run.part].number);
      const auto file = disk.open(path, io::Access::read).value();
      SegmentReader reader(*file, remains.parts()[run.part].identity, run.end_position);
      for (uint64_t position = run.position;;) {
        const Frame frame = reader.at(position).value().frame;
        if (frame.entry.index == index) return {path, position, frame.end()};
        position = frame.end();
      }
    }
    FAIL("no such entry");
    return {};
  }
  void spoil(Index index) {
    const Place at = place(index);
    disk.flip(at.path, at.position + 30);
  }

  std::string newest() const {
    std::string path;
    for (const std::string& file : disk.files()) path = file.ends_with(".seg") ? file : path;
    return path;
  }

  Peer twin(Index committed_there) const { return healthy_peer(entries, committed_there); }

  /// What the log holds once it opens.
  std::vector<Entry> read() {
    const auto log = open();
    CHECK(log->recovered().vote == vote);
    return log->read(Index(1), log->last_index() + 1, SIZE_MAX / 4).value();
  }
  void check_equal(const std::vector<Entry>& expected) {
    const std::vector<Entry> found = read();
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) REQUIRE(same(found[i], expected[i]));
  }
  bool opens() { return Log::open(disk, random, test_cluster(), small).has_value(); }
};

/// A log that shares the first `common` entries, and goes on in another term.
std::vector<Entry> fork(const std::vector<Entry>& log, uint64_t common, uint64_t count, Term term) {
  io::MemoryDisk disk;
  io::SeededRandom random(9);
  REQUIRE(Log::create(disk, random, test_cluster(), small, founding_entry()));
  const auto other = Log::open(disk, random, test_cluster(), small).value();
  std::vector<Entry> entries(log.begin(), log.begin() + static_cast<ptrdiff_t>(common));
  REQUIRE(other->append(std::span(entries).subspan(1)));
  Maker maker(*other);
  maker.term = term;
  entries.push_back(maker.noop());
  while (entries.size() < count) entries.push_back(maker.records(1, 210, 3));
  return entries;
}

}  // namespace

TEST_CASE("a whole log needs nothing") {
  Patient patient;
  CHECK(patient.look().whole());
  CHECK(patient.look().end() == LogEnd{Index(40), Term(3)});
  CHECK(patient.look().committed() == Index(25));
  CHECK(patient.look().configuration() == "members of 38");
  CHECK(mend_with(patient.disk, {}).whole);
  patient.check_equal(patient.entries);
}

TEST_CASE("committed entries are taken from any peer, and the segment keeps its name and place") {
  Patient patient;
  const std::string before = patient.disk.bytes(segment_path(1));
  patient.spoil(Index(4));
  patient.spoil(Index(5));
  const Remains remains = patient.look();
  CHECK_FALSE(remains.whole());
  REQUIRE(remains.holes().size() == 1);
  const Hole& hole = remains.holes().front();
  CHECK(hole.first == Index(4));
  CHECK(hole.end == Index(6));
  CHECK(hole.anchor == LogEnd{Index(6), Term(1)});
  CHECK(hole.committed);
  CHECK(hole.offset == patient.entries[3].base_offset);
  CHECK(describe(hole) == "entries 4 to 5, records from offset 4 on");
  CHECK_FALSE(remains.damages().empty());

  const Mended mended = mend_with(patient.disk, {patient.twin(Index(25))});
  CHECK(mended.problem == "");
  REQUIRE(mended.whole);
  CHECK(mended.replaced_from == Index(0));
  patient.disk.crash();
  patient.check_equal(patient.entries);
  const std::string after = patient.disk.bytes(segment_path(1));
  CHECK(after.size() == before.size());
  CHECK(*decode_header(after) == *decode_header(before));
}

TEST_CASE("uncommitted entries come back from a log that holds what follows on them") {
  for (const uint64_t lost : {26, 30, 37, 38, 39, 40}) {
    CAPTURE(lost);
    Patient patient;
    patient.spoil(Index(lost));
    CHECK_FALSE(patient.opens());
    // A log that does not hold the anchor is of no help,
    CHECK(mend_with(patient.disk, {healthy_peer(fork(patient.entries, 25, 60, Term(9)), Index(25))})
              .waits);
    CHECK_FALSE(patient.opens());
    // one that does is, though it knows nothing of it to be committed.
    REQUIRE(mend_with(patient.disk, {patient.twin(Index(20))}).whole);
    patient.check_equal(patient.entries);
  }
}

TEST_CASE("where others went on without us, what they committed up to our end replaces ours") {
  for (const uint64_t lost : {28, 30, 38, 40}) {
    CAPTURE(lost);
    Patient patient;
    patient.spoil(Index(lost));
    const std::vector<Entry> other = fork(patient.entries, 27, 60, Term(6));
    // Not enough is committed yet: we may have acknowledged entry 40.
    CHECK(mend_with(patient.disk, {healthy_peer(other, Index(39))}).waits);
    CHECK_FALSE(patient.opens());
    const Mended mended = mend_with(patient.disk, {healthy_peer(other, Index(45))});
    CHECK(mended.problem == "");
    REQUIRE(mended.whole);
    CHECK(mended.replaced_from == Index(26));
    std::vector<Entry> expected(other.begin(), other.begin() + 40);
    patient.vote = {Term(6), MemberId()};  // An entry of term 6 is in the log.
    patient.check_equal(expected);
  }
}

TEST_CASE("a leader of a later term ends the wait though less is committed than we had") {
  Patient patient;
  patient.spoil(Index(38));
  const std::vector<Entry> other = fork(patient.entries, 27, 30, Term(6));
  const Peer peer = healthy_peer(other, Index(28));
  CHECK(mend_with(patient.disk, {peer}).waits);
  CHECK(mend_with(patient.disk, {peer}, Confirmed{Term(2), Index(28), Index(30)}).waits);
  CHECK(mend_with(patient.disk, {peer}, Confirmed{Term(6), Index(24), Index(30)}).waits);
  CHECK_FALSE(patient.opens());
  REQUIRE(mend_with(patient.disk, {peer}, Confirmed{Term(6), Index(28), Index(30)}).whole);
  patient.vote = {Term(6), MemberId()};
  patient.check_equal({other.begin(), other.begin() + 28});
}

TEST_CASE("where the end is not known, only a leader can say what is enough") {
  for (const std::string how : {"header", "short", "lost"}) {
    CAPTURE(how);
    Patient patient;
    const std::string newest = patient.newest();
    if (how == "header") patient.disk.flip(newest, 100);
    if (how == "short") patient.disk.cut(newest, patient.disk.bytes(newest).size() - 1);
    if (how == "lost") patient.disk.lose(newest);
    CHECK_FALSE(patient.look().end());
    CHECK_FALSE(patient.opens());
    const Peer peer = patient.twin(Index(38));
    CHECK(mend_with(patient.disk, {peer}).waits);
    // The leader of the term that we voted in must commit all that it may have sent to us.
    CHECK(mend_with(patient.disk, {peer}, Confirmed{Term(4), Index(38), Index(40)}).waits);
    CHECK_FALSE(patient.opens());
    io::MemoryDisk later = patient.disk;
    std::swap(later, patient.disk);
    REQUIRE(mend_with(patient.disk, {peer}, Confirmed{Term(5), Index(38), Index(40)}).whole);
    patient.check_equal({patient.entries.begin(), patient.entries.begin() + 38});
    patient.disk = later;
    REQUIRE(
        mend_with(patient.disk, {patient.twin(Index(40))}, Confirmed{Term(4), Index(38), Index(40)})
            .whole);
    patient.check_equal(patient.entries);
  }
}

TEST_CASE("a segment without a header, or without a file, is written anew in its place") {
  for (const bool lost : {false, true}) {
    for (const uint64_t number : {1, 2}) {
      CAPTURE(lost);
      CAPTURE(number);
      Patient patient;
      const std::string path = segment_path(number);
      lost ? patient.disk.lose(path) : patient.disk.flip(path, 50);
      const Remains remains = patient.look();
      CHECK(remains.end() == LogEnd{Index(40), Term(3)});
      REQUIRE(remains.holes().size() == (lost || number == 2 ? 1 : 0));
      const Mended mended = mend_with(patient.disk, {patient.twin(Index(25))});
      CHECK(mended.problem == "");
      REQUIRE(mended.whole);
      patient.check_equal(patient.entries);
    }
  }
}

TEST_CASE("below a lost header a dead segment is not taken for the log") {
  Patient patient;
  // Segment 3 is cut away by a leader of term 5, and then comes back; its successor loses its
  // header.
  const std::string path = patient.newest();
  const std::string dead = patient.disk.bytes(path);
  const Remains whole = patient.look();
  const Index first = whole.parts().back().first;
  REQUIRE(first > Index(26));
  std::vector<Entry> other = fork(patient.entries, first.value - 1, 60, Term(5));
  {
    const auto log = patient.open();
    REQUIRE(log->append(std::span(other).subspan(first.value - 1)));
    REQUIRE(log->drain());
    log->set_committed(Index(60));
    REQUIRE(log->drain());
    log->save_idle();
    REQUIRE(log->drain());
  }
  patient.disk.put(path, dead);
  const Remains after = patient.look();
  const uint64_t successor = number_of(path.substr(9), ".seg").value() + 1;
  REQUIRE(after.parts().back().number > successor);
  patient.disk.flip(segment_path(successor), 20);
  REQUIRE(mend_with(patient.disk, {healthy_peer(other, Index(60))}).whole);
  patient.vote = {Term(5), MemberId()};
  patient.check_equal(other);
}

TEST_CASE("with all segments lost, the vote copies still say what was there") {
  Patient patient;
  for (const std::string& path : patient.disk.files()) {
    if (path.ends_with(".seg")) patient.disk.lose(path);
  }
  CHECK(patient.look().holes().front().end == Index(41));
  CHECK(mend_with(patient.disk, {patient.twin(Index(40))}).waits);
  REQUIRE(
      mend_with(patient.disk, {patient.twin(Index(40))}, Confirmed{Term(5), Index(40), Index(40)})
          .whole);
  patient.check_equal(patient.entries);
}

TEST_CASE("without a whole vote copy there is nothing to mend") {
  Patient patient;
  patient.disk.flip("vote.a", 40);
  CHECK(mend_with(patient.disk, {}).whole);
  patient.disk.flip("vote.b", 40);
  const auto remains = Remains::look(patient.disk);
  REQUIRE_FALSE(remains);
  CHECK(remains.error().code == Code::corrupt_segment);
  CHECK(remains.error().hint == "ledgerctl member replace NAME --yes, with a new directory");
  io::MemoryDisk empty;
  CHECK(Remains::look(empty).error().code == Code::no_such_file);
}

TEST_CASE("two damaged logs repair each other where they lost different entries") {
  Patient a;
  Patient b;
  for (const uint64_t index : {3, 26, 33, 40}) a.spoil(Index(index));
  for (const uint64_t index : {4, 27, 34, 39}) b.spoil(Index(index));
  const auto of_a = std::make_shared<const Remains>(a.look());
  const auto of_b = std::make_shared<const Remains>(b.look());
  // Neither knows of the entries above 25 that they are committed, and there is no third.
  REQUIRE(mend_with(a.disk, {damaged_peer(of_b)}).whole);
  REQUIRE(mend_with(b.disk, {damaged_peer(of_a)}).whole);
  a.check_equal(a.entries);
  b.check_equal(b.entries);
}

TEST_CASE("an entry that both lost is missing for both, and both wait") {
  Patient a;
  Patient b;
  a.spoil(Index(30));
  b.spoil(Index(30));
  const auto of_b = std::make_shared<const Remains>(b.look());
  CHECK(mend_with(a.disk, {damaged_peer(of_b)}).waits);
  CHECK_FALSE(a.opens());
}

TEST_CASE("peers are told what is committed, and more only if they name what follows") {
  Patient patient;
  patient.spoil(Index(30));
  const Remains remains = patient.look();
  const auto count = [&](uint64_t from, uint64_t end, uint64_t term) {
    return remains.read(Index(from), Index(end), Term(term), SIZE_MAX / 4)->size();
  };
  CHECK(count(1, 41, 0) == 25);
  CHECK(count(26, 41, 0) == 0);
  CHECK(count(26, 41, 3) == 4);  // 40 is of term 3: up to the hole.
  CHECK(count(26, 41, 2) == 0);
  CHECK(count(31, 41, 3) == 10);
  CHECK(count(30, 41, 3) == 0);
  CHECK(count(29, 31, 2) == 1);  // 30 is lost, but of term 2, as its neighbours.
  CHECK(count(29, 31, 3) == 0);
  CHECK(count(26, 60, 3) == 0);
  CHECK(count(5, 5, 1) == 0);
  CHECK(count(0, 5, 1) == 0);
  CHECK(remains.read(Index(1), Index(20), Term(0), 1)->size() == 1);
}

TEST_CASE("what is not missing is refused, and asked for again") {
  Patient patient;
  patient.spoil(Index(32));
  io::SeededRandom random(1);
  Mend mend = Mend::begin(patient.disk, random, small.segment_bytes).value();
  const auto need = mend.next().value().value();
  CHECK(need.from == Index(32));
  CHECK(need.end == Index(34));
  CHECK(need.term == Term(2));
  const auto code = [&](std::vector<Entry> entries, Match match) {
    const Result<void> supplied = mend.supply({std::move(entries), Index(0), match});
    return supplied ? std::string_view("taken") : name(supplied.error().code);
  };
  CHECK(code({patient.entries[32]}, Match::holds) == "refused");  // A gap.
  Entry other = patient.entries[31];
  other.record_count = 7;
  CHECK(code({other}, Match::holds) == "refused");
  // The very entry, of a log that may be another,
  CHECK(code({patient.entries[31]}, Match::unknown) == "refused");
  // and others of a log that claims to be the same.
  other = patient.entries[31];
  other.base_offset = other.base_offset + 1;
  CHECK(code({other}, Match::holds) == "refused");
  CHECK(mend.next().value()->from == Index(32));
  other = patient.entries[31];
  other.payload = std::make_shared<const std::string>(patient.entries[30].bytes());
  other.record_count = patient.entries[30].record_count;
  CHECK(code({other}, Match::holds) == "refused");
  CHECK(mend.next().value()->from == Index(32));
  CHECK(code({}, Match::holds) == "taken");
  CHECK(mend.next().value()->from == Index(32));
  CHECK(code({patient.entries[31], patient.entries[32]}, Match::holds) == "taken");
  CHECK_FALSE(mend.next().value());
  CHECK(mend.mended() == 1);
  patient.check_equal(patient.entries);
}

TEST_CASE("without room nothing is lost, and mending goes on when there is some") {
  Patient patient;
  patient.spoil(Index(5));
  patient.spoil(Index(38));
  uint64_t used = 0;
  for (const std::string& path : patient.disk.files()) used += patient.disk.bytes(path).size();
  const io::MemoryDisk before = patient.disk;
  for (uint64_t room = 0; room < 7000; room += 100) {
    CAPTURE(room);
    patient.disk = before;
    patient.disk.lose(next_path);
    patient.disk.set_quota(used - before.bytes(next_path).size() + room);
    io::SeededRandom random(1);
    Mend mend = Mend::begin(patient.disk, random, small.segment_bytes).value();
    const Result<std::optional<Mend::Need>> need = mend.next();
    if (room < small.segment_bytes) {
      REQUIRE_FALSE(need);
      CHECK(need.error().code == Code::no_space);
    }
    const Mended mended = mend_with(mend, {patient.twin(Index(25))});
    if (!mended.whole) {
      CHECK(mended.problem.find("mend") != std::string::npos);
      CHECK_FALSE(patient.opens());
      patient.disk.set_quota(std::nullopt);
      REQUIRE(mend_with(mend, {patient.twin(Index(25))}).whole);
    }
    patient.disk.set_quota(std::nullopt);
    patient.check_equal(patient.entries);
  }
}

TEST_CASE("what the disk can't read is lost as well") {
  for (const uint64_t nth : {1, 2, 3, 4, 5, 6, 7, 8}) {
    CAPTURE(nth);
    Patient patient;
    io::SeededRandom random(1);
    patient.disk.fail({.call = io::Call::read, .path = segment_path(1), .nth = nth});
    Result<Mend> mend = Mend::begin(patient.disk, random, small.segment_bytes);
    REQUIRE(mend);
    REQUIRE(mend_with(*mend, {patient.twin(Index(25))}).whole);
    patient.disk.drop_plans();
    patient.check_equal(patient.entries);
  }
}

TEST_CASE("damage found while the node ran is mended at its next start, which the mark asks for") {
  Patient patient;
  // Below the checkpoint, where a start does not look.
  patient.spoil(Index(3));
  REQUIRE(patient.opens());
  CHECK_FALSE(*mend_requested(patient.disk));
  REQUIRE(request_mend(patient.disk, {Code::corrupt_segment, "segment 1: bad CRC"}));
  patient.disk.crash();
  REQUIRE(*mend_requested(patient.disk));
  REQUIRE(mend_with(patient.disk, {patient.twin(Index(25))}).whole);
  patient.disk.crash();
  CHECK_FALSE(*mend_requested(patient.disk));
  patient.check_equal(patient.entries);
}
