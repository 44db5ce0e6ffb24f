#include "log/mend.h"

#include <doctest/doctest.h>

#include "log/mend_cases.h"
#include "log/patient.h"
#include "log/test_peers.h"

using namespace ledger;
using namespace ledger::log;

namespace {

Remains look(Patient& patient) {
  Result<Remains> remains = Remains::look(patient.disk);
  REQUIRE_MESSAGE(remains, (remains ? "" : remains.error().message));
  return *std::move(remains);
}

/// A peer with the same log, all of it whole.
Peer twin(const Patient& patient, Index committed) {
  return healthy_peer(patient.entries, committed);
}

void check_equal(Patient& patient, const std::vector<Entry>& expected) {
  const std::string problem = patient.differs_from(expected);
  CHECK(problem == "");
}

}  // namespace

TEST_CASE("a whole log needs nothing") {
  Patient patient;
  CHECK(look(patient).whole());
  CHECK(look(patient).end() == LogEnd{Index(40), Term(3)});
  CHECK(look(patient).committed() == Index(25));
  CHECK(look(patient).configuration() == "members of 38");
  CHECK(mend_with(patient.disk, {}).whole);
  check_equal(patient, patient.entries);
}

TEST_CASE("committed entries are taken from any peer, and the segment keeps its name and place") {
  Patient patient;
  const std::string before = patient.disk.bytes(segment_path(1));
  patient.spoil(Index(4));
  patient.spoil(Index(5));
  const Remains remains = look(patient);
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

  const Mended mended = mend_with(patient.disk, {twin(patient, Index(25))});
  CHECK(mended.problem == "");
  REQUIRE(mended.whole);
  CHECK(mended.replaced_from == Index(0));
  patient.disk.crash();
  check_equal(patient, patient.entries);
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
    REQUIRE(mend_with(patient.disk, {twin(patient, Index(20))}).whole);
    check_equal(patient, patient.entries);
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
    check_equal(patient, expected);
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
  check_equal(patient, {other.begin(), other.begin() + 28});
}

TEST_CASE("where the end is not known, only a leader can say what is enough") {
  for (const std::string how : {"header", "short", "lost"}) {
    CAPTURE(how);
    Patient patient;
    const std::string newest = patient.newest();
    if (how == "header") patient.disk.flip(newest, 100);
    if (how == "short") patient.disk.cut(newest, patient.disk.bytes(newest).size() - 1);
    if (how == "lost") patient.disk.lose(newest);
    CHECK_FALSE(look(patient).end());
    CHECK_FALSE(patient.opens());
    const Peer peer = twin(patient, Index(38));
    CHECK(mend_with(patient.disk, {peer}).waits);
    // The leader of the term that we voted in must commit all that it may have sent to us.
    CHECK(mend_with(patient.disk, {peer}, Confirmed{Term(4), Index(38), Index(40)}).waits);
    CHECK_FALSE(patient.opens());
    io::MemoryDisk later = patient.disk;
    std::swap(later, patient.disk);
    REQUIRE(mend_with(patient.disk, {peer}, Confirmed{Term(5), Index(38), Index(40)}).whole);
    check_equal(patient, {patient.entries.begin(), patient.entries.begin() + 38});
    patient.disk = later;
    REQUIRE(mend_with(patient.disk, {twin(patient, Index(40))},
                      Confirmed{Term(4), Index(38), Index(40)})
                .whole);
    check_equal(patient, patient.entries);
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
      const Remains remains = look(patient);
      CHECK(remains.end() == LogEnd{Index(40), Term(3)});
      REQUIRE(remains.holes().size() == (lost || number == 2 ? 1 : 0));
      const Mended mended = mend_with(patient.disk, {twin(patient, Index(25))});
      CHECK(mended.problem == "");
      REQUIRE(mended.whole);
      check_equal(patient, patient.entries);
    }
  }
}

TEST_CASE("single traps") {
  CHECK(dead_segment_stays_dead() == "");
  CHECK(short_end_is_no_end() == "");
  CHECK(leader_of_our_term_must_commit_more() == "");
  CHECK(unknown_end_needs_a_leader() == "");
  CHECK(bad_copy_replaces_nothing() == "");
  CHECK(mended_entries_testify() == "");
  CHECK(moved_entries_are_found() == "");
}

