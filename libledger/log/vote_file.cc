#include "log/vote_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "log/planted.h"

namespace ledger::log {
namespace {

Result<FoundVotes::Copy> read_copy(io::Disk& disk, const char* path) {
  FoundVotes::Copy copy;
  const Result<std::unique_ptr<io::File>> file = disk.open(path, io::Access::read);
  if (!file) {
    if (file.error().code == Code::no_such_file) return copy;
    return tl::unexpected(file.error());
  }
  copy.there = true;
  std::string bytes(vote_copy_bytes, '\0');
  bytes.resize(TRY((*file)->read(0, bytes)));
  tl::expected<VoteCopy, BadBlock> decoded = decode_vote_copy(bytes);
  if (decoded) {
    copy.whole = *decoded;
  } else if (decoded.error().too_new) {
    return fail(Code::format_too_new,
                fmt::format("{}: format {}, this build knows up to {}", path,
                            decoded.error().version, format_version),
                "upgrade ledgerctl");
  } else {
    copy.bad = decoded.error();
  }
  return copy;
}

Result<void> write_copy(io::File& file, const VoteCopy& copy) {
  TRY(file.write(0, encode(copy)));
  return file.sync();
}

/// A failed write of a copy is told as what it is for the node: the end. The file has its room
/// since it was made, so that a full disk is no excuse.
Result<void> fatal(const char* path, Result<void> written) {
  if (written || planted(Mistake::vote_error_ignored)) return {};
  return fail(Code::io, fmt::format("write of {} failed: {}", path, written.error().message),
              written.error().hint);
}

}  // namespace

std::optional<size_t> FoundVotes::newest() const {
  if (!copies[0].whole && !copies[1].whole) return std::nullopt;
  if (!copies[0].whole) return 1;
  if (!copies[1].whole) return 0;
  return copies[1].whole->sequence > copies[0].whole->sequence ? 1 : 0;
}

Watermark FoundVotes::synced() const {
  Watermark furthest;
  for (const Copy& copy : copies) {
    if (copy.whole) furthest = std::max(furthest, copy.whole->synced);
  }
  return furthest;
}

Index FoundVotes::committed() const {
  Index highest;
  for (const Copy& copy : copies) {
    if (copy.whole) highest = std::max(highest, copy.whole->committed);
  }
  return highest;
}

Result<FoundVotes> read_votes(io::Disk& disk) {
  FoundVotes found;
  // Whoever writes them meanwhile writes one after the other, and may be caught at both.
  constexpr int attempts = 3;
  for (int i = 0; i < attempts && !found.newest(); ++i) {
    for (size_t copy = 0; copy < vote_paths.size(); ++copy) {
      found.copies[copy] = TRY(read_copy(disk, vote_paths[copy]));
    }
  }
  return found;
}

Result<VoteFile> VoteFile::create(io::Disk& disk, const Id& cluster, const Vote& vote) {
  VoteFile votes;
  votes.last_.cluster = cluster;
  votes.last_.vote = vote;
  for (size_t i = 0; i < vote_paths.size(); ++i) {
    Result<std::unique_ptr<io::File>> file = disk.open(vote_paths[i], io::Access::write);
    if (!file) {
      if (file.error().code != Code::no_such_file) return tl::unexpected(file.error());
      file = TRY(disk.create(vote_paths[i]));
    }
    votes.files_[i] = *std::move(file);
    ++votes.last_.sequence;
    TRY(write_copy(*votes.files_[i], votes.last_));
  }
  TRY(disk.sync_directory(""));
  return votes;
}

Result<VoteFile> VoteFile::recover(io::Disk& disk, const FoundVotes& found, const Watermark& synced,
                                   Index committed) {
  assert(found.newest());
  VoteFile votes;
  const size_t newer = *found.newest();
  votes.older_ = 1 - newer;
  votes.last_ = found.counting();
  for (size_t i = 0; i < vote_paths.size(); ++i) {
    if (found.copies[i].there) {
      votes.files_[i] = TRY(disk.open(vote_paths[i], io::Access::write));
    } else {
      votes.files_[i] = TRY(disk.create(vote_paths[i]));
    }
  }
  // The newer first: should it have lived in the page cache only, and should the power fail while
  // the other is being written, there would be no whole copy that holds the promise.
  if (!planted(Mistake::older_vote_first) && !planted(Mistake::votes_not_written_again)) {
    TRY(fatal(vote_paths[newer], write_copy(*votes.files_[newer], votes.last_)));
  }
  TRY(disk.sync_directory(""));
  if (!planted(Mistake::votes_not_written_again)) TRY(votes.save_marks(synced, committed));
  return votes;
}

Result<void> VoteFile::save(const Vote& vote, const Watermark& synced, Index committed) {
  last_.vote = vote;
  last_.synced = synced;
  last_.committed = committed;
  TRY(write_older());
  if (planted(Mistake::single_vote_copy)) return {};
  return write_older();
}

Result<void> VoteFile::save_marks(const Watermark& synced, Index committed) {
  last_.synced = synced;
  last_.committed = committed;
  return write_older();
}

Result<void> VoteFile::write_older() {
  const size_t copy = planted(Mistake::single_vote_copy) ? 0 : older_;
  ++last_.sequence;
  TRY(fatal(vote_paths[copy], write_copy(*files_[copy], last_)));
  older_ = 1 - copy;
  return {};
}

}  // namespace ledger::log
