// Which segments are the log: the chain from the highest number back to index 1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "log/damage.h"
#include "log/format.h"
#include "log/segment.h"

namespace ledger::log {

/// One segment of the chain, as its header and its successor's say.
struct Link {
  uint64_t number = 0;
  std::string path;
  std::optional<SegmentHeader> header;  ///< Absent: missing or unreadable.
  uint64_t file_bytes = 0;  ///< What may be read: no more than the file and its header have.
  /// The state after its last living entry, by its successor; absent: newest, or not known.
  std::optional<Tip> last;
  bool trusted = false;          ///< Named by its successor, and that by its own, up to the newest.
  std::optional<Damage> damage;  ///< Of the file as a whole: missing, short, its header.
};

struct Chain {
  std::vector<Link> links;        ///< By number; the newest is the last.
  std::vector<uint64_t> dead;     ///< Segments that are no part of a whole chain.
  bool next_prepared = false;     ///< `next.tmp` is there.
  std::vector<uint64_t> indexes;  ///< Numbers of the .idx files that are there.

  bool empty() const { return links.empty(); }
  const Link& newest() const { return links.back(); }
  bool whole() const;
};

/// Reads names and headers only. A missing or damaged segment is no error but a link's `damage`,
/// and what lies before it is linked by number, untrusted. A directory without segments is an empty
/// chain. Errors: `format_too_new`, `io`, `file_permission`.
Result<Chain> read_chain(io::Disk& disk);

/// The link of a single file, which need not be in its directory. Errors as above, `no_such_file`.
Result<Link> read_link(io::Disk& disk, const std::string& path);

}  // namespace ledger::log
