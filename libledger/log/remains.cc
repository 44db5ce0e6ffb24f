#include "log/remains.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "log/planted.h"
#include "log/survey.h"

namespace ledger::log {
namespace {

/// A membership and where it stands.
struct Configuration {
  Index index;
  std::string encoded;
};

/// The whole entries of one segment, gathered while it is walked through.
class Gathering {
 public:
  bool take(const SegmentReader::Item& item, const Tip& before) {
    const Entry& entry = item.frame.entry;
    if (runs.empty() || runs.back().end != entry.index ||
        runs.back().end_position != item.frame.position) {
      Remains::Run& run = runs.emplace_back();
      run.first = run.end = entry.index;
      run.position = item.frame.position;
    }
    Remains::Run& run = runs.back();
    Tip here = before;  // Behind a hole it is that of the entry before the hole.
    here.index = entry.index - 1;
    add_point(run.points, here, item.frame.position);
    if (run.terms.empty() || run.terms.back().term != entry.term) {
      run.terms.push_back({entry.index, entry.term});
    }
    run.end = entry.index + 1;
    run.end_position = item.frame.end();
    last_crc_ = item.frame.content_crc;
    if (entry.kind == EntryKind::membership) {
      configurations.push_back({entry.index, std::string(item.payload)});
    }
    return true;
  }

  /// What the successor says of the last entry is the truth.
  void hold_against(const Tip& last) {
    if (runs.empty() || runs.back().end != last.index + 1) return;
    Remains::Run& run = runs.back();
    if (run.terms.back().term == last.term && last_crc_ == last.crc) return;
    run.end = last.index;
    if (run.terms.back().index == last.index) run.terms.pop_back();
    if (run.first == run.end) runs.pop_back();
  }

  uint64_t identity = 0;
  std::vector<Remains::Run> runs;
  std::vector<Configuration> configurations;
  std::vector<Damage> holes;
  Watermark synced;
  Index committed;

 private:
  uint32_t last_crc_ = 0;
};

/// Leaves only what lies before `end`.
void clip(std::vector<Remains::Run>& runs, Index end) {
  std::erase_if(runs, [&](const auto& run) { return run.first >= end; });
  for (Remains::Run& run : runs) {
    run.end = std::min(run.end, end);
    std::erase_if(run.terms, [&](const LogEnd& one) { return one.index >= end; });
    std::erase_if(run.points, [&](const Point& one) { return one.index >= end; });
  }
}

Term term_in(const Remains::Run& run, Index index) {
  const auto after = std::partition_point(run.terms.begin(), run.terms.end(),
                                          [&](const LogEnd& one) { return one.index <= index; });
  assert(after != run.terms.begin());
  return (after - 1)->term;
}

Result<Gathering> gather(io::Disk& disk, const Link& link, const std::optional<Headless>& from,
                         const Watermark& saved) {
  Gathering found;
  const auto sink = [&](const SegmentReader::Item& item, const Tip& before) {
    return found.take(item, before);
  };
  Walk walk;
  if (link.header) {
    found.identity = link.header->identity;
    walk = TRY(walk_segment(disk, link, saved, sink));
    found.holes = walk.holes;
  } else if (from) {
    found.identity = from->identity;
    walk = TRY(walk_headless(disk, link, *from, saved, sink));
  }
  found.synced = walk.synced;
  found.committed = walk.committed;
  if (link.last) found.hold_against(*link.last);
  return found;
}

}  // namespace

std::string describe(const Hole& hole) {
  std::string text = fmt::format("entries {} to {}", hole.first.value, hole.end.value - 1);
  if (hole.offset) text += fmt::format(", records from offset {} on", hole.offset->value);
  return text;
}

/// A look in progress.
class Remains::Look {
 public:
  explicit Look(io::Disk& disk) : disk_(disk), found_(disk) {}

