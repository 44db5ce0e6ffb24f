#include "log/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/bytes.h"
#include "log/planted.h"

namespace ledger::log {
namespace {

/// A walk in progress.
class Walker {
 public:
  Walker(const io::File& file, const Link& link, const Watermark& saved)
      : link_(link),
        saved_(saved),
        reader_(file, link.header->identity, link.file_bytes),
        position_(link.header->bytes()) {
    walk_.tip = Tip(*link.header);
  }

  /// Without a header nobody knows which entry is the first.
  Walker(const io::File& file, const Link& link, const Headless& from, const Watermark& saved)
      : link_(link),
        saved_(saved),
        reader_(file, from.identity, link.file_bytes),
        position_(from.position),
        after_hole_(true) {}

  Result<Walk> run(const Sink& sink) {
    while (!past_last()) {
      const tl::expected<SegmentReader::Item, BadFrame> item = reader_.at(position_);
      if (item && fits(item->frame.entry)) {
        const Tip before = walk_.tip;
        take(item->frame);
        if (!sink || sink(*item, before)) continue;
        walk_.stopped = true;
        break;
      }
      if (item) witness(item->frame);
      const BadFrame bad = item ? BadFrame{Fault::order} : item.error();
      if (!TRY(pass(bad))) break;
    }
    if (past_last() && link_.last && !walk_.stopped && walk_.tip != *link_.last) {
      end_differs();
    }
    walk_.end = position_;
    return std::move(walk_);
  }

 private:
  bool past_last() const {
    return link_.last && walk_.tip.index >= link_.last->index &&
           !planted(Mistake::dead_entries_read);
  }

  /// Whether this is the entry that belongs here. After a hole nobody knows which record comes
  /// next, nor, if the hole ends at an entry, which index.
  bool fits(const Entry& entry) const {
    if (!after_hole_) return walk_.tip.precedes(entry);
    return entry.index > walk_.tip.index && entry.term >= walk_.tip.term &&
           entry.base_offset >= walk_.tip.next_offset;
  }

  void take(const Frame& frame) {
    walk_.tip.take(frame.entry, frame.content_crc);
    position_ = frame.end();
    after_hole_ = false;
    witness(frame);
  }

  void witness(const Frame& frame) {
    walk_.synced = std::max(walk_.synced, frame.synced);
    walk_.committed = std::max(walk_.committed, frame.committed);
  }

  /// Decides what a bad entry at our position means. False: the walk ends here. Errors: none so
  /// far; what can't be read is damage.
  Result<bool> pass(const BadFrame& bad) {
    if (link_.last) {
      hole(bad, link_.file_bytes);
      return after_hole_;
    }
    const Result<uint64_t> data_end = reader_.end_of_data(position_);
    if (!data_end) {
      hole({Fault::read}, link_.file_bytes);
      return false;
    }
    if (!searched_ && !planted(Mistake::no_search)) {
      // The entry here may testify by its fixed part, and so may all that follow.
      for (std::optional<Frame> seen = reader_.search(position_, *data_end); seen;
           seen = reader_.search(seen->position + 1, *data_end)) {
        witness(*seen);
      }
      searched_ = true;
    }
    if (!link_.trusted) {
      // Below a lost segment the end is not known, but no commit is beyond it.
      if (walk_.tip.index >= walk_.committed) return false;
      hole(bad, link_.file_bytes);
      return after_hole_;
    }
    const Watermark mark = furthest();
    const bool promised = mark.segment == link_.number && position_ < mark.end;
    if (promised && again_at_ != position_) {
      // A running node may have written the entry after we read its place, and before we read what
      // testifies for it.
      again_at_ = position_;
      searched_ = false;
      reader_.read_again();
      return true;
    }
    const bool readable = bad.fault != Fault::read;
    if (readable && (!promised || planted(Mistake::cut_anywhere))) {
      if (*data_end == position_) return false;  // The clean end.
      if (planted(Mistake::only_zeros_are_torn) && bad.fault != Fault::zero) {
        hole(bad, *data_end);
        return false;
      }
      walk_.torn = TornTail{link_.path, position_, *data_end - position_, walk_.tip.next_offset};
      return false;
    }
    hole(bad, promised ? mark.end : link_.file_bytes);
    if (!after_hole_ && promised && bad.fault != Fault::read) {
      // Nothing whole is left before the watermark, which says what stood there.
      walk_.holes.back().end_missing = mark.index + 1;
      walk_.tip.index = mark.index;
      walk_.tip.term = mark.term;
      position_ = mark.end;
      after_hole_ = true;
    }
    return after_hole_;
  }

