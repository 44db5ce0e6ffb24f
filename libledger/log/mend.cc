#include "log/mend.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/planted.h"

namespace ledger::log {
namespace {

constexpr const char* mark_path = "damaged";
constexpr size_t mark_bytes_max = 64 << 10;
constexpr size_t copy_bytes = 1 << 20;

tl::unexpected<Error> refused(std::string what) {
  return fail(Code::refused, std::move(what), "ask another peer");
}

}  // namespace

Result<Mend> Mend::begin(io::Disk& disk, io::Random& random, uint64_t segment_bytes) {
  return Mend(disk, random, segment_bytes, TRY(Remains::look(disk)));
}

Mend::Mend(io::Disk& disk, io::Random& random, uint64_t segment_bytes, Remains remains)
    : disk_(&disk),
      random_(&random),
      segment_bytes_(segment_bytes),
      remains_(std::make_shared<const Remains>(std::move(remains))),
      fence_(remains_->fence()) {}

Result<std::optional<Mend::Need>> Mend::next() {
  while (!finished_) {
    if (!job_ && todo_.empty()) {
      TRY(plan());
      continue;
    }
    if (!job_) TRY(begin_job(todo_.front()));
    Job& job = *job_;
    if (!job.hole) TRY(copy_own());
    if (job.part == replacement) {
      const std::optional<Index> reach =
          planted(Mistake::mend_ends_early) ? remains_->committed() : fence_.reach();
      if (!reach) return Need{job.next, job.next, Term(), true};
      if (job.next <= *reach) return Need{job.next, *reach + 1, Term(), true};
    } else if (job.next < end_of(job) && !job.hole) {
      const std::vector<Hole>& holes = remains_->holes();
      const auto hole = std::partition_point(holes.begin(), holes.end(),
                                             [&](const Hole& one) { return one.end <= job.next; });
      if (hole == holes.end() || hole->first != job.next || hole->anchor.index == Index()) {
        return fail(Code::corrupt_segment,
                    fmt::format("entry {} can't be read, and was there", job.next.value),
                    "start the node again");
      }
      job.hole = *hole;
    }
    if (job.hole) return Need{job.next, job.hole->anchor.index + 1, job.hole->anchor.term, false};
    TRY(finish_job());
  }
  return std::optional<Need>();
}

/// Decides what is to be written. First what is committed all through, which no leader can change;
/// then the rest, as it was or replaced.
Result<void> Mend::plan() {
  if (stale_) remains_ = std::make_shared<const Remains>(TRY(Remains::look(*disk_)));
  stale_ = false;
  const auto& parts = remains_->parts();
  top_ = 0;
  while (top_ < parts.size() && parts[top_].end - 1 <= remains_->committed()) ++top_;
  // The end of the log is of the newest segment, committed or not.
  const bool newest_there = !parts.empty() && parts.back().number + 1 == remains_->number_next();
  if (newest_there) top_ = std::min(top_, parts.size() - 1);

  for (size_t i = 0; i < top_; ++i) {
    if (damaged(i)) todo_.push_back(i);
  }
  if (!todo_.empty()) return {};
  for (size_t i = top_; i < parts.size(); ++i) {
    if (damaged(i)) todo_.push_back(i);
  }
  if (!remains_->end() || (replacing_ && !todo_.empty())) todo_ = {replacement};
  if (!todo_.empty()) return {};

  if (!remains_->whole()) {
    const Error& left = remains_->damages().front().error;
    return fail(Code::internal, "after it was mended: " + left.message, left.hint);
  }
  TRY(io::remove_if_there(*disk_, mark_path));
  TRY(disk_->sync_directory(""));
  // An earlier attempt may have ended after it renamed, and before it synced.
  if (!planted(Mistake::mend_directory_not_synced)) {
    TRY(disk_->sync_directory(segments_directory));
  }
  finished_ = true;
  return {};
}

bool Mend::damaged(size_t part) const {
  const Remains::Part& one = remains_->parts()[part];
  return !one.sound ||
         std::any_of(remains_->holes().begin(), remains_->holes().end(), [&](const Hole& hole) {
           return hole.first >= one.first && hole.first < one.end;
         });
}

Result<void> Mend::begin_job(size_t part) {
  SegmentHeader header;
  uint64_t file_bytes = 0;
  if (part == replacement) {
    header = TRY(header_at(replacement_base()));
    header.number = remains_->number_next();
    header.identity = random_->number();
    file_bytes = segment_bytes_;
  } else {
    const Remains::Part& old = remains_->parts()[part];
    if (old.header) {
      header = *old.header;
      file_bytes = header.file_bytes;
    } else {
      header = TRY(header_at(old.first));
      header.number = old.number;
      header.identity = old.identity;
    }
  }
  const Index first = header.first_index;
  job_ = Job{part, TRY(Recast::begin(*disk_, std::move(header), file_bytes)), first, {}, 0};
  return {};
}

/// The header of a segment that begins at entry `first`, after what is whole.
Result<SegmentHeader> Mend::header_at(Index first) const {
  if (first == Index(1)) {
    SegmentHeader header;
    header.cluster = remains_->cluster();
    header.first_index = first;
    return header;
  }
  const auto& parts = remains_->parts();
  const auto part = std::partition_point(parts.begin(), parts.end(),
                                         [&](const Remains::Part& one) { return one.end < first; });
  if (part == parts.end()) {
    return fail(Code::corrupt_segment,
                fmt::format("there is no segment that holds entry {}", first.value - 1));
  }
  const Link link = TRY(read_link(*disk_, segment_path(part->number)));
  if (!link.header) return tl::unexpected(link.damage->error);
  return header_after(*disk_, link, first - 1);
}

/// Where what is not committed, or can't be read, begins.
Index Mend::replacement_base() const {
  const auto& parts = remains_->parts();
  Index base = remains_->committed() + 1;
  if (top_ < parts.size() && !parts[top_].sound) base = std::min(base, parts[top_].first);
  for (const Hole& hole : remains_->holes()) base = std::min(base, hole.first);
  return base;
}

Index Mend::end_of(const Job& job) const {
  return job.part == replacement ? remains_->committed() + 1 : remains_->parts()[job.part].end;
}

/// Copies what is whole from the next entry on.
Result<void> Mend::copy_own() {
  const Index end = end_of(*job_);
  while (job_->next < end) {
    const std::vector<Entry> entries = TRY(remains_->read_any(job_->next, end, copy_bytes));
    if (entries.empty()) return {};
    for (const Entry& entry : entries) {
      if (!job_->recast.tip().precedes(entry)) {
        return fail(Code::corrupt_segment,
                    fmt::format("entry {} does not follow on entry {}", entry.index.value,
                                job_->recast.tip().index.value));
      }
      TRY(add(entry));
    }
  }
  return {};
}

Result<void> Mend::add(const Entry& entry) {
  Frame frame;
  frame.entry = entry;
  frame.content_crc = content_crc(entry);
  frame.synced = remains_->synced();
  frame.committed = remains_->committed();
  if (job_->part == replacement) {
    // Whoever can see this entry by the name of its segment sees all before it, synced; and all of
    // it is committed.
    const Recast& recast = job_->recast;
    frame.synced = {recast.header().number, recast.end(), entry.index - 1, recast.tip().term};
    frame.committed = entry.index - 1;
  } else if (planted(Mistake::mend_forgets_witness)) {
    frame.synced = {};
  }
  const Result<void> added = job_->recast.add(std::move(frame), entry.bytes());
  if (!added) {
    job_.reset();
    return added;
  }
  job_->next = entry.index + 1;
  return {};
}

Result<void> Mend::finish_job() {
  const Result<void> finished = job_->recast.finish();
  if (finished) {
    mended_ += job_->fetched;
    if (job_->part == replacement) replaced_from_ = job_->recast.header().first_index;
    todo_.pop_front();
    stale_ = true;
  }
  job_.reset();
  return finished;
}

Result<void> Mend::supply(const Answer& answer) {
  if (!job_) return {};
  if (job_->hole && job_->part >= top_ && answer.match == Match::differs) {
    // Of ours, nothing around the hole is committed.
    replacing_ = true;
    todo_.clear();
    job_.reset();
    return {};
  }
  for (const Entry& entry : answer.entries) {
    if (entry.index < job_->next) continue;
    if (entry.index > job_->next) {
      return refused(fmt::format("entry {} instead of {}", entry.index.value, job_->next.value));
    }
    if (!well_formed(entry)) {
      return refused(fmt::format("entry {} is none", entry.index.value));
    }
    if (job_->part == replacement) {
      const std::optional<Index> reach = fence_.reach();
      if (!reach || entry.index > *reach) return {};
      TRY(supply_replacement(entry, answer));
    } else {
      if (!job_->hole) return {};
      TRY(supply_hole(entry, answer));
    }
  }
  return {};
}

Result<void> Mend::supply_replacement(const Entry& entry, const Answer& answer) {
  if (entry.index > answer.committed && !planted(Mistake::mend_takes_uncommitted)) {
    return refused(fmt::format("entry {} is not committed", entry.index.value));
  }
  if (!job_->recast.tip().precedes(entry)) return misfit(entry);
  TRY(add(entry));
  ++job_->fetched;
  return {};
}

Result<void> Mend::supply_hole(const Entry& entry, const Answer& answer) {
  const Hole hole = *job_->hole;
  const bool committed =
      entry.index <= answer.committed && hole.anchor.index <= remains_->committed();
  if (answer.match != Match::holds && !committed && !planted(Mistake::mend_takes_any_term)) {
    return refused(fmt::format("entry {} may be another than ours", entry.index.value));
  }
  if (!job_->recast.tip().precedes(entry)) return misfit(entry);
  TRY(add(entry));
  ++job_->fetched;
  if (job_->next < hole.end) return {};
  if (!TRY(closes())) return misfit(entry);
  job_->hole.reset();
  return {};
}

/// Whether what follows the hole that is filled now stands where it should.
Result<bool> Mend::closes() const {
  const Hole& hole = *job_->hole;
  const Recast& recast = job_->recast;
  const Remains::Part& part = remains_->parts()[job_->part];
  if (hole.end < part.end) {
    const std::vector<Entry> own = TRY(remains_->read_any(hole.end, hole.end + 1, 0));
    const auto& runs = remains_->runs();
    const auto run = std::partition_point(
        runs.begin(), runs.end(), [&](const Remains::Run& one) { return one.end <= hole.end; });
    return !own.empty() && recast.tip().precedes(own.front()) &&
           (!part.header || run->position == recast.end());
  }
  if (part.last) return recast.tip() == *part.last;
  return recast.tip().term == hole.anchor.term && recast.end() == remains_->synced().end;
}

/// The peer sent something else than it said. What it sent before may be no better.
tl::unexpected<Error> Mend::misfit(const Entry& entry) {
  const std::string path = segment_path(job_->recast.header().number);
  job_.reset();
  return refused(fmt::format("entry {} of term {} does not fit into {}", entry.index.value,
                             entry.term.value, path));
}

Result<void> Mend::confirm(const Confirmed& confirmed) {
  if (confirmed.committed < remains_->committed()) {
    return refused(fmt::format("the leader of term {} has committed {}, and {} were before",
                               confirmed.term.value, confirmed.committed.value,
                               remains_->committed().value));
  }
  if (!fence_.hear(confirmed)) {
    return refused(
        fmt::format("our log has entries of a later term than {}", confirmed.term.value));
  }
  replacing_ = true;
  if (!todo_.empty() && todo_.front() >= top_ && todo_.front() != replacement) {
    todo_.clear();
    job_.reset();
  }
  return {};
}

Result<void> request_mend(io::Disk& disk, const Error& reason) {
  const std::string text = reason.message.substr(0, mark_bytes_max - 1) + "\n";
  return io::write_file_durably(disk, mark_path, text);
}

Result<bool> mend_requested(io::Disk& disk) {
  const Result<std::unique_ptr<io::File>> file = disk.open(mark_path, io::Access::read);
  if (file) return true;
  if (file.error().code == Code::no_such_file) return false;
  return tl::unexpected(file.error());
}

}  // namespace ledger::log