  Result<Remains> run() {
    survey_ = TRY(survey(disk_, nullptr));
    if (survey_.chain.empty() && survey_.synced.segment == 0) {
      return fail(Code::no_such_file, "there is no log in this directory",
                  "start a new one with --bootstrap");
    }
    if (!survey_.votes.newest()) return tl::unexpected(survey_.damages.front().error);
    found_.cluster_ = survey_.votes.counting().cluster;
    found_.vote_ = survey_.votes.counting().vote;
    found_.synced_ = survey_.synced;
    found_.committed_ = survey_.committed;
    found_.damages_ = survey_.damages;

    gathered_.resize(links().size());
    TRY(gather_all());
    trust();
    for (size_t i = 0; i < links().size(); ++i) add_part(i);
    find_end();
    TRY(check());
    find_holes();
    std::stable_sort(found_.damages_.begin(), found_.damages_.end(),
                     [](const Damage& a, const Damage& b) { return a.path < b.path; });
    return std::move(found_);
  }

 private:
  const std::vector<Link>& links() const { return survey_.chain.links; }
  uint64_t newest_number() const { return links().empty() ? 0 : links().back().number; }
  /// The newest segment is not there at all.
  bool newest_lost() const { return survey_.synced.segment > newest_number(); }

  /// The identity that the successor of a segment names.
  uint64_t named_identity(size_t i) const {
    if (i + 1 == links().size() || !links()[i + 1].header) return 0;
    return links()[i + 1].header->predecessor_identity;
  }

  bool named(size_t i) const { return i + 1 == links().size() || links()[i + 1].header; }

  /// A segment that was overwritten with another.
  bool belongs_to_another(size_t i, uint64_t identity) const {
    for (size_t other = 0; other < links().size(); ++other) {
      const std::optional<SegmentHeader>& header = links()[other].header;
      if (other != i && header && header->identity == identity) return true;
    }
    return false;
  }

  Result<void> gather_all() {
    for (size_t i = 0; i < links().size(); ++i) {
      const Link& link = links()[i];
      if (!link.header && !named(i)) continue;
      std::optional<Headless> from;
      if (!link.header) from = TRY(find_headless(disk_, link, named_identity(i)));
      if (from && belongs_to_another(i, from->identity)) from.reset();
      gathered_[i] = TRY(gather(disk_, link, from, survey_.synced));
      Gathering& found = gathered_[i];
      found_.synced_ = std::max(found_.synced_, found.synced);
      found_.committed_ = std::max(found_.committed_, found.committed);
      if (i + 1 == links().size()) continue;  // The survey has told its damage.
      found_.damages_.insert(found_.damages_.end(), found.holes.begin(), found.holes.end());
    }
    found_.number_next_ = std::max(newest_number(), found_.synced_.segment) + 1;
    return {};
  }

  /// Below a segment without a header, entries are believed only up to the highest commit index
  /// that is stored there, and only below what is whole above.
  void trust() {
    limits_.resize(links().size());
    Index limit(UINT64_MAX);
    Index above(UINT64_MAX);  // Lowest index that is known to stand further up.
    bool pending = newest_lost();
    for (size_t i = links().size(); i-- > 0;) {
      const Link& link = links()[i];
      Gathering& found = gathered_[i];
      if (pending) {
        limit = std::min(found.committed, above - 1);
        pending = found.committed == Index();
        if (planted(Mistake::headless_trusted)) limit = above - 1;
      }
      limits_[i] = limit;
      if (limit != Index(UINT64_MAX)) clip(found.runs, limit + 1);
      if (!found.runs.empty()) above = std::min(above, found.runs.front().first);
      if (link.last) above = std::min(above, link.last->index);
      if (!link.header) pending = true;
    }
  }

  /// Where the next part begins.
  Index reached() const { return found_.parts_.empty() ? Index(1) : found_.parts_.back().end; }

