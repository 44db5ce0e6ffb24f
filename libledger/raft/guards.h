// The guards: what libraft 0.22.1 leaves open, each closed by one small function. guards_test.cc
// shows each at work and left out; `ledger-sim --planted` shows which of them simulated runs miss.
// Guards 1, 5 and 9 are decisions of the engine itself and stand where it starts an instance; those
// of reads stand in libraft_engine_reads.cc; the rest are here.
#pragma once

#include <vector>

#include "raft/engine.h"
#include "raft/trail.h"

namespace ledger::raft {

/// Named by the number that specs, tests and `Settings::guards_left_out` use.
enum class Guard : uint8_t {
  /// A sole voter begins its leadership with a term of its own, made durable first. Without it the
  /// library elects itself in the term it is in, in which another may have led: two different
  /// entries at one index and term.
  sole_voter_new_term = 1,
  change_first_in_batch = 2,
  change_after_own_commit = 3,
  drop_committed_part = 4,
  /// A member that does not know yet that it is a voter votes all the same, if its log is up to
  /// date
  /// and no leader was heard for an election timeout. Without it a voter that has not seen its
  /// promotion refuses for ever, and the cluster may be stuck for good.
  non_voter_votes = 5,
  refusal_tells_term = 6,
  leader_stays = 7,
  clamp_rejection = 8,
  /// What the library is started from is committed by what is stored. Without it the library takes
  /// the place it is started from as committed, and an entry that a leader may still cut counts as
  /// committed.
  checkpoint_committed = 9,
  answer_lower_term = 10,
  late_rejection = 11,
  withhold_demotion = 12,

  // The rules of reads, which the library knows nothing of (read_rounds.h, read_asks.h); here so
  // that tests can leave them out too.

  /// A follower gets its read index from the leader; its own commit index is of the past.
  read_asks_leader = 13,
  /// A leader grants no read before a majority says that it still leads.
  read_probes = 14,
  /// Nor before an entry of its own term is committed: until then its commit index may lie below
  /// what the leader before it acknowledged.
  read_after_own_commit = 15,
  /// A late answer to an earlier ask holds an index from before the present one.
  read_answers_its_ask = 16,
};

/// Guard 2. Cuts an AppendEntries before each membership entry but a first one, so that such an
/// entry is always the first of its message. Without it the library notes a change under the index
/// of the message's first new entry, so a later truncation between the two does not roll it back.
std::vector<AppendEntries> cut_before_changes(AppendEntries message);

/// Guard 3. Whether a leader of `term` may change the configuration: an entry of its own term is
/// committed. Without it two leaders in turn may each commit by a majority that knows nothing of
/// the other's change (Ongaro on raft-dev, 2015: the bug in single-server membership changes).
bool may_change(const Trail& trail, Index committed, Term term);

/// Guard 4. Takes away what lies at or below `committed`; where nothing is left, the message is
/// empty and anchored there. Without it a late duplicate that begins before the entries whose terms
/// the library knows is appended at the wrong index.
void drop_committed(AppendEntries& message, const Trail& trail, Index committed);

/// Guard 6. A refused pre-vote carries our own term where that is higher. Without it the best
/// candidate never learns of the higher term, and nobody else can win.
void tell_term(Message& refusal, Term term);

/// Guard 7. Whether `next` keeps `leader` a voter. Without it a leader that removes itself goes on
/// leading a cluster it is not part of until nobody can, or is the one voter that is missing.
bool keeps_leader(const Configuration& next, MemberId leader);

/// Guard 8. A rejection names a last index below the rejected one. Without it the library sends
/// bytes that it never wrote.
void clamp_rejection(AppendEntriesResult& rejection);

/// Guard 10. What is answered to an AppendEntries of a lower term (an InstallSnapshot of one is
/// just dropped). Without it the library's own answer to the latter says success with a last index
/// that it never wrote; a leader that was elected again takes it for its own end and commits what
/// is on one disk.
AppendEntriesResult answer_lower_term(const AppendEntries& message);

/// Guard 11. False for a rejection at or below what the follower is known to hold; else raises its
/// last index to that. Without it a late rejection sets the next index below the match index, the
/// count of entries on their way wraps, and that follower gets no more entries from this leader.
bool keep_rejection(AppendEntriesResult& result, Index match);

/// Guard 12. Cuts what is sent to a voter that an uncommitted change makes a standby, before that
/// change. Without it such a member may be the only one with the change when the leader dies: its
/// log is longer than anybody else's, so it refuses its vote, which the others still need; and as
/// it is no voter by its own log, the library never lets it stand for election itself (as Ongaro
/// 2014, section 4.2.2, would). Found by the simulator, seed 1063 of its first version.
void withhold_demotion(AppendEntries& message, MemberId to, const Trail& trail, Index committed);

}  // namespace ledger::raft
