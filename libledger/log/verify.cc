#include "log/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/record.h"
#include "log/index.h"

namespace ledger::log {
namespace {

using State = SegmentReport::State;

/// A report that grows with each entry.
class Counting {
 public:
  Counting(const Link& link, SegmentReport& report) : report_(report) {
    report_.path = link.path;
    if (!link.header) return;
    report_.first_index = link.header->first_index;
    report_.first_offset = report_.next_offset = link.header->first_offset;
    report_.bytes = link.header->bytes();
  }

  void add(const SegmentReader::Item& item) {
    const Entry& entry = item.frame.entry;
    ++report_.entries;
    report_.records += entry.record_count;
    report_.bytes = item.frame.end();
    report_.next_offset = entry.next_offset();
    if (report_.entries == 1) report_.term_min = entry.term;
    report_.term_max = entry.term;
    if (entry.record_count == 0) return;
    if (!report_.oldest) report_.oldest = entry.recorded;
    report_.newest = entry.last_recorded();
    if (count_records(item.payload) != entry.record_count) miscounted(item.frame);
  }

 private:
  void miscounted(const Frame& frame) {
    Damage damage =
        damaged_entry(report_.path, frame.position, {Fault::field}, frame.entry.base_offset);
    damage.error.message = fmt::format("{}: the entry at byte {} is not {} records", report_.path,
                                       frame.position, frame.entry.record_count);
    report_.damages.push_back(std::move(damage));
  }

  SegmentReport& report_;
};

void add_walk(const Link& link, const Walk& walk, SegmentReport& report) {
  report.torn = walk.torn;
  report.damages.insert(report.damages.end(), walk.holes.begin(), walk.holes.end());
  if (link.damage) report.damages.push_back(*link.damage);
  if (!report.damages.empty()) {
    report.state = State::corrupt;
  } else if (report.torn) {
    report.state = State::torn;
  } else {
    report.state = link.last || !link.trusted ? State::sealed : State::open;
  }
}

/// A sealed segment by its own header and its successor's: nothing else of it is read, but the
/// first entries for their term and time.
Result<void> glance(io::Disk& disk, const Link& link, SegmentReport& report) {
  const SegmentHeader& header = *link.header;
  SegmentReport front;
  Counting counting(link, front);
  const Walk walk =
      TRY(walk_segment(disk, link, {}, [&](const SegmentReader::Item& item, const Tip&) {
        counting.add(item);
        return !front.oldest;
      }));
  report = std::move(front);
  report.bytes = link.file_bytes;
  report.entries = link.last->index + 1 - header.first_index;
  report.records = link.last->next_offset - header.first_offset;
  report.next_offset = link.last->next_offset;
  report.term_max = link.last->term;
  if (report.records > 0) report.newest = link.last->last_recorded;
  add_walk(link, walk, report);
  return {};
}

/// A segment, from its first byte to its last living one.
Result<SegmentReport> report_on(io::Disk& disk, const Link& link, const Watermark& synced,
                                const VerifyOptions& options) {
  SegmentReport report;
  Counting counting(link, report);
  if (!link.header) {
    report.state = State::corrupt;
    report.damages.push_back(*link.damage);
    return report;
  }
  if (options.fast && link.last && link.trusted) {
    TRY(glance(disk, link, report));
  } else {
    const Walk walk =
        TRY(walk_segment(disk, link, synced, [&](const SegmentReader::Item& item, const Tip&) {
          counting.add(item);
          return true;
        }));
    add_walk(link, walk, report);
  }
  if (options.index && link.last) {
    report.index_bad = !index_valid(disk, *link.header, link.last->index + 1);
  }
  return report;
}

bool any(const std::vector<SegmentReport>& segments, State state) {
  return std::any_of(segments.begin(), segments.end(),
                     [&](const SegmentReport& one) { return one.state == state; });
}

}  // namespace

std::string_view name(SegmentReport::State state) {
  switch (state) {
    case State::open:
      return "open";
    case State::sealed:
      return "sealed";
    case State::torn:
      return "torn";
    case State::corrupt:
      return "corrupt";
  }
  return "unknown";
}

bool VerifyReport::torn() const {
  return any(segments, State::torn);
}

bool VerifyReport::corrupt() const {
  return !others.empty() || any(segments, State::corrupt);
}

bool VerifyReport::index_bad() const {
  return std::any_of(segments.begin(), segments.end(),
                     [](const SegmentReport& one) { return one.index_bad; });
}

Result<VerifyReport> verify(io::Disk& disk, const VerifyOptions& options,
                            const Progress& progress) {
  VerifyReport report;
  const Survey survey = TRY(log::survey(disk, nullptr));
  const Chain& chain = survey.chain;
  if (chain.empty() && survey.whole()) {
    return fail(Code::no_such_file, "there is no log in this directory", "name a data directory");
  }
  report.committed = survey.committed;
  for (const Link& link : chain.links) {
    report.segments.push_back(TRY(report_on(disk, link, survey.synced, options)));
    if (progress) progress(report.segments.back());
  }
  for (const Damage& damage : survey.damages) {
    const bool told = std::any_of(chain.links.begin(), chain.links.end(),
                                  [&](const Link& link) { return link.path == damage.path; });
    if (!told) report.others.push_back(damage);
  }
  return report;
}

Result<SegmentReport> verify_file(io::Disk& disk, const std::string& path) {
  const Link link = TRY(read_link(disk, path));
  return report_on(disk, link, {}, {});
}

}  // namespace ledger::log