  Watermark furthest() const {
    if (planted(Mistake::watermark_ignored)) return {};
    return std::max(saved_, walk_.synced);
  }

  /// Notes the damage at our position and goes to the next whole entry before `end` that lives, if
  /// there is one (`after_hole_`).
  void hole(const BadFrame& bad, uint64_t end) {
    Damage damage =
        damaged_entry(link_.path, position_, bad, walk_.tip.next_offset, reader_.error());
    damage.first_missing = walk_.tip.index + 1;
    if (link_.last) damage.end_missing = link_.last->index + 1;
    after_hole_ = false;
    for (std::optional<Frame> seen = reader_.search(position_ + 1, end); seen;
         seen = reader_.search(seen->position + 1, end)) {
      const Index index = seen->entry.index;
      if (index <= walk_.tip.index || !reader_.at(seen->position)) continue;
      if (link_.last && index > link_.last->index) break;
      damage.end_missing = index;
      position_ = seen->position;
      after_hole_ = true;
      break;
    }
    walk_.holes.push_back(std::move(damage));
  }

  /// All entries are whole, but not those that the successor follows.
  void end_differs() {
    Damage damage = damaged_entry(link_.path, position_, {Fault::order}, walk_.tip.next_offset);
    damage.first_missing = damage.end_missing = walk_.tip.index;
    damage.error.message = fmt::format("{}: entry {} is not the one that its successor follows",
                                       link_.path, walk_.tip.index.value);
    walk_.holes.push_back(std::move(damage));
  }

