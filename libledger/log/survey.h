// What is there, and what it means: the rules that tell a torn tail from damage. Reads only.
//
// One survey serves the start of a node, `segment verify`, `segment dump` and the fuzzers, so that
// they agree. The rules stand in ledger-segment(5).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/chain.h"
#include "log/damage.h"
#include "log/segment.h"
#include "log/vote_file.h"

namespace ledger::log {

/// Takes a whole, living entry of a segment, and the state before it; false ends the walk.
using Sink = std::function<bool(const SegmentReader::Item&, const Tip& before)>;

/// What a walk through the living part of one segment found.
struct Walk {
  Tip tip;           ///< After the last whole entry.
  uint64_t end = 0;  ///< Where that ends.
  Watermark synced;  ///< The furthest watermark and commit index that its entries testify.
  Index committed;
  bool stopped = false;  ///< By the sink.
  std::optional<TornTail> torn;
  std::vector<Damage> holes;
};

/// Walks through the living part of `link`, whose header is there: up to `link.last`, or, in the
/// newest segment, to its end by the rules. `saved` is what the vote copies testify. Errors: as
/// `Disk::open`.
Result<Walk> walk_segment(io::Disk& disk, const Link& link, const Watermark& saved,
                          const Sink& sink);

/// Where to walk through a segment whose header is lost: its identity, and its first whole entry.
struct Headless {
  uint64_t identity = 0;
  uint64_t position = 0;
};

/// Finds that. The identity is what the successor names, or else, where that is 0, what the entry
/// right behind a header of one block says; no other place, for a client may have put the image of
/// an entry there. Nothing where no entry is whole. Errors: `io`.
Result<std::optional<Headless>> find_headless(io::Disk& disk, const Link& link, uint64_t identity);

/// Walks through such a segment from there, as walk_segment does; what lies before is not told.
Result<Walk> walk_headless(io::Disk& disk, const Link& link, const Headless& from,
                           const Watermark& saved, const Sink& sink);

/// A whole directory: its vote copies, its chain and its newest segment. Older segments are not
/// read beyond their headers.
struct Survey {
  FoundVotes votes;
  Chain chain;
  std::optional<Walk> tail;  ///< Of the newest segment, where its header is there.
  Watermark synced;          ///< The furthest that anything testifies.
  Index committed;           ///< The highest that is stored in a vote copy or the newest segment.
  std::vector<Damage> damages;  ///< Of vote copies, chain and newest segment, in this order.

  bool whole() const { return damages.empty(); }
};

/// Surveys the directory that is the disk's root. `sink` takes the newest segment's entries. A log
/// that is not there is a survey with an empty chain and no damage. Errors: `format_too_new`,
/// `cluster_id_mismatch` where vote copies and segments disagree, `io`.
Result<Survey> survey(io::Disk& disk, const Sink& sink);

}  // namespace ledger::log
