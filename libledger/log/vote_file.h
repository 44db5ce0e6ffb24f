// Term and vote on disk: the promises of this node, in two copies.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "log/format.h"

namespace ledger::log {

constexpr std::array<const char*, 2> vote_paths = {"vote.a", "vote.b"};

/// What a look at the two files showed.
struct FoundVotes {
  struct Copy {
    std::optional<VoteCopy> whole;
    bool there = false;  ///< The file is there, whatever is in it.
    BadBlock bad;        ///< Why `whole` is absent, where the file is there.
  };
  std::array<Copy, 2> copies;

  /// Which copy counts: the whole one with the higher sequence; absent where none is whole.
  std::optional<size_t> newest() const;
  /// The copy that counts; `newest()` is there.
  const VoteCopy& counting() const { return *copies[*newest()].whole; }
  /// The furthest watermark and commit index of the whole copies.
  Watermark synced() const;
  Index committed() const;
};

/// Reads both copies; one that is missing or damaged is no error. Errors: `format_too_new`, `io`.
Result<FoundVotes> read_votes(io::Disk& disk);

/// Writes the two copies. A vote is on both before `save` returns, so a single whole copy is always
/// right; of two whole ones the higher sequence counts. After an error: never again.
///
/// Threads: one at a time. `disk` must outlive it.
class VoteFile {
 public:
  /// Makes both copies, durably, for a log without segments. Copies that are there are replaced.
  static Result<VoteFile> create(io::Disk& disk, const Id& cluster, const Vote& vote);

  /// Takes up what was found, of which at least one copy is whole, and makes it durable: the newer
  /// copy is written again in place, for its bytes may be in the page cache only, and then the
  /// other, with `synced` and `committed`.
  static Result<VoteFile> recover(io::Disk& disk, const FoundVotes& found, const Watermark& synced,
                                  Index committed);

  /// Writes and syncs the older copy, then the other.
  Result<void> save(const Vote& vote, const Watermark& synced, Index committed);

  /// Writes and syncs the older copy with the same vote.
  Result<void> save_marks(const Watermark& synced, Index committed);

  /// As last written.
  const VoteCopy& last() const { return last_; }

 private:
  VoteFile() = default;
  Result<void> write_older();

  std::array<std::unique_ptr<io::File>, 2> files_;
  VoteCopy last_;
  size_t older_ = 0;  ///< Which copy is to be written next.
};

}  // namespace ledger::log
