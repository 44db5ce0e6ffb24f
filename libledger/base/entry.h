// An entry of the consensus log: what Raft replicates, and what a frame on disk or a message holds.
#pragma once

#include <memory>
#include <string>

#include "base/types.h"

namespace ledger {

/// What an entry's payload is. The numbers are for ever.
enum class EntryKind : uint8_t {
  records = 1,     ///< A batch of records, one after the other (base/record.h).
  noop = 2,        ///< The first entry of a leader's term: no records, no payload that matters.
  membership = 3,  ///< A whole configuration (raft/configuration.h).
};

/// One entry. Copies share the payload, which never changes once it is set.
///
/// Index and term name an entry uniquely. A `records` entry holds `record_count` >= 1 records:
/// record i has offset `base_offset` + i and the time `recorded` + i ns. An entry of another kind
/// holds none and takes no offset; its `base_offset` is the next record's offset all the same.
struct Entry {
  Index index;
  Term term;
  EntryKind kind = EntryKind::noop;
  Offset base_offset;
  uint32_t record_count = 0;
  Time recorded;
  uint8_t rules = 1;
  std::shared_ptr<const std::string> payload;  ///< At most entry_bytes_max; may be null: empty.

  Bytes bytes() const { return payload ? Bytes(*payload) : Bytes(); }
  Offset next_offset() const { return base_offset + record_count; }
  /// The time of the last record, or `recorded` where there is none.
  Time last_recorded() const {
    return record_count == 0 ? recorded : Time{recorded.ns + record_count - 1};
  }
};

/// Whether a log holds an entry that another log names by index and term. If it does, the two are
/// equal up to there (Log Matching).
enum class Match : uint8_t {
  unknown,  ///< It has none there, or can't tell, or has another that is not committed.
  holds,    ///< Yes.
  differs,  ///< No, and what it has there is committed: the other log's entry is not.
};

/// Term and vote: a promise that must be durable before anybody hears of it.
struct Vote {
  Term term;
  MemberId voted_for;  ///< 0: nobody in this term.

  friend constexpr auto operator<=>(const Vote&, const Vote&) = default;
};

}  // namespace ledger