  void add_part(size_t i) {
    const Link& link = links()[i];
    Gathering& found = gathered_[i];
    if (!link.header && !named(i)) return;
    Part part;
    part.number = link.number;
    part.header = link.header;
    part.identity = found.identity != 0 ? found.identity : named_identity(i);
    part.first = link.header ? link.header->first_index : reached();
    part.sound = link.header && !link.damage;
    const bool newest = i + 1 == links().size() && !newest_lost();
    if (link.last && link.last->index <= limits_[i]) {
      part.last = link.last;
      part.end = link.last->index + 1;
    } else if (!found.runs.empty()) {
      part.end = found.runs.back().end;
    } else {
      part.end = part.first;
    }
    if (newest) {
      const Index durable = found_.synced_.segment == link.number ? found_.synced_.index : Index();
      part.end = std::max({part.end, part.first, durable + 1, found_.committed_ + 1});
    } else if (part.end <= part.first) {
      return;  // Nothing of it is known to live.
    }
    clip(found.runs, part.end);
    for (Run& run : found.runs) {
      run.part = found_.parts_.size();
      found_.runs_.push_back(std::move(run));
    }
    if (link.header) consider({link.header->configuration_index, link.header->configuration});
    for (const Configuration& one : found.configurations) {
      if (one.index < part.end) consider(one);
    }
    found_.parts_.push_back(std::move(part));
  }

  void consider(const Configuration& one) {
    if (one.index < configuration_index_) return;
    configuration_index_ = one.index;
    found_.configuration_ = one.encoded;
  }

  void find_end() {
    if (newest_lost() || !survey_.tail) return;
    if (links().back().damage && !planted(Mistake::short_end_believed)) return;
    const Walk& tail = *survey_.tail;
    if (tail.tip.index < found_.committed_) return;
    if (!tail.holes.empty() && tail.holes.back().end_missing == Index()) return;
    found_.end_ = LogEnd{tail.tip.index, tail.tip.term};
  }

  /// Headers and entries that are whole must make one log.
  Result<void> check() const {
    Index next(1);
    for (const Part& part : found_.parts_) {
      if (part.first != next || part.end < part.first) {
        return contradiction(segment_path(part.number), part.first);
      }
      next = part.end;
    }
    next = Index(1);
    for (const Run& run : found_.runs_) {
      const Part& part = found_.parts_[run.part];
      if (run.first < std::max(next, part.first) || run.end <= run.first) {
        return contradiction(segment_path(part.number), run.first);
      }
      next = run.end;
    }
    return {};
  }

  static tl::unexpected<Error> contradiction(const std::string& path, Index index) {
    return fail(Code::corrupt_segment,
                fmt::format("{} has entry {}, which stands elsewhere as well", path, index.value),
                "ledgerctl member replace NAME --yes, with a new directory");
  }

  void find_holes() {
    size_t run = 0;
    for (size_t i = 0; i < found_.parts_.size(); ++i) {
      const Part& part = found_.parts_[i];
      Index next = part.first;
      for (; run < found_.runs_.size() && found_.runs_[run].part == i; ++run) {
        const Run& whole = found_.runs_[run];
        if (whole.first > next) add_hole(i, next, whole.first, whole.terms.front());
        next = whole.end;
      }
      if (next < part.end) add_hole(i, next, part.end, anchor_at_end(part));
    }
    if (!newest_lost()) return;
    const Index end = std::max(found_.synced_.index, found_.committed_) + 1;
    if (end <= reached()) return;
    Hole hole{reached(), end, {}, false, {}, segment_path(found_.synced_.segment)};
    if (found_.synced_.index + 1 == end) hole.anchor = {end - 1, found_.synced_.term};
    hole.committed = end - 1 <= found_.committed_;
    found_.holes_.push_back(std::move(hole));
  }

  LogEnd anchor_at_end(const Part& part) const {
    if (part.last) return {part.last->index, part.last->term};
    const Watermark& synced = found_.synced_;
    if (synced.segment == part.number && synced.index + 1 == part.end) {
      return {synced.index, synced.term};
    }
    return {};
  }

