// What must never be seen in a simulated cluster, checked as it happens.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "raft/engine.h"
#include "sim/member_log.h"

namespace ledger::sim {

/// The simulated cluster did what it must not: ends the run.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Sees every member's every step from outside. Throws Violation.
class Checker {
 public:
  /// One leader a term.
  void leads(MemberId member, Term term);
  /// No term goes back, no vote changes within a term.
  void votes(MemberId member, const Vote& before, const Vote& after);
  /// Index and term name an entry uniquely, on all disks and for ever.
  void appended(MemberId member, const Entry& entry);
  /// A leader says that its log up to `committed` is committed: a majority of its configuration's
  /// voters have it on disk.
  void commits(MemberId leader, const raft::Configuration& configuration, const Entry& entry,
               const std::map<MemberId, const MemberLog*>& disks);
  /// No two members apply different entries at an index, and none skips one.
  void applies(MemberId member, Index index, const Entry& entry, bool leading);
  /// What a read asked for now must cover: all that was acknowledged.
  Index acknowledged() const { return acknowledged_; }
  void read(Index asked_at, Index granted) const;

  uint64_t applied_count() const { return applied_.size(); }

 private:
  struct Content {
    Term term;
    EntryKind kind = EntryKind::noop;
    int64_t value = 0;

    friend bool operator==(const Content&, const Content&) = default;
  };
  static Content content(const Entry& entry);
  struct Position {
    uint64_t index;
    uint64_t term;

    friend bool operator==(const Position&, const Position&) = default;
  };
  struct Hash {
    size_t operator()(const Position& at) const {
      return (at.index * 0x9e3779b97f4a7c15) ^ (at.term << 40) ^ at.term;
    }
  };

  std::map<Term, MemberId> leaders_;
  std::unordered_map<Position, Content, Hash> entries_;
  std::vector<Content> applied_;
  Index acknowledged_;
};

}  // namespace ledger::sim