  const Link& link_;
  const Watermark saved_;
  SegmentReader reader_;
  uint64_t position_;
  bool after_hole_ = false;
  bool searched_ = false;
  uint64_t again_at_ = 0;  ///< Was read a second time.
  Walk walk_;
};

/// The identity that an entry at `position` claims; 0: none is whole there.
uint64_t claimed_identity(const io::File& file, uint64_t position) {
  char fixed[frame_bytes];
  const Result<size_t> read = file.read(position, fixed);
  if (!read || *read < frame_bytes) return 0;
  const uint64_t identity = load<uint64_t>(fixed + 8);
  return decode_frame(Bytes(fixed, frame_bytes), identity, position) ? identity : 0;
}

/// A segment whose header is lost takes its identity from its first whole entry, for its watermark
/// only: so the end of the log before the damage may still be known.
Result<Watermark> headerless_watermark(io::Disk& disk, const Link& link) {
  Watermark mark;
  const Result<std::unique_ptr<io::File>> file = disk.open(link.path, io::Access::read);
  if (!file) return mark;
  const uint64_t size = TRY((*file)->size());
  uint64_t identity = 0;
  for (uint64_t at = header_block_bytes; at <= header_bytes_max && identity == 0;) {
    identity = claimed_identity(**file, at);
    at += header_block_bytes;
  }
  if (identity == 0) return mark;
  SegmentReader reader(**file, identity, size);
  for (std::optional<Frame> seen = reader.search(header_block_bytes, size); seen;
       seen = reader.search(seen->position + 1, size)) {
    mark = std::max(mark, seen->synced);
  }
  return mark;
}

std::optional<Damage> lost_votes(const FoundVotes& votes) {
  if (votes.newest() || planted(Mistake::damaged_vote_is_zero)) return std::nullopt;
  Damage damage;
  damage.path = vote_paths[0];
  damage.stored_crc = votes.copies[0].bad.stored_crc;
  damage.computed_crc = votes.copies[0].bad.computed_crc;
  damage.error = {Code::corrupt_segment,
                  fmt::format("{} and {} are both missing or damaged: term and vote are not known",
                              vote_paths[0], vote_paths[1]),
                  "ledgerctl member replace NAME --yes, with a new directory"};
  return damage;
}

Damage lost_newest(const Watermark& mark) {
  Damage damage;
  damage.path = segment_path(mark.segment);
  damage.end_missing = mark.index + 1;
  damage.error = {Code::offset_gap,
                  fmt::format("{} is missing: the log was durable up to entry {}, in byte {} of it",
                              damage.path, mark.index.value, mark.end),
                  "restore the file, or start the node: its peers repair it"};
  return damage;
}

Result<void> check_cluster(const Survey& survey) {
  if (!survey.votes.newest()) return {};
  const Id& cluster = survey.votes.counting().cluster;
  for (const Link& link : survey.chain.links) {
    if (link.header && link.header->cluster != cluster) {
      return fail(Code::cluster_id_mismatch,
                  fmt::format("{} belongs to cluster {}, the vote copies to {}", link.path,
                              link.header->cluster.text(), cluster.text()),
                  "these files were never one log: restore the right ones");
    }
  }
  return {};
}

Result<Survey> look(io::Disk& disk, const Sink& sink) {
  Survey survey;
  // The vote copies first: on a running node's directory all that they testify is then there.
  survey.votes = TRY(read_votes(disk));
  survey.chain = TRY(read_chain(disk));
  survey.synced = survey.votes.synced();
  survey.committed = survey.votes.committed();
  if (survey.chain.empty() && survey.synced.segment == 0) return survey;
  TRY(check_cluster(survey));

  if (std::optional<Damage> damage = lost_votes(survey.votes)) {
    survey.damages.push_back(*std::move(damage));
  }
  for (const Link& link : survey.chain.links) {
    if (link.damage) survey.damages.push_back(*link.damage);
  }
  const uint64_t newest = survey.chain.empty() ? 0 : survey.chain.newest().number;
  if (survey.synced.segment > newest && !planted(Mistake::newest_unchecked) &&
      !planted(Mistake::watermark_ignored)) {
    survey.damages.push_back(lost_newest(survey.synced));
    for (Link& link : survey.chain.links) link.trusted = false;
    return survey;
  }
  if (survey.chain.empty()) return survey;
  const Link& last = survey.chain.newest();
  if (!last.header) {
    survey.synced = std::max(survey.synced, TRY(headerless_watermark(disk, last)));
    return survey;
  }
  survey.tail = TRY(walk_segment(disk, last, survey.synced, sink));
  survey.synced = std::max(survey.synced, survey.tail->synced);
  survey.committed = std::max(survey.committed, survey.tail->committed);
  for (const Damage& hole : survey.tail->holes) survey.damages.push_back(hole);
  return survey;
}

}  // namespace

Result<Walk> walk_segment(io::Disk& disk, const Link& link, const Watermark& saved,
                          const Sink& sink) {
  assert(link.header);
  const std::unique_ptr<io::File> file = TRY(disk.open(link.path, io::Access::read));
  return Walker(*file, link, saved).run(sink);
}

Result<std::optional<Headless>> find_headless(io::Disk& disk, const Link& link, uint64_t identity) {
  const Result<std::unique_ptr<io::File>> file = disk.open(link.path, io::Access::read);
  if (!file && file.error().code == Code::no_such_file) return std::optional<Headless>();
  if (!file) return tl::unexpected(file.error());
  const uint64_t size = TRY((*file)->size());
  if (identity == 0) {
    identity = claimed_identity(**file, header_block_bytes);
    if (identity == 0) return std::optional<Headless>();
  }
  SegmentReader reader(**file, identity, size);
  for (std::optional<Frame> seen = reader.search(header_block_bytes, size); seen;
       seen = reader.search(seen->position + 1, size)) {
    if (reader.at(seen->position)) return Headless{identity, seen->position};
  }
  return std::optional<Headless>();
}

Result<Walk> walk_headless(io::Disk& disk, const Link& link, const Headless& from,
                           const Watermark& saved, const Sink& sink) {
  const std::unique_ptr<io::File> file = TRY(disk.open(link.path, io::Access::read));
  Link sized = link;
  sized.file_bytes = TRY(file->size());
  return Walker(*file, sized, from, saved).run(sink);
}

Result<Survey> survey(io::Disk& disk, const Sink& sink) {
  // A running node may remove a segment between our look at its name and ours at its entries.
  constexpr int attempts = 3;
  for (int i = 1; i < attempts; ++i) {
    Result<Survey> found = look(disk, sink);
    if (found || found.error().code != Code::no_such_file) return found;
  }
  return look(disk, sink);
}

}  // namespace ledger::log
