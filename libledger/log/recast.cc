#include "log/recast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "log/planted.h"
#include "log/survey.h"
#include "log/writer.h"

namespace ledger::log {
namespace {

constexpr size_t gather_bytes = 1 << 20;

}  // namespace

Result<SegmentHeader> header_after(io::Disk& disk, const Link& link, Index last) {
  const SegmentHeader& before = *link.header;
  SegmentHeader header;
  header.cluster = before.cluster;
  header.predecessor = before.number;
  header.predecessor_identity = before.identity;
  header.configuration_index = before.configuration_index;
  header.configuration = before.configuration;
  Tip tip(before);
  if (tip.index < last) {
    TRY(walk_segment(disk, link, {}, [&](const SegmentReader::Item& item, const Tip&) {
      const Entry& entry = item.frame.entry;
      tip.take(entry, item.frame.content_crc);
      if (entry.kind == EntryKind::membership) {
        header.configuration_index = entry.index;
        header.configuration = item.payload;
      }
      return entry.index < last;
    }));
  }
  if (tip.index != last) {
    return fail(Code::internal, fmt::format("entry {} is not in {}", last.value, link.path));
  }
  header.first_index = last + 1;
  header.first_offset = tip.next_offset;
  header.last_recorded = tip.last_recorded;
  header.rules = tip.rules;
  header.previous_term = tip.term;
  header.previous_crc = tip.crc;
  return header;
}

Recast::Recast(io::Disk& disk, SegmentHeader header)
    : disk_(&disk),
      header_(std::move(header)),
      buffer_at_(header_.bytes()),
      end_(header_.bytes()),
      tip_(header_) {}

Result<Recast> Recast::begin(io::Disk& disk, SegmentHeader header, uint64_t file_bytes) {
  header.file_bytes = std::max(file_bytes, header.bytes());
  Recast recast(disk, std::move(header));
  // The segment that was prepared for later is the room that there is in any case.
  TRY(io::remove_if_there(disk, next_path));
  const uint64_t free = TRY(disk.free_bytes());
  if (free < recast.header_.file_bytes) {
    return fail(Code::no_space,
                fmt::format("no room to mend {} ({} bytes free, {} needed)",
                            segment_path(recast.header_.number), free, recast.header_.file_bytes),
                "free space: it resumes by itself");
  }
  Result<std::unique_ptr<io::File>> file = disk.create(next_path);
  if (!file) return tl::unexpected(file.error());
  recast.file_ = *std::move(file);
  return recast;
}

Result<void> Recast::add(Frame frame, Bytes payload) {
  assert(tip_.precedes(frame.entry));
  frame.identity = header_.identity;
  frame.position = end_;
  frame.payload_bytes = static_cast<uint32_t>(payload.size());
  char fixed[frame_bytes];
  encode_frame(fixed, frame);
  buffer_.append(fixed, frame_bytes);
  buffer_.append(payload);
  end_ = frame.end();
  tip_.take(frame.entry, frame.content_crc);
  if (buffer_.size() >= gather_bytes) return flush();
  return {};
}

Result<void> Recast::flush() {
  TRY(check(file_->write(buffer_at_, buffer_), "write"));
  buffer_at_ = end_;
  buffer_.clear();
  return {};
}

/// A full disk leaves nothing of us behind, so that somebody can make room; all else is the end.
Result<void> Recast::check(Result<void> done, const char* what) {
  if (done) return done;
  const std::string message = fmt::format("{} of {}, to mend {}: {}", what, next_path,
                                          segment_path(header_.number), done.error().message);
  if (done.error().code != Code::no_space) {
    return fail(Code::io, message, "check the disk, then start again");
  }
  file_.reset();
  TRY(io::remove_if_there(*disk_, next_path));
  return fail(Code::no_space, message, "free space: it resumes by itself");
}

Result<void> Recast::finish() {
  const std::string path = segment_path(header_.number);
  TRY(flush());
  header_.file_bytes = std::max(header_.file_bytes, end_);
  if (end_ < header_.file_bytes) {
    TRY(check(write_zeros(*file_, end_, header_.file_bytes), "write"));
  }
  TRY(check(file_->write(0, encode(header_)), "write"));
  if (!planted(Mistake::mend_not_synced)) TRY(check(file_->sync(), "sync"));
  if (!planted(Mistake::mend_not_read_again)) TRY(read_again());
  // Entries may stand elsewhere than the .idx file says. It goes first, and durably.
  if (!planted(Mistake::mend_index_kept)) {
    TRY(io::remove_if_there(*disk_, index_path(header_.number)));
    TRY(disk_->sync_directory(segments_directory));
  }
  TRY(disk_->rename(next_path, path));
  if (planted(Mistake::mend_directory_not_synced)) return {};
  return disk_->sync_directory(segments_directory);
}

Result<void> Recast::read_again() const {
  const std::unique_ptr<io::File> file = TRY(disk_->open(next_path, io::Access::read));
  const auto differs = [&](uint64_t position) {
    return fail(Code::io,
                fmt::format("{}, to mend {}: what is read at byte {} is not what was written",
                            next_path, segment_path(header_.number), position),
                "check the disk, then start again");
  };
  std::string front(header_.bytes(), '\0');
  if (TRY(file->read(0, front)) != front.size() || front != encode(header_)) return differs(0);
  SegmentReader reader(*file, header_.identity, header_.file_bytes);
  Tip tip(header_);
  for (uint64_t position = header_.bytes(); position < end_;) {
    const tl::expected<SegmentReader::Item, BadFrame> item = reader.at(position);
    if (!item || !tip.precedes(item->frame.entry)) return differs(position);
    tip.take(item->frame.entry, item->frame.content_crc);
    position = item->frame.end();
  }
  if (tip != tip_ || TRY(reader.end_of_data(end_)) != end_) return differs(end_);
  if (TRY(file->size()) != header_.file_bytes) return differs(header_.file_bytes);
  return {};
}

}  // namespace ledger::log
