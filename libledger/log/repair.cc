#include "log/repair.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/log.h"
#include "log/recast.h"
#include "log/scan.h"
#include "log/writer.h"

namespace ledger::log {
namespace {

std::string kept_as(const std::string& path, Offset offset) {
  return fmt::format("{}.cut-{}", path, offset.value);
}

/// Counts what lies behind the cut and is whole, for the plan to say what it costs.
void count_cost(Scan& scan, RepairPlan& plan, Index committed) {
  for (;;) {
    const Result<std::optional<Scan::Item>> item = scan.next();
    if (!item || !*item) return;
    plan.records += (*item)->entry.record_count;
    if ((*item)->entry.index <= committed) plan.committed += (*item)->entry.record_count;
  }
}

Result<RepairPlan> plan_cut(io::Disk& disk, Offset offset) {
  Scan scan = TRY(Scan::open(disk));
  scan.read_all();
  RepairPlan plan;
  std::optional<Scan::Item> first_cut;
  for (;;) {
    plan.last = scan.tip();
    if (scan.tip().index != Index()) {
      plan.path = scan.link().path;
      plan.position = scan.position();
    }
    Result<std::optional<Scan::Item>> item = scan.next();
    if (!item) {
      if (scan.tip().next_offset >= offset) break;
      return tl::unexpected(item.error());  // Damage before the place that was named.
    }
    if (!*item) {
      if (scan.tip().next_offset < offset) {
        return fail(Code::out_of_range, fmt::format("offset {} is past the end (next is {})",
                                                    offset.value, scan.tip().next_offset.value));
      }
      break;
    }
    if ((*item)->entry.next_offset() <= offset) continue;
    plan.path = (*item)->path;
    plan.position = (*item)->position;
    first_cut = *std::move(item);
    break;
  }
  const Survey& survey = scan.survey();
  if (!survey.votes.newest()) return tl::unexpected(survey.damages.front().error);
  plan.next_offset = plan.last.next_offset;
  if (plan.last.index == Index()) {
    return fail(Code::corrupt_segment, "nothing of the log would be left",
                "start a new node with an empty directory");
  }
  const bool over_committed = survey.committed > plan.last.index;
  if (!first_cut && survey.whole() && !over_committed) return RepairPlan{};

  if (first_cut) {
    plan.records = first_cut->entry.record_count;
    if (!first_cut->uncommitted) plan.committed = plan.records;
    count_cost(scan, plan, survey.committed);
  }
  for (const Link& link : survey.chain.links) {
    const bool behind = link.path > plan.path;
    if (behind && !(link.damage && link.damage->error.code == Code::offset_gap)) {
      plan.given_up.push_back(link.path);
    }
  }
  return plan;
}

/// Saves the bytes that are cut from a segment beside it.
Result<void> keep_cut(io::Disk& disk, const RepairPlan& plan) {
  const std::string kept = kept_as(plan.path, plan.next_offset);
  const std::unique_ptr<io::File> from = TRY(disk.open(plan.path, io::Access::read));
  TRY(io::remove_if_there(disk, kept));  // Of an attempt that a crash cut short.
  const std::unique_ptr<io::File> to = TRY(disk.create(kept));
  std::string piece(1 << 20, '\0');
  for (uint64_t done = 0; done < plan.bytes;) {
    const size_t wanted = std::min<uint64_t>(piece.size(), plan.bytes - done);
    const size_t size = TRY(from->read(plan.position + done, std::span(piece.data(), wanted)));
    if (size == 0) break;
    TRY(to->write(done, Bytes(piece).substr(0, size)));
    done += size;
  }
  TRY(to->sync());
  return disk.sync_directory(segments_directory);
}

/// The segment that begins at the cut.
Result<SegmentHeader> header_at_cut(io::Disk& disk, io::Random& random, const RepairPlan& plan,
                                    const Survey& survey) {
  const Link* link = nullptr;  // Holds the last entry that stays.
  uint64_t highest = survey.synced.segment;
  for (const Link& one : survey.chain.links) {
    highest = std::max(highest, one.number);
    if (one.header && one.header->first_index <= plan.last.index) link = &one;
  }
  if (link == nullptr) return fail(Code::internal, "the log changed since the repair was planned");
  SegmentHeader header = TRY(header_after(disk, *link, plan.last.index));
  header.number = highest + 1;
  header.identity = random.number();
  header.file_bytes = std::max(link->header->file_bytes, header.bytes());
  return header;
}

}  // namespace

Result<RepairPlan> plan_repair(io::Disk& disk, std::optional<Offset> truncate_at) {
  RepairPlan plan;
  if (truncate_at) {
    plan = TRY(plan_cut(disk, *truncate_at));
    if (plan.path.empty()) return plan;
  } else {
    Scan scan = TRY(Scan::open(disk));
    scan.read_all();
    while (TRY(scan.next())) {
    }
    const Survey& found = scan.survey();
    if (!found.tail->torn) return plan;
    plan.torn = true;
    plan.path = found.tail->torn->path;
    plan.position = found.tail->torn->position;
    plan.last = found.tail->tip;
    plan.next_offset = found.tail->tip.next_offset;
  }
  const Link link = TRY(read_link(disk, plan.path));
  const std::unique_ptr<io::File> file = TRY(disk.open(plan.path, io::Access::read));
  SegmentReader reader(*file, 0, link.file_bytes);
  plan.bytes = TRY(reader.end_of_data(plan.position)) - plan.position;
  plan.steps.push_back(fmt::format("keep {} bytes of {} from byte {} on as {}", plan.bytes,
                                   plan.path, plan.position, kept_as(plan.path, plan.next_offset)));
  plan.steps.push_back(fmt::format("begin a new segment at entry {}, record {}",
                                   plan.last.index.value + 1, plan.next_offset.value));
  plan.steps.push_back("write both vote copies");
  for (const std::string& path : plan.given_up) {
    plan.steps.push_back(fmt::format("rename {} to {}", path, kept_as(path, plan.next_offset)));
  }
  return plan;
}

Result<void> repair(io::Disk& disk, io::Random& random, const RepairPlan& plan) {
  if (plan.steps.empty()) return {};
  const Survey found = TRY(survey(disk, nullptr));
  if (!found.votes.newest()) {
    return fail(Code::internal, "the vote copies changed since the repair was planned");
  }
  TRY(keep_cut(disk, plan));
  if (plan.torn) {
    // A start does just that.
    const Options options{.segment_bytes = found.chain.newest().header->file_bytes};
    TRY(Log::open(disk, random, found.votes.counting().cluster, options));
    return {};
  }
  TRY(io::remove_if_there(disk, next_path));
  BeginWrite begin;
  begin.header = TRY(header_at_cut(disk, random, plan, found));
  const Index committed = std::min(found.committed, plan.last.index);
  VoteFile votes =
      TRY(VoteFile::recover(disk, found.votes, found.votes.synced(), found.votes.committed()));
  const Vote vote = votes.last().vote;
  Writer writer(disk, std::move(votes), nullptr, 0, found.synced, begin.header.file_bytes);
  std::vector<Write> writes;
  writes.emplace_back(std::move(begin));
  writes.emplace_back(VoteWrite{vote});
  TRY(writer.execute(writes, committed));
  if (writer.blocked()) return tl::unexpected(*writer.no_space());
  for (const std::string& path : plan.given_up) {
    TRY(disk.rename(path, kept_as(path, plan.next_offset)));
  }
  return disk.sync_directory(segments_directory);
}

}  // namespace ledger::log
