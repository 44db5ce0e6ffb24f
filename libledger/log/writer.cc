#include "log/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "log/planted.h"

namespace ledger::log {
namespace {

/// So much of a run is gathered before it is written: a few entries stay in the processor's cache
/// on their way.
constexpr size_t gather_bytes = 1 << 20;

/// A failure of the disk that ends the node. A full disk is none of the reasons to go on either:
/// a prepared segment has its room.
tl::unexpected<Error> fatal(const std::string& what, const Error& error) {
  return fail(Code::io, fmt::format("{}: {}", what, error.message),
              "check the disk, then start again");
}

/// Which of the `committed` entries stand in the log before `writes` from `from` on are done. One
/// that a cut among them replaces may be committed; the one that stands in its place now is not.
Index kept_by(const std::vector<Write>& writes, size_t from, Index committed) {
  for (size_t i = from; i < writes.size(); ++i) {
    const auto* begin = std::get_if<BeginWrite>(&writes[i]);
    if (begin && !planted(Mistake::commit_before_cut)) {
      committed = std::min(committed, begin->header.first_index - 1);
    }
  }
  return committed;
}

std::string megabytes(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

}  // namespace

Result<void> write_zeros(io::File& file, uint64_t from, uint64_t end) {
  const std::string zeros(std::min<uint64_t>(end - from, gather_bytes), '\0');
  while (from < end) {
    const Bytes piece = Bytes(zeros).substr(0, std::min<uint64_t>(end - from, zeros.size()));
    TRY(file.write(from, piece));
    from += piece.size();
  }
  return {};
}

Writer::Writer(io::Disk& disk, VoteFile votes, std::unique_ptr<io::File> active, uint64_t identity,
               const Watermark& durable, uint64_t segment_bytes)
    : disk_(disk),
      votes_(std::move(votes)),
      active_(std::move(active)),
      identity_(identity),
      durable_(durable),
      segment_bytes_(segment_bytes),
      run_end_(durable) {}

Result<void> Writer::execute(std::vector<Write>& writes, const Index committed_after) {
  blocked_ = false;
  Index committed = kept_by(writes, 0, committed_after);
  for (size_t i = 0; i < writes.size(); ++i) {
    if (const auto* entry = std::get_if<EntryWrite>(&writes[i])) {
      TRY(add(*entry, committed));
      continue;
    }
    if (!planted(Mistake::next_before_sync)) TRY(finish_run());
    if (const auto* next = std::get_if<BeginWrite>(&writes[i])) {
      const Result<void> begun = begin(*next, kept_by(writes, i + 1, committed_after));
      if (!begun && begun.error().code == Code::no_space) {
        blocked_ = true;
        return save_votes_behind(writes, i, committed);
      }
      TRY(begun);
      committed = kept_by(writes, i + 1, committed_after);
    } else if (const auto* vote = std::get_if<VoteWrite>(&writes[i])) {
      TRY(votes_.save(vote->vote, durable_, safe(committed)));
    } else {
      TRY(save_marks(committed));
    }
  }
  TRY(finish_run());
  writes.clear();
  return {};
}

/// Votes and terms need no room: a full disk keeps nobody from voting.
Result<void> Writer::save_votes_behind(std::vector<Write>& writes, size_t blocked,
                                       Index committed) {
  std::vector<Write> left;
  for (size_t i = blocked; i < writes.size(); ++i) {
    if (const auto* vote = std::get_if<VoteWrite>(&writes[i])) {
      TRY(votes_.save(vote->vote, durable_, safe(committed)));
    } else if (!planted(Mistake::full_disk_skips)) {
      left.push_back(std::move(writes[i]));
    }
  }
  writes = std::move(left);
  return {};
}

Result<void> Writer::add(const EntryWrite& write, Index committed) {
  const Bytes payload = write.entry.bytes();
  Frame frame;
  frame.identity = identity_;
  frame.position = write.position;
  frame.payload_bytes = static_cast<uint32_t>(payload.size());
  frame.content_crc = write.content_crc;
  frame.synced = planted(Mistake::watermark_of_written) ? run_end_ : durable_;
  frame.committed = safe(committed);
  frame.entry = write.entry;

  if (buffer_.empty()) buffer_at_ = write.position;
  assert(buffer_at_ + buffer_.size() == write.position);
  char fixed[frame_bytes];
  encode_frame(fixed, frame);
  buffer_.append(fixed, frame_bytes);
  buffer_.append(payload);
  run_end_ = {durable_.segment, frame.end(), write.entry.index, write.entry.term};
  if (buffer_.size() >= gather_bytes) return flush();
  return {};
}

Result<void> Writer::flush() {
  if (buffer_.empty()) return {};
  const Result<void> written = active_->write(buffer_at_, buffer_);
  if (!written) return fatal("write of " + segment_path(durable_.segment), written.error());
  written_bytes_ += buffer_.size();
  buffer_.clear();
  dirty_ = true;
  return {};
}

Result<void> Writer::finish_run() {
  TRY(flush());
  if (!dirty_) return {};
  const Result<void> synced = sync(*active_);
  if (!synced) return fatal("sync of " + segment_path(durable_.segment), synced.error());
  dirty_ = false;
  durable_ = run_end_;
  return {};
}

Result<void> Writer::begin(const BeginWrite& begin, Index committed) {
  if (planted(Mistake::next_before_sync)) {
    TRY(flush());
    durable_ = run_end_;
    dirty_ = false;
  }
  const SegmentHeader& header = begin.header;
  const std::string path = segment_path(header.number);
  TRY(fill_next(header.file_bytes));
  TRY(write_header(begin));
  const Result<void> renamed = disk_.rename(next_path, path);
  if (!renamed) return fatal("rename to " + path, renamed.error());
  if (planted(Mistake::removed_before_directory)) {
    for (uint64_t dead : begin.dead) (void)disk_.remove(segment_path(dead));
  }
  if (!planted(Mistake::directory_not_synced)) {
    const Result<void> named = disk_.sync_directory(segments_directory);
    if (!named) return fatal("sync of the directory of " + path, named.error());
  }
  active_ = std::move(next_);
  next_bytes_ = 0;
  identity_ = header.identity;
  durable_ = {header.number, header.bytes(), header.first_index - 1, header.previous_term};
  if (begin.founding) {
    const Entry& entry = begin.founding->entry;
    durable_.end += frame_bytes + entry.bytes().size();
    durable_.index = entry.index;
    durable_.term = entry.term;
  }
  run_end_ = durable_;
  // Nobody could miss the segment if it got lost now; from its first entry on somebody must.
  if (!planted(Mistake::begin_not_saved)) {
    TRY(votes_.save_marks(durable_, safe(committed)));
  }
  for (uint64_t dead : begin.dead) {
    if (const Result<void> removed = io::remove_if_there(disk_, segment_path(dead)); !removed) {
      return fatal("removal of " + segment_path(dead), removed.error());
    }
    (void)disk_.remove(index_path(dead));
  }
  if (begin.sealed) write_index(disk_, *begin.sealed);
  return {};
}

/// Makes the front of `next.tmp` what it will be under its name.
Result<void> Writer::write_header(const BeginWrite& begin) {
  const std::string path = segment_path(begin.header.number);
  std::string front = encode(begin.header);
  if (begin.founding) {
    const Entry& entry = begin.founding->entry;
    Frame frame;
    frame.identity = begin.header.identity;
    frame.position = front.size();
    frame.payload_bytes = static_cast<uint32_t>(entry.bytes().size());
    frame.content_crc = begin.founding->content_crc;
    frame.entry = entry;
    char fixed[frame_bytes];
    encode_frame(fixed, frame);
    front.append(fixed, frame_bytes);
    front.append(entry.bytes());
  }
  const Result<void> written = next_->write(0, front);
  if (!written) return fatal("write of the header of " + path, written.error());
  const Result<void> synced = sync(*next_);
  if (!synced) return fatal("sync of the header of " + path, synced.error());
  return {};
}

Result<void> Writer::save_marks(Index committed) {
  const VoteCopy& last = votes_.last();
  if (last.synced == durable_ && last.committed == safe(committed)) return {};
  return votes_.save_marks(durable_, safe(committed));
}

Result<void> Writer::prepare(uint64_t bytes) {
  return fill_next(std::min(segment_bytes_, next_bytes_ + bytes));
}

Result<void> Writer::fill_next(uint64_t end) {
  no_space_.reset();
  if (next_bytes_ >= end) return {};
  // The whole of it or nothing: a disk that has room for a piece would only be filled to the brim.
  const uint64_t missing = std::max(end, segment_bytes_) - next_bytes_;
  const uint64_t free = TRY(disk_.free_bytes());
  const auto refuse = [&]() -> Result<void> {
    no_space_ = Error{Code::no_space,
                      fmt::format("no room for the next segment ({} free, {} needed)",
                                  megabytes(free), megabytes(missing)),
                      "free space there, and start it again"};
    return tl::unexpected(*no_space_);
  };
  if (free < missing) return refuse();
  const auto fill = [&]() -> Result<void> {
    if (!next_) next_ = TRY(disk_.create(next_path));
    TRY(write_zeros(*next_, next_bytes_, end));
    return next_->sync();
  };
  const Result<void> filled = fill();
  if (filled) {
    next_bytes_ = end;
    return {};
  }
  if (filled.error().code != Code::no_space) {
    return fatal("preparation of the next segment", filled.error());
  }
  // The kernel may have dropped pages that we took for written: begin anew, when there is room.
  next_.reset();
  next_bytes_ = 0;
  if (const Result<void> removed = io::remove_if_there(disk_, next_path); !removed) {
    return fatal("removal of the next segment", removed.error());
  }
  return refuse();
}

Result<void> Writer::sync(io::File& file) {
  Result<void> synced = file.sync();
  if (!synced && planted(Mistake::sync_retried)) synced = file.sync();
  if (!synced && planted(Mistake::sync_error_ignored)) synced = {};
  return synced;
}

}  // namespace ledger::log
