#include "log/mend_cases.h"

#include "log/patient.h"
#include "log/test_peers.h"

namespace ledger::log {

std::string dead_segment_stays_dead() {
  Patient patient;
  const std::string path = patient.newest();
  const std::string dead = patient.disk.bytes(path);
  const uint64_t common = Remains::look(patient.disk)->parts().back().first.value - 1;
  const std::vector<Entry> other = fork(patient.entries, common, 60, Term(5));
  {
    // A leader of term 5 cuts it away; the file comes back.
    const auto log = patient.open().value();
    if (!log->append(std::span(other).subspan(common)) || !log->drain()) return "no cut";
    log->set_committed(Index(60));
    log->save_idle();
    if (!log->drain()) return "no idle save";
  }
  patient.disk.put(path, dead);
  const uint64_t successor = number_of(path.substr(9), ".seg").value() + 1;
  patient.disk.lose(segment_path(successor));
  if (!mend_with(patient.disk, {healthy_peer(other, Index(60))}).whole) return "it is not mended";
  patient.vote = {Term(5), MemberId()};
  return patient.differs_from(other);
}

std::string short_end_is_no_end() {
  Patient patient({.idle = false});
  // The entries of the last sync, and with them all that testifies for them.
  const Patient::Place last = patient.place(Remains::look(patient.disk)->synced().index + 1);
  patient.disk.cut(last.path, last.position);
  const Peer twin = healthy_peer(patient.entries, Index(30));
  if (!mend_with(patient.disk, {twin}).waits) return "entries that were durable are not missed";
  return patient.opens() ? "it opens" : "";
}

std::string leader_of_our_term_must_commit_more() {
  Fence fence(Term(4), {Index(90), Term(4)}, LogEnd{Index(100), Term(4)});
  if (!fence.hear({Term(4), Index(95), Index(120)})) return "the leader is not heard";
  return fence.reach() == Index(100) ? "" : "the commit index is enough";
}

std::string unknown_end_needs_a_leader() {
  Patient patient;
  patient.disk.flip(patient.newest(), 100);
  const Peer twin = healthy_peer(patient.entries, Index(40));
  if (!mend_with(patient.disk, {twin}).waits) return "it does not wait for a leader";
  const Confirmed leader{patient.vote.term, Index(38), Index(40)};
  if (!mend_with(patient.disk, {healthy_peer(patient.entries, Index(38))}, leader).waits) {
    return "it does not wait for what the leader may have sent";
  }
  if (!mend_with(patient.disk, {twin}, leader).whole) return "it waits for ever";
  return patient.differs_from(patient.entries);
}

std::string bad_copy_replaces_nothing() {
  for (uint64_t nth = 1; nth <= 4; ++nth) {
    Patient patient;
    patient.spoil(Index(4));
    const std::string before = patient.disk.bytes(segment_path(1));
    const std::string elsewhere = segment_path(2);
    patient.disk.misdirect({.nth = nth, .path = elsewhere, .at = 60 << 10});
    const Mended mended = mend_with(patient.disk, {healthy_peer(patient.entries, Index(40))});
    const bool hit = patient.disk.bytes(elsewhere).size() > (60 << 10);
    if (!hit) continue;
    if (mended.whole) return "a write that went astray is not noticed";
    if (patient.disk.bytes(segment_path(1)) != before) return "the old segment is gone";
  }
  return {};
}

std::string mended_entries_testify() {
  Patient patient({.segment_bytes = 64 << 10, .idle = false});
  const Index lost = Remains::look(patient.disk)->synced().index;
  patient.spoil(lost);
  if (!mend_with(patient.disk, {healthy_peer(patient.entries, Index(40))}).whole) {
    return "it is not mended";
  }
  // Before the next start, and with all that stands behind it.
  const Patient::Place again = patient.place(lost);
  patient.disk.zero(again.path, again.position,
                    patient.disk.bytes(again.path).size() - again.position);
  return patient.opens() ? "what was mended and is lost again is taken for a torn tail" : "";
}

std::string moved_entries_are_found() {
  // Large enough for points in the .idx files.
  Patient patient({.count = 4000, .committed = 3999, .segment_bytes = 256 << 10});
  if (!patient.differs_from(patient.entries).empty()) return "it was never whole";
  patient.disk.flip(segment_path(2), 60);
  const uint64_t indexes = patient.disk.bytes(index_path(2)).size();
  if (indexes < 100) return "there are no points";
  if (!mend_with(patient.disk, {healthy_peer(patient.entries, Index(4000))}).whole) {
    return "it is not mended";
  }
  const auto log = patient.open().value();
  for (const Entry& entry : patient.entries) {
    const auto found = log->read(entry.index, entry.index + 1, 1);
    if (!found) return found.error().message;
    if (found->empty() || !same(found->front(), entry)) return "another entry";
  }
  return {};
}

}  // namespace ledger::log
