#include "log/log.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/log_files.h"
#include "log/planted.h"
#include "log/survey.h"

namespace ledger::log {
namespace {

/// Founds a log: what is left of an earlier attempt goes; the segment gets its name last, with the
/// founding entry in it, so that there is either no log or a whole one.
Result<void> found_log(io::Disk& disk, io::Random& random, const Id& cluster,
                       const Options& options, const Entry* founding) {
  if (TRY(Log::exists(disk))) {
    return fail(Code::output_exists, "there is a log in this directory already",
                "start it without --bootstrap, or choose an empty directory");
  }
  TRY(disk.make_directory(segments_directory));
  TRY(io::remove_if_there(disk, next_path));
  VoteFile votes =
      TRY(VoteFile::create(disk, cluster, {founding ? founding->term : Term(), MemberId()}));

  BeginWrite begin;
  begin.header.cluster = cluster;
  begin.header.number = 1;
  begin.header.identity = random.number();
  begin.header.first_index = Index(1);
  uint64_t bytes = begin.header.bytes();
  if (founding) {
    begin.founding = EntryWrite{*founding, content_crc(*founding), 0};
    bytes += frame_bytes + founding->bytes().size();
  }
  begin.header.file_bytes = std::max(options.segment_bytes, bytes);
  std::vector<Write> writes;
  writes.emplace_back(std::move(begin));
  Writer writer(disk, std::move(votes), nullptr, 0, {}, options.segment_bytes);
  TRY(writer.execute(writes, {}));
  if (writer.blocked()) return tl::unexpected(*writer.no_space());
  return {};
}

/// A log that is being opened.
class Opening {
 public:
  Opening(io::Disk& disk, const Id& cluster) : disk_(disk), cluster_(cluster) {}

  /// Reads only.
  Result<void> look() {
    survey_ = TRY(survey(disk_, [&](const SegmentReader::Item& item, const Tip& before) {
      add_point(points_, before, item.frame.position);
      tail_.push_back(kept(item));
      return true;
    }));
    if (!survey_.damages.empty()) return tl::unexpected(survey_.damages.front().error);
    if (survey_.chain.empty()) {
      return fail(Code::no_such_file, "there is no log in this directory",
                  "start a new one with --bootstrap");
    }
    if (newest().cluster != cluster_) {
      return fail(Code::cluster_id_mismatch,
                  fmt::format("the log belongs to cluster {}, not {}", newest().cluster.text(),
                              cluster_.text()),
                  "wrong directory, or wrong cluster");
    }
    if (survey_.committed > survey_.tail->tip.index) {
      return fail(Code::offset_gap,
                  fmt::format("the log ends at entry {}, and {} were committed",
                              survey_.tail->tip.index.value, survey_.committed.value),
                  "start the node: its peers repair it");
    }
    return read_from_checkpoint();
  }

  /// Makes durable what may be in the page cache only, and removes what is dead.
  Result<Writer> settle(const Options& options) {
    const Walk& tail = *survey_.tail;
    const uint64_t number = newest().number;
    const std::string path = segment_path(number);
    std::unique_ptr<io::File> active = TRY(disk_.open(path, io::Access::write));
    uint64_t from = newest().bytes();
    if (survey_.synced.segment == number) from = std::max(from, survey_.synced.end);
    if (from < tail.end && !planted(Mistake::not_written_again)) {
      TRY(write_again(*active, path, from, tail.end));
    }
    // The names before what claims to stand in the files, and before the dead files go: they may
    // be all there is, should the name of their successor not be durable.
    TRY(disk_.sync_directory(segments_directory));
    const Watermark durable{number, tail.end, tail.tip.index, tail.tip.term};
    VoteFile votes = TRY(settle_votes(durable));
    for (uint64_t dead : survey_.chain.dead) TRY(io::remove_if_there(disk_, segment_path(dead)));
    for (uint64_t index : survey_.chain.indexes) {
      if (!lives(index)) TRY(io::remove_if_there(disk_, index_path(index)));
    }
    if (survey_.chain.next_prepared) TRY(io::remove_if_there(disk_, next_path));
    return Writer(disk_, std::move(votes), std::move(active), newest().identity, durable,
                  options.segment_bytes);
  }

  LogFiles::Start start(const Options& options) {
    LogFiles::Start start;
    start.cluster = cluster_;
    start.options = options;
    for (const Link& link : survey_.chain.links) {
      start.segments.push_back(std::make_shared<const SegmentHeader>(*link.header));
    }
    start.number_next = newest().number + 1;
    start.tip = survey_.tail->tip;
    start.end = survey_.tail->end;
    start.points = std::move(points_);

    const SegmentHeader& base = *survey_.chain.links[checkpoint_].header;
    Recovered& recovered = start.recovered;
    recovered.vote = vote_;
    recovered.synced = {newest().number, start.end, start.tip.index, start.tip.term};
    recovered.committed = survey_.committed;
    recovered.torn = survey_.tail->torn;
    recovered.checkpoint = base.first_index - 1;
    recovered.checkpoint_term = base.previous_term;
    recovered.configuration = base.configuration;
    recovered.configuration_index = base.configuration_index;
    recovered.entries = std::move(entries_);
    recovered.entries.insert(recovered.entries.end(), std::make_move_iterator(tail_.begin()),
                             std::make_move_iterator(tail_.end()));
    if (base.configuration_index != Index(0)) {
      start.configurations.push_back({base.configuration_index, base.configuration});
    }
    for (const Entry& entry : recovered.entries) {
      if (entry.kind == EntryKind::membership) {
        start.configurations.push_back({entry.index, std::string(entry.bytes())});
      }
    }
    return start;
  }