TEST_CASE("with all segments lost, the vote copies still say what was there") {
  Patient patient;
  for (const std::string& path : patient.disk.files()) {
    if (path.ends_with(".seg")) patient.disk.lose(path);
  }
  CHECK(look(patient).holes().front().end == Index(41));
  CHECK(mend_with(patient.disk, {twin(patient, Index(40))}).waits);
  REQUIRE(
      mend_with(patient.disk, {twin(patient, Index(40))}, Confirmed{Term(5), Index(40), Index(40)})
          .whole);
  check_equal(patient, patient.entries);
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
  const auto of_a = std::make_shared<const Remains>(look(a));
  const auto of_b = std::make_shared<const Remains>(look(b));
  // Neither knows of the entries above 25 that they are committed, and there is no third.
  REQUIRE(mend_with(a.disk, {damaged_peer(of_b)}).whole);
  REQUIRE(mend_with(b.disk, {damaged_peer(of_a)}).whole);
  check_equal(a, a.entries);
  check_equal(b, b.entries);
}

TEST_CASE("an entry that both lost is missing for both, and both wait") {
  Patient a;
  Patient b;
  a.spoil(Index(30));
  b.spoil(Index(30));
  const auto of_b = std::make_shared<const Remains>(look(b));
  CHECK(mend_with(a.disk, {damaged_peer(of_b)}).waits);
  CHECK_FALSE(a.opens());
}

TEST_CASE("peers are told what is committed, and more only if they name what follows") {
  Patient patient;
  patient.spoil(Index(30));
  const Remains remains = look(patient);
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
  Mend mend = Mend::begin(patient.disk, random, patient.options.segment_bytes).value();
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
  check_equal(patient, patient.entries);
}

TEST_CASE("without room nothing is lost, and mending goes on when there is some") {
  Patient patient;
  patient.spoil(Index(5));
  patient.spoil(Index(38));
  uint64_t used = 0;
  (void)patient.disk.remove(next_path);
  for (const std::string& path : patient.disk.files()) used += patient.disk.bytes(path).size();
  const io::MemoryDisk before = patient.disk;
  for (uint64_t room = 0; room < 7000; room += 100) {
    CAPTURE(room);
    patient.disk = before;
    patient.disk.set_quota(used + room);
    io::SeededRandom random(1);
    Mend mend = Mend::begin(patient.disk, random, patient.options.segment_bytes).value();
    const Result<std::optional<Mend::Need>> need = mend.next();
    if (room < patient.options.segment_bytes) {
      REQUIRE_FALSE(need);
      CHECK(need.error().code == Code::no_space);
    }
    const Mended mended = mend_with(mend, {twin(patient, Index(25))});
    if (!mended.whole) {
      CHECK(mended.problem.find("mend") != std::string::npos);
      CHECK_FALSE(patient.opens());
      patient.disk.set_quota(std::nullopt);
      REQUIRE(mend_with(mend, {twin(patient, Index(25))}).whole);
    }
    patient.disk.set_quota(std::nullopt);
    check_equal(patient, patient.entries);
  }
}

TEST_CASE("what the disk can't read is lost as well") {
  for (const uint64_t nth : {1, 2, 3, 4, 5, 6, 7, 8}) {
    CAPTURE(nth);
    Patient patient;
    io::SeededRandom random(1);
    patient.disk.fail({.call = io::Call::read, .path = segment_path(1), .nth = nth});
    Result<Mend> mend = Mend::begin(patient.disk, random, patient.options.segment_bytes);
    REQUIRE(mend);
    REQUIRE(mend_with(*mend, {twin(patient, Index(25))}).whole);
    patient.disk.drop_plans();
    check_equal(patient, patient.entries);
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
  REQUIRE(mend_with(patient.disk, {twin(patient, Index(25))}).whole);
  patient.disk.crash();
  CHECK_FALSE(*mend_requested(patient.disk));
  check_equal(patient, patient.entries);
}
