// What must never be seen in a simulated cluster of whole nodes, checked as it happens.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/record.h"
#include "book/book.h"
#include "rpc/ports.h"
#include "sim/tally.h"
#include "sim/world.h"

namespace ledger::sim {

/// Records that a client sends together, again and again until it is told what became of them.
struct Batch {
  std::vector<Id> ids;
  std::vector<std::string> records;  ///< Bytes without the size.
  bool conflicts = false;            ///< Ids of other records, on purpose: must be refused.

  rpc::Proposal proposal(bool decisions) const;
};

/// Sees every member's every turn from outside, and every request and answer of the clients.
/// Throws Violation.
class Witness {
 public:
  explicit Witness(World& world) : world_(world) {}

  // ---- Members. ----

  /// After each turn of a member: one leader a term; no term goes back; what it applies is what
  /// others applied there, durable here, gapless, and no id twice; what it believes to be committed
  /// is; what a leader calls committed is on a majority of disks, and who has it keeps it; books
  /// agree.
  ///
  /// *On a majority of disks*, where disks lose what they held: a voter counts if its log holds the
  /// entry now, or, while it is down, mends itself or is lost for good, if it held it when it was
  /// last up. That is a promise, which is what consensus counts, and exact, for `returns` sees it
  /// kept: until its log holds that entry again, such a voter neither votes nor acknowledges. So of
  /// every majority that can elect somebody, one has it. (To count only whole disks would be wrong:
  /// two of three may acknowledge, and one of these be damaged a moment later.) And one log at
  /// least, of a member that is not gone for good, must be able to show it: whole, or what remains
  /// of a damaged one.
  void sees(Machine& machine);
  /// A member is about to take part again, mended or not: its log holds all that is committed and
  /// that it held when it was last up, and what it takes for committed is.
  void returns(Machine& machine) const;
  /// A member speaks: no vote changes within a term.
  void sends(const Machine& machine, const raft::Message& message);
  /// The whole log of a member, read from its disk: what was applied, up to its end, and every id
  /// once. `end`: the entries that must be there.
  void reads_log(const Machine& machine, Index end) const;
  /// Money is neither made nor lost, and every balance is what the accepted transfers add up to.
  void counts_money(const Machine& machine) const;

  // ---- Clients. ----

  void asks(const Batch& batch);
  /// A member says yes: each record is on a majority of disks, at this offset, with these bytes,
  /// and what was decided is what had to be.
  void acknowledges(Machine& machine, const Batch& batch, const rpc::Outcome& outcome);
  /// A member, or the network, says that this attempt wrote nothing: it never will have.
  void denies(const Batch& batch);

  /// What a read that is asked for now must see.
  Offset acknowledged() const { return acknowledged_; }
  /// A read is answered. `covers`: what it must see at least. `sought`: a record it looks for.
  void reads(Machine& machine, Offset covers, const rpc::View& view, const Id* sought);
  /// A page of decided records, as a stream serves them.
  void serves(const Machine& machine, Offset from, const book::Decided& decided) const;

  uint64_t answers() const { return answers_; }
  Index applied() const { return Index(entries_.size()); }
  Offset end() const { return Offset(records_.size()); }
  const Id& id_at(Offset offset) const { return records_[offset.value].id; }
  std::string record_at(Offset offset) const { return records_[offset.value].bytes; }

 private:
  struct Applied {
    Term term;
    uint32_t crc = 0;

    friend bool operator==(const Applied&, const Applied&) = default;
  };
  struct Record {
    Id id;
    std::string bytes;
    Index entry;
    Tally::Booked booked;
  };
  struct Asked {
    uint32_t open = 0;  ///< Attempts that may have written, or may yet write.
    std::optional<Offset> acknowledged;
    std::string bytes;
  };

  void keeps(Machine& machine) const;
  void believes(const Machine& machine, Index committed) const;
  void applies(const Machine& machine, const Entry& entry);
  void add(const Machine& machine, const Entry& entry);
  void on_majority(const Machine& machine, Index index, const char* what) const;
  void check_decision(const Machine& machine, const book::Decision& decision, Offset offset,
                      bool duplicate) const;

  World& world_;
  std::map<Term, MemberId> leaders_;
  std::map<MemberId, Term> terms_;
  std::map<std::pair<MemberId, Term>, MemberId> votes_;
  std::vector<Applied> entries_;  ///< By index - 1.
  std::vector<Record> records_;   ///< By offset.
  absl::flat_hash_map<Id, Offset> offsets_;
  absl::flat_hash_map<Id, Asked> asked_;
  std::map<Offset, book::Digest> digests_;
  Tally tally_;
  Offset acknowledged_;
  uint64_t answers_ = 0;
};

}  // namespace ledger::sim
