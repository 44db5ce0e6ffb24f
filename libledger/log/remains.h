// What is left of a damaged log: which entries are missing, and those that are whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/damage.h"
#include "log/fence.h"
#include "log/index.h"
#include "log/segment.h"

namespace ledger::log {

/// Entries that were durable and can't be read: [first, end) in one segment.
///
/// `anchor` is what our own log says of the entry at the end of the hole: the next whole entry
/// (anchor.index = end), or the last missing one (end - 1), which the header of the next segment or
/// the watermark names. Index and term name an entry, and two logs that hold the same entry are
/// equal up to it (Log Matching): so **a log that holds the anchor holds what is missing here**,
/// committed or not. Only at an end that is not known is there none: anchor.index is 0.
struct Hole {
  Index first;
  Index end;
  LogEnd anchor;
  bool committed = false;        ///< All of it is at or below the stored commit index.
  std::optional<Offset> offset;  ///< Of the first missing record, where that is known.
  std::string path;              ///< The segment; it need not be there.
};

/// `entries 17 to 20, records from offset 53 on`.
std::string describe(const Hole& hole);

/// A look at every byte of a log that is damaged, or may be. Changes nothing.
///
/// For the node it is what it tells (`damages`, `holes`), what it answers to peers that repair
/// themselves (`read`), and what Mend works from.
///
/// Threads: never changes; `read` from any. `disk` must outlive it.
class Remains {
 public:
  /// Reads everything: on the order of a second a GiB.
  ///
  /// Errors: `corrupt_segment` where both vote copies are lost: this node is gone, the hint says
  /// what to type; `no_such_file` where there is no log; `format_too_new`, `cluster_id_mismatch`,
  /// `io` as Log::open.
  static Result<Remains> look(io::Disk& disk);

  /// Nothing is missing or damaged but derived files: Log::open does the rest.
  bool whole() const;

  /// What is wrong, ready to print; each with the offset where it is known.
  const std::vector<Damage>& damages() const { return damages_; }
  /// In the order of their indices.
  const std::vector<Hole>& holes() const { return holes_; }

  const Id& cluster() const { return cluster_; }
  const Vote& vote() const { return vote_; }
  /// As stored: at least this much was committed, and our log held it.
  Index committed() const { return committed_; }
  /// W: the last entry that anything testifies to have been durable here, and where.
  const Watermark& synced() const { return synced_; }
  /// The end of the log before the damage. Absent where the newest segment is not there at its full
  /// length with a whole header.
  const std::optional<LogEnd>& end() const { return end_; }
  Fence fence() const { return {vote_.term, {synced_.index, synced_.term}, end_}; }
  /// The latest configuration that is whole, encoded: who the peers are. Empty: none is.
  const std::string& configuration() const { return configuration_; }

  /// Whether our log holds this entry, be it readable or not.
  Match match(const LogEnd& entry) const;

  /// For peers: whole entries from `from` on, without a gap, up to, not including, `end`; as many
  /// as fit into `bytes_max` of payload, at least one where there is one. Uncommitted ones only if
  /// our log holds entry `end` - 1 with `term`. Nothing where `from` is missing or not to be told.
  /// Errors: `corrupt_segment`, `io`: damage that came meanwhile.
  Result<std::vector<Entry>> read(Index from, Index end, Term term, size_t bytes_max) const;

  // ---- For Mend. ----

  /// A segment that lives, or did before it was lost.
  struct Part {
    uint64_t number = 0;
    uint64_t identity = 0;                ///< 0: not known.
    std::optional<SegmentHeader> header;  ///< Absent where it is lost.
    bool sound = false;                   ///< The header is whole, and the file as long as it says.
    Index first;                          ///< Of its entries,
    Index end;                            ///< and behind them.
    std::optional<Tip> last;              ///< After its last entry, as its successor says.
  };
  /// Whole entries, one after the other in one segment.
  struct Run {
    size_t part = 0;
    Index first;
    Index end;
    uint64_t position = 0;
    uint64_t end_position = 0;
    Points points;
    std::vector<LogEnd> terms;  ///< The first entry of each term.
  };

  /// Like `read`, committed or not.
  Result<std::vector<Entry>> read_any(Index from, Index end, size_t bytes_max) const;

  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<Run>& runs() const { return runs_; }
  /// Above the number of any segment that is or was there.
  uint64_t number_next() const { return number_next_; }

 private:
  class Look;

  explicit Remains(io::Disk& disk) : disk_(&disk) {}
  /// The term of an entry of ours, where we know it.
  std::optional<Term> term_of(Index index) const;

  io::Disk* disk_;
  Id cluster_;
  Vote vote_;
  Watermark synced_;
  Index committed_;
  std::optional<LogEnd> end_;
  std::string configuration_;
  std::vector<Damage> damages_;
  std::vector<Part> parts_;
  std::vector<Run> runs_;
  std::vector<Hole> holes_;
  uint64_t number_next_ = 1;
};

}  // namespace ledger::log