  void add_hole(size_t part, Index first, Index end, const LogEnd& anchor) {
    Hole hole{first, end, anchor, end - 1 <= found_.committed_, {}, {}};
    hole.path = segment_path(found_.parts_[part].number);
    for (const Damage& damage : found_.damages_) {
      if (damage.path == hole.path && damage.first_missing == first) hole.offset = damage.offset;
    }
    found_.holes_.push_back(std::move(hole));
  }

  io::Disk& disk_;
  Remains found_;
  Survey survey_;
  std::vector<Gathering> gathered_;  ///< Of each link,
  std::vector<Index> limits_;        ///< and up to where it is believed.
  Index configuration_index_;
};

Result<Remains> Remains::look(io::Disk& disk) {
  return Look(disk).run();
}

bool Remains::whole() const {
  return damages_.empty() && holes_.empty() && end_.has_value();
}

std::optional<Term> Remains::term_of(Index index) const {
  const auto run = std::partition_point(runs_.begin(), runs_.end(),
                                        [&](const Run& one) { return one.end <= index; });
  if (run != runs_.end() && run->first <= index) return term_in(*run, index);
  const auto hole = std::partition_point(holes_.begin(), holes_.end(),
                                         [&](const Hole& one) { return one.end <= index; });
  if (hole == holes_.end() || hole->first > index || hole->anchor.index == Index()) return {};
  if (hole->anchor.index == index) return hole->anchor.term;
  // Terms never go back: between two entries of the same term all are of it.
  const bool follows = run != runs_.begin() && (run - 1)->end == hole->first;
  if (!follows || term_in(*(run - 1), hole->first - 1) != hole->anchor.term) return {};
  return hole->anchor.term;
}

Match Remains::match(const LogEnd& entry) const {
  const std::optional<Term> term = term_of(entry.index);
  if (term == entry.term) return Match::holds;
  return term && entry.index <= committed_ ? Match::differs : Match::unknown;
}

Result<std::vector<Entry>> Remains::read(Index from, Index end, Term term, size_t bytes_max) const {
  if (end <= from) return std::vector<Entry>();
  if (match({end - 1, term}) != Match::holds) end = std::min(end, committed_ + 1);
  return read_any(from, end, bytes_max);
}

Result<std::vector<Entry>> Remains::read_any(Index from, Index end, size_t bytes_max) const {
  std::vector<Entry> entries;
  size_t bytes = 0;
  auto run = std::partition_point(runs_.begin(), runs_.end(),
                                  [&](const Run& one) { return one.end <= from; });
  for (; run != runs_.end() && run->first <= from && from < end; ++run) {
    const Part& part = parts_[run->part];
    const uint64_t identity = part.identity;
    const std::unique_ptr<io::File> file =
        TRY(disk_->open(segment_path(part.number), io::Access::read));
    const Point* point = point_before(run->points, from);
    uint64_t position = point != nullptr ? point->position : run->position;
    SegmentReader reader(*file, identity, run->end_position);
    for (Index index = point != nullptr ? point->index : run->first;
         index < std::min(run->end, end); index = index + 1) {
      const tl::expected<SegmentReader::Item, BadFrame> item = reader.at(position);
      if (!item || item->frame.entry.index != index) {
        if (!entries.empty()) return entries;
        return tl::unexpected(damaged_entry(segment_path(part.number), position,
                                            item ? BadFrame{Fault::order} : item.error(), {},
                                            reader.error())
                                  .error);
      }
      position = item->frame.end();
      if (index < from) continue;
      bytes += item->payload.size();
      if (!entries.empty() && bytes > bytes_max) return entries;
      Entry& entry = entries.emplace_back(item->frame.entry);
      entry.payload = std::make_shared<const std::string>(item->payload);
      from = index + 1;
    }
  }
  return entries;
}

}  // namespace ledger::log
