#include "log/scan.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledger::log {

Result<Scan> Scan::open(io::Disk& disk) {
  Scan scan(disk);
  scan.survey_ = TRY(log::survey(disk, [&](const SegmentReader::Item& item, const Tip&) {
    if (item.frame.entry.kind == EntryKind::membership) scan.configuration_ = item.payload;
    return true;
  }));
  const Chain& chain = scan.survey_.chain;
  if (chain.empty() && scan.survey_.damages.empty()) {
    return fail(Code::no_such_file, "there is no log in this directory", "name a data directory");
  }
  if (scan.configuration_.empty() && !chain.empty() && chain.newest().header) {
    scan.configuration_ = chain.newest().header->configuration;
  }
  TRY(scan.limit_untrusted());
  return scan;
}

Result<Scan> Scan::open_file(io::Disk& disk, const std::string& path) {
  Scan scan(disk);
  scan.all_ = true;
  Survey& survey = scan.survey_;
  survey.chain.links.push_back(TRY(read_link(disk, path)));
  const Link& link = survey.chain.links.front();
  if (link.damage) survey.damages.push_back(*link.damage);
  if (!link.header) return scan;
  scan.configuration_ = link.header->configuration;
  survey.tail = TRY(walk_segment(disk, link, {}, [&](const SegmentReader::Item& item, const Tip&) {
    if (item.frame.entry.kind == EntryKind::membership) scan.configuration_ = item.payload;
    return true;
  }));
  survey.synced = survey.tail->synced;
  survey.committed = survey.tail->committed;
  for (const Damage& hole : survey.tail->holes) survey.damages.push_back(hole);
  return scan;
}

/// The highest commit index that is stored in what lies below a lost segment.
Result<void> Scan::limit_untrusted() {
  const std::vector<Link>& links = survey_.chain.links;
  for (auto link = links.rbegin(); link != links.rend(); ++link) {
    if (link->trusted || !link->header) continue;
    const Walk walk = TRY(walk_segment(*disk_, *link, {}, nullptr));
    trusted_until_ = walk.committed;
    if (walk.committed != Index()) break;
  }
  return {};
}

void Scan::seek(Offset offset) {
  const std::vector<Link>& links = survey_.chain.links;
  link_ = 0;
  reader_.reset();
  // Never past a damaged segment, where the iteration has to end.
  for (size_t i = 1; i < links.size() && links[i].header && !links[i - 1].damage; ++i) {
    if (links[i].header->first_offset <= offset) link_ = i;
  }
}

Result<std::optional<Scan::Item>> Scan::next() {
  const std::vector<Link>& links = survey_.chain.links;
  if (links.empty()) return finish();
  if (!reader_) TRY(enter(link_));
  while (all_ || tip_.index < survey_.committed) {
    if (tip_.index < last_readable()) return TRY(read());
    const Link& here = links[link_];
    if (here.last && tip_.index == here.last->index && tip_ != *here.last) {
      return tl::unexpected(damaged({Fault::order}));
    }
    if (link_ + 1 == links.size()) break;
    TRY(enter(link_ + 1));
  }
  return finish();
}

/// The last index that the segment at hand may have.
Index Scan::last_readable() const {
  const Link& link = survey_.chain.links[link_];
  Index last(UINT64_MAX);  // Up to what is damaged.
  if (link.last) {
    last = link.last->index;
  } else if (survey_.tail && survey_.tail->holes.empty()) {
    last = survey_.tail->tip.index;
  }
  return link.trusted ? last : std::min(last, trusted_until_);
}

Result<Scan::Item> Scan::read() {
  const Link& link = survey_.chain.links[link_];
  const tl::expected<SegmentReader::Item, BadFrame> item = reader_->at(position_);
  if (!item || !tip_.precedes(item->frame.entry)) {
    if (link.damage) return tl::unexpected(link.damage->error);
    return tl::unexpected(damaged(item ? BadFrame{Fault::order} : item.error()));
  }
  const Frame& frame = item->frame;
  Item found{frame.entry, link.path, position_, frame.entry.index > survey_.committed};
  if (!item->payload.empty()) {
    found.entry.payload = std::make_shared<const std::string>(item->payload);
  }
  tip_.take(frame.entry, frame.content_crc);
  position_ = frame.end();
  return found;
}

/// Goes to the first entry of a segment.
Result<void> Scan::enter(size_t index) {
  const Link& link = survey_.chain.links[index];
  if (!link.header) return tl::unexpected(unreadable(index));
  file_ = TRY(disk_->open(link.path, io::Access::read));
  reader_ = std::make_unique<SegmentReader>(*file_, link.header->identity, link.file_bytes);
  link_ = index;
  position_ = link.header->bytes();
  tip_ = Tip(*link.header);
  return {};
}

/// All that could be read was. Damage that none of it met is told now.
Result<std::optional<Scan::Item>> Scan::finish() const {
  if (!survey_.damages.empty()) return tl::unexpected(survey_.damages.front().error);
  return std::optional<Item>();
}

Error Scan::damaged(const BadFrame& bad) const {
  return damaged_entry(link().path, position_, bad, tip_.next_offset, reader_->error()).error;
}

/// What a missing or damaged segment keeps from us.
Error Scan::unreadable(size_t index) const {
  const std::vector<Link>& links = survey_.chain.links;
  Error error = links[index].damage->error;
  const Index end = links[index].damage->end_missing;
  if (error.code == Code::offset_gap && index > 0 && end != Index()) {
    error.message =
        fmt::format("entries {} to {} are missing between {} and {}", tip_.index.value + 1,
                    end.value - 1, links[index - 1].path, links[index + 1].path);
  }
  return error;
}

Offset Scan::next_offset() const {
  return survey_.tail ? survey_.tail->tip.next_offset : tip_.next_offset;
}

}  // namespace ledger::log
