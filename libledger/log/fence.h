// What a node may have promised on the strength of entries that it lost, and when it has them, or
// what stands in their place, again.
#pragma once

#include <optional>

#include "base/types.h"

namespace ledger::log {

/// The last entry of a log.
struct LogEnd {
  Index index;
  Term term;

  friend constexpr auto operator<=>(const LogEnd&, const LogEnd&) = default;
};

/// What a leader says of itself in one answer, after a majority of the others has confirmed, in a
/// round that began after this process did, that it leads (the round of a linearizable read).
struct Confirmed {
  Term term;        ///< Its term; an entry of it is committed.
  Index committed;  ///< Its commit index.
  Index last;       ///< The last entry of its log, committed or not.
};

/// The promises of a node with a damaged log. It may vote and acknowledge again only when its log
/// holds every entry that it ever acknowledged and that is, or can still become, committed.
///
/// It is enough that the log holds the *committed* entries up to `reach`; or that every lost entry
/// is back as it was, which needs no `reach`, but a known end. Let e, of term te, be the end of the
/// log before the damage, s the stored term, and c what a leader of term T confirmed as committed.
///
///  * Nothing beyond e was ever acknowledged, and committed entries are the same everywhere: so e
///    is a reach.
///  * A leader of T holds what was committed in earlier terms, before its first entry of T, which
///    is at or below c. If te < T, the entries that we acknowledged to it are at or below that one
///    as well; no majority will ever count those that we acknowledged to older leaders, for it
///    would overlap with the one that has moved on to T. So c is a reach, even below e.
///  * If te = T, our entries of T are the leader's, who may yet count our acknowledgement: c is no
///    reach while it is below e.
///  * The end is not known when the newest segment is not there at its full length with a whole
///    header. If s < T nothing of T was acknowledged, since a term is stored first: c is a reach.
///    Else the leader may count what we acknowledged and do not know of; but that it had sent, so
///    what was the last of its log at any moment of this process's life is a reach.
///  * te > T can't be: that answer is of no use.
///
/// Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), 3.6; Alagappan et al.,
/// "Protocol-Aware Recovery for Consensus-Based Storage", FAST '18.
class Fence {
 public:
  /// `stored`: the term of the vote. `known`: the last entry that anything testifies. `end`: the
  /// end of the log before the damage, where that is known.
  Fence(Term stored, const LogEnd& known, const std::optional<LogEnd>& end);

  /// False: it is of no use, since we know of a later term.
  bool hear(const Confirmed& confirmed);

  /// The committed entries up to here are enough; absent: nobody can say so far.
  std::optional<Index> reach() const { return reach_; }

 private:
  const Term stored_;
  const LogEnd known_;
  const std::optional<LogEnd> end_;
  std::optional<Index> reach_;
  Term heard_;        ///< The term whose leader's last entry we know:
  Index heard_last_;  ///< as it was when we first heard of it.
};

}  // namespace ledger::log