 private:
  const SegmentHeader& newest() const { return *survey_.chain.newest().header; }

  bool lives(uint64_t number) const {
    const auto& links = survey_.chain.links;
    const auto link =
        std::lower_bound(links.begin(), links.end(), number,
                         [](const Link& one, uint64_t sought) { return one.number < sought; });
    return link != links.end() && link->number == number;
  }

  /// What consensus wants of an entry: the payload of a membership, of others all but that.
  static Entry kept(const SegmentReader::Item& item) {
    Entry entry = item.frame.entry;
    if (entry.kind == EntryKind::membership) {
      entry.payload = std::make_shared<const std::string>(item.payload);
    }
    return entry;
  }

  Result<void> read_from_checkpoint() {
    const std::vector<Link>& links = survey_.chain.links;
    checkpoint_ = links.size() - 1;
    while (checkpoint_ > 0 && links[checkpoint_].header->first_index - 1 > survey_.committed) {
      --checkpoint_;
    }
    for (size_t i = checkpoint_; i + 1 < links.size(); ++i) {
      const Walk walk = TRY(walk_segment(disk_, links[i], survey_.synced,
                                         [&](const SegmentReader::Item& item, const Tip&) {
                                           entries_.push_back(kept(item));
                                           return true;
                                         }));
      if (!walk.holes.empty()) return tl::unexpected(walk.holes.front().error);
    }
    return {};
  }

  /// The same bytes in the same place. They were checked when they were surveyed.
  static Result<void> write_again(io::File& file, const std::string& path, uint64_t from,
                                  uint64_t end) {
    std::string piece(std::min<uint64_t>(end - from, 1 << 20), '\0');
    while (from < end) {
      const size_t size = std::min<uint64_t>(piece.size(), end - from);
      if (TRY(file.read(from, std::span(piece.data(), size))) != size) {
        return fail(Code::io, fmt::format("{} became shorter while it was read", path));
      }
      TRY(file.write(from, Bytes(piece).substr(0, size)));
      from += size;
    }
    return file.sync();
  }

  Result<VoteFile> settle_votes(const Watermark& durable) {
    if (planted(Mistake::damaged_vote_is_zero) && !survey_.votes.newest()) {
      return VoteFile::create(disk_, cluster_, {});
    }
    VoteFile votes = TRY(VoteFile::recover(disk_, survey_.votes, durable, survey_.committed));
    vote_ = votes.last().vote;
    // Entries that were pulled from a peer may be of a later term than any that we were told of.
    if (vote_.term < durable.term) {
      vote_ = {durable.term, MemberId()};
      TRY(votes.save(vote_, durable, survey_.committed));
    }
    return votes;
  }

  io::Disk& disk_;
  const Id cluster_;
  Survey survey_;
  Points points_;
  std::vector<Entry> tail_;     ///< Of the newest segment.
  std::vector<Entry> entries_;  ///< From the checkpoint up to the newest segment.
  size_t checkpoint_ = 0;       ///< The link that begins at the checkpoint.
  Vote vote_;
};

}  // namespace

Result<void> Log::create(io::Disk& disk, io::Random& random, const Id& cluster,
                         const Options& options, const Entry& founding) {
  const bool fits = founding.kind == EntryKind::membership && founding.index == Index(1) &&
                    founding.base_offset == Offset(0);
  if (!fits) return fail(Code::internal, "the founding entry is not a membership at index 1");
  return found_log(disk, random, cluster, options, &founding);
}

Result<void> Log::create_empty(io::Disk& disk, io::Random& random, const Id& cluster,
                               const Options& options) {
  return found_log(disk, random, cluster, options, nullptr);
}

Result<bool> Log::exists(io::Disk& disk) {
  if (!TRY(read_chain(disk)).empty()) return true;
  // The marks of a segment that began: one is missing.
  return TRY(read_votes(disk)).synced().segment != 0;
}

Result<std::unique_ptr<Log>> Log::open(io::Disk& disk, io::Random& random, const Id& cluster,
                                       const Options& options) {
  Opening opening(disk, cluster);
  TRY(opening.look());
  Writer writer = TRY(opening.settle(options));
  LogFiles::Start start = opening.start(options);
  const bool torn = start.recovered.torn.has_value() && !planted(Mistake::cut_in_place);
  auto log = std::make_unique<LogFiles>(disk, random, std::move(start), std::move(writer));
  if (torn) {
    log->begin_after_torn();
    TRY(log->drain());
    if (log->waits_for_room()) TRY(log->has_room(options.segment_bytes));
  }
  return log;
}

}  // namespace ledger::log
