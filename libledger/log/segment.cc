#include "log/segment.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/bytes.h"
#include "base/record.h"
#include "log/planted.h"

namespace ledger::log {
namespace {

// Where an entry says which it is (format.cc).
constexpr size_t identity_at = 8;
constexpr size_t position_at = 16;

}  // namespace

static_assert(SegmentReader::memory_bytes_max ==
              SegmentReader::read_bytes + frame_bytes + entry_bytes_max);

Tip::Tip(const SegmentHeader& header)
    : index(header.first_index - 1),
      term(header.previous_term),
      next_offset(header.first_offset),
      last_recorded(header.last_recorded),
      rules(header.rules),
      crc(header.previous_crc) {}

bool Tip::precedes(const Entry& entry) const {
  return entry.index == index + 1 && entry.term >= term && entry.base_offset == next_offset &&
         (entry.record_count == 0 || entry.recorded > last_recorded);
}

void Tip::take(const Entry& entry, uint32_t content_crc) {
  index = entry.index;
  term = entry.term;
  next_offset = entry.next_offset();
  if (entry.record_count != 0) last_recorded = entry.last_recorded();
  rules = entry.rules;
  crc = content_crc;
}

SegmentReader::SegmentReader(const io::File& file, uint64_t identity, uint64_t file_bytes,
                             size_t ahead)
    : file_(file), identity_(identity), file_bytes_(file_bytes), ahead_(ahead) {}

tl::expected<SegmentReader::Item, BadFrame> SegmentReader::at(uint64_t position) {
  if (position > file_bytes_ || file_bytes_ - position < frame_bytes) {
    return tl::unexpected(BadFrame{Fault::missing});
  }
  const std::optional<Bytes> fixed = view(position, frame_bytes);
  if (!fixed) return tl::unexpected(BadFrame{Fault::read});
  if (fixed->size() < frame_bytes) return tl::unexpected(BadFrame{Fault::missing});
  tl::expected<Frame, BadFrame> frame = decode_frame(*fixed, identity_, position);
  if (!frame) return tl::unexpected(frame.error());
  const bool fits = frame->bytes() <= file_bytes_ - position;
  if (!fits && !planted(Mistake::length_unchecked)) {
    return tl::unexpected(BadFrame{Fault::length});
  }
  const std::optional<Bytes> whole = view(position, frame->bytes());
  if (!whole) return tl::unexpected(BadFrame{Fault::read});
  if (whole->size() < frame->bytes()) return tl::unexpected(BadFrame{Fault::missing});
  const uint32_t computed = content_crc(*whole);
  if (computed != frame->content_crc && !planted(Mistake::payload_unchecked)) {
    return tl::unexpected(BadFrame{Fault::content_crc, frame->content_crc, computed});
  }
  return Item{*std::move(frame), whole->substr(frame_bytes)};
}

std::optional<Frame> SegmentReader::frame_at(uint64_t position) {
  if (position > file_bytes_ || file_bytes_ - position < frame_bytes) return std::nullopt;
  const std::optional<Bytes> fixed = view(position, frame_bytes);
  if (!fixed || fixed->size() < frame_bytes) return std::nullopt;
  if (planted(Mistake::image_accepted)) {
    auto image = decode_frame(*fixed, load<uint64_t>(fixed->data() + identity_at),
                              load<uint64_t>(fixed->data() + position_at));
    if (!image) return std::nullopt;
    image->position = position;
    return *image;
  }
  tl::expected<Frame, BadFrame> frame = decode_frame(*fixed, identity_, position);
  if (!frame) return std::nullopt;
  return *std::move(frame);
}

std::optional<Frame> SegmentReader::search(uint64_t from, uint64_t end) {
  end = std::min(end, file_bytes_);
  char identity[sizeof identity_];
  std::memcpy(identity, &identity_, sizeof identity);
  for (uint64_t position = from; position < end && position + frame_bytes <= file_bytes_;) {
    const std::optional<Bytes> bytes = view(position, frame_bytes);
    if (!bytes || bytes->size() < frame_bytes) {
      constexpr uint64_t page_bytes = 4096;  // Unreadable; go on behind it.
      position = (position / page_bytes + 1) * page_bytes;
      continue;
    }
    // All that is buffered from here on, not only what was asked for.
    const size_t skip = position - buffer_from_;
    const Bytes window(buffer_.data() + skip, buffered_ - skip);
    const void* hit =
        memmem(window.data() + identity_at, window.size() - identity_at, identity, sizeof identity);
    if (planted(Mistake::image_accepted)) hit = window.data() + identity_at;
    if (hit == nullptr) {
      position += window.size() - frame_bytes + 1;
      continue;
    }
    position += static_cast<size_t>(static_cast<const char*>(hit) - window.data()) - identity_at;
    if (position >= end) break;
    if (std::optional<Frame> frame = frame_at(position)) return frame;
    ++position;
  }
  return std::nullopt;
}

Result<uint64_t> SegmentReader::end_of_data(uint64_t from) {
  uint64_t end = from;
  for (uint64_t position = from; position < file_bytes_;) {
    const std::optional<Bytes> bytes =
        view(position, std::min<uint64_t>(read_bytes, file_bytes_ - position));
    if (!bytes) return tl::unexpected(error_);
    if (bytes->empty()) break;
    const size_t last = bytes->find_last_not_of('\0');
    if (last != Bytes::npos) end = position + last + 1;
    position += bytes->size();
  }
  return end;
}

std::optional<Bytes> SegmentReader::view(uint64_t position, size_t count) {
  const bool buffered = position >= buffer_from_ && position + count <= buffer_from_ + buffered_;
  if (!buffered) {
    const Result<void> filled = fill(position, count);
    if (!filled) {
      error_ = filled.error();
      return std::nullopt;
    }
  }
  const size_t skip = position - buffer_from_;
  return Bytes(buffer_.data() + skip, std::min(count, buffered_ - skip));
}

Result<void> SegmentReader::fill(uint64_t position, size_t count) {
  // What is there already stays; the rest is read, and some more.
  size_t kept = 0;
  if (position >= buffer_from_ && position < buffer_from_ + buffered_) {
    kept = buffer_from_ + buffered_ - position;
    std::memmove(buffer_.data(), buffer_.data() + (position - buffer_from_), kept);
  }
  buffer_from_ = position;
  buffered_ = kept;
  const uint64_t available = file_bytes_ - position;
  const size_t wanted = std::min<uint64_t>(std::max(count, ahead_), available);
  if (buffer_.size() < std::max(count, wanted)) buffer_.resize(std::max(count, wanted));
  if (wanted <= kept) return {};
  const size_t read =
      TRY(file_.read(position + kept, std::span(buffer_.data() + kept, wanted - kept)));
  buffered_ = kept + read;
  return {};
}

}  // namespace ledger::log
