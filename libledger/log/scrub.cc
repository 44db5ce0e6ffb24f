#include "log/scrub.h"

namespace ledger::log {

Result<Scrub::Slice> Scrub::step(uint64_t bytes) {
  Slice slice;
  if (links_.empty()) TRY(begin_round());
  while (link_ < links_.size() && slice.bytes < bytes) {
    const Link& link = links_[link_];
    if (!reader_) {
      slice.damage = TRY(enter());
      if (slice.damage) break;
      if (!reader_) continue;  // It is gone.
    }
    if (tip_.index < link.last->index) {
      const tl::expected<SegmentReader::Item, BadFrame> item = reader_->at(position_);
      if (!item || !tip_.precedes(item->frame.entry)) {
        slice.damage =
            damaged_entry(link.path, position_, item ? BadFrame{Fault::order} : item.error(),
                          tip_.next_offset, reader_->error());
        slice.damage->first_missing = tip_.index + 1;
        break;
      }
      tip_.take(item->frame.entry, item->frame.content_crc);
      slice.bytes += item->frame.bytes();
      position_ = item->frame.end();
      continue;
    }
    if (tip_ != *link.last) {
      slice.damage = damaged_entry(link.path, position_, {Fault::order}, tip_.next_offset);
      break;
    }
    reader_.reset();
    ++link_;
  }
  slice.round_ended = link_ == links_.size();
  if (slice.damage || slice.round_ended) {
    reader_.reset();
    links_.clear();
  }
  return slice;
}

Result<void> Scrub::begin_round() {
  link_ = 0;
  for (Link& link : TRY(read_chain(disk_)).links) {
    if (link.last || link.damage) links_.push_back(std::move(link));
  }
  return {};
}

/// Goes to the first entry of a segment. One that a new leader cut away meanwhile is passed over.
Result<std::optional<Damage>> Scrub::enter() {
  const Link& link = links_[link_];
  Result<std::unique_ptr<io::File>> file = disk_.open(link.path, io::Access::read);
  if (!file && file.error().code == Code::no_such_file && !link.damage) {
    ++link_;
    return std::optional<Damage>();
  }
  if (link.damage) return link.damage;
  if (!file) return tl::unexpected(file.error());
  file_ = *std::move(file);
  reader_ = std::make_unique<SegmentReader>(*file_, link.header->identity, link.file_bytes);
  tip_ = Tip(*link.header);
  position_ = link.header->bytes();
  return std::optional<Damage>();
}

}  // namespace ledger::log
