#include "history/directory_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace ledger::history {
namespace {

/// Records of one batch: large enough for a bulk load, small enough for any memory.
constexpr size_t batch_records = 5000;
constexpr size_t batch_bytes = 1 << 20;

}  // namespace

DirectorySource::Fold::Fold(log::Scan from_start, ReadEntry read)
    // The key guards a node against its clients; a tool that reads a directory once has none.
    : scan(std::move(from_start)), past(std::move(read), verdicts, {}) {}

DirectorySource::DirectorySource(io::Disk& disk, bool everything, log::Scan lookup)
    : disk_(disk), everything_(everything), lookup_(std::move(lookup)) {}

Result<std::unique_ptr<DirectorySource>> DirectorySource::open(io::Disk& disk, SoleVoter alone) {
  log::Scan scan = TRY(log::Scan::open(disk));
  const bool everything = alone(scan.configuration());
  if (everything) scan.read_all();
  std::unique_ptr<DirectorySource> source(new DirectorySource(disk, everything, std::move(scan)));
  const log::Survey& survey = source->lookup_.survey();
  for (const log::Link& link : survey.chain.links) {
    if (link.header) source->cluster_ = link.header->cluster;
  }
  if (survey.damages.empty()) {
    source->lookup_.seek(source->lookup_.next_offset());
    while (TRY(source->lookup_.next())) {
    }
    source->end_ = source->lookup_.tip().next_offset;
  } else {
    // Damage lies before the end that is told, so that whoever goes there meets it; also where the
    // end itself is lost, and what is left ends as if nothing were missing.
    source->lookup_.seek(Offset(UINT64_MAX));
    for (auto item = source->lookup_.next(); item && *item;) item = source->lookup_.next();
    source->end_ = std::max(source->lookup_.next_offset(), source->lookup_.tip().next_offset + 1);
  }
  TRY(source->begin());
  return source;
}

Result<void> DirectorySource::begin() {
  log::Scan scan = TRY(log::Scan::open(disk_));
  if (everything_) scan.read_all();
  fold_ =
      std::make_unique<Fold>(std::move(scan), [this](Offset offset) { return read_entry(offset); });
  return {};
}

Result<Entry> DirectorySource::read_entry(Offset offset) {
  lookup_.seek(offset);
  while (std::optional<log::Scan::Item> item = TRY(lookup_.next())) {
    if (offset < item->entry.next_offset()) return std::move(item->entry);
  }
  return fail(Code::out_of_range,
              fmt::format("offset {} is past the end (next is {})", offset.value, end_.value));
}

Result<Offset> DirectorySource::find(Time time) {
  lookup_.seek(Offset());
  while (const std::optional<log::Scan::Item> item = TRY(lookup_.next())) {
    const Entry& entry = item->entry;
    if (entry.record_count == 0 || entry.last_recorded() < time) continue;
    const int64_t records_before = std::max<int64_t>(0, time.ns - entry.recorded.ns);
    return entry.base_offset + static_cast<uint64_t>(records_before);
  }
  return end_;
}

Result<std::pair<Id, Time>> DirectorySource::identify(Offset offset) {
  const FoundRecord found = TRY(find_record([this](Offset at) { return read_entry(at); }, offset));
  return std::pair(found.record.id, found.stamp.recorded);
}

Result<void> DirectorySource::seek(Offset from, Offset to, bool) {
  if (from > end_ || to > end_) {
    return fail(Code::out_of_range, fmt::format("offset {} is past the end (next is {})",
                                                std::max(from, to).value, end_.value));
  }
  if (from < fold_->book.next_offset() || entry_) TRY(begin());
  entry_.reset();
  from_ = from;
  to_ = to;
  return {};
}

Result<std::optional<book::Decided>> DirectorySource::next(Duration) {
  book::Decided decided;
  decided.as_of = end_;
  while (decided.verdicts.size() < batch_records && decided.records.size() < batch_bytes &&
         std::max(from_, fold_->book.next_offset()) < to_) {
    if (!entry_) {
      Result<std::optional<log::Scan::Item>> item = fold_->scan.next();
      // Damage is told again when nothing is left to come before it.
      if (!item && decided.verdicts.empty()) return tl::unexpected(std::move(item).error());
      if (!item || !*item) break;
      if ((*item)->entry.record_count == 0) continue;
      entry_ = std::move((*item)->entry);
      rest_ = Cursor(entry_->bytes());
    }
    TRY(decide_some(decided));
  }
  if (decided.verdicts.empty()) return std::nullopt;
  return decided;
}

/// Decides what is left of the entry, up to what the batch takes.
Result<void> DirectorySource::decide_some(book::Decided& decided) {
  book::Book& book = fold_->book;
  uint32_t count = 0;
  Time first_recorded;
  while (book.next_offset() < entry_->next_offset() && book.next_offset() < to_ &&
         decided.verdicts.size() < batch_records) {
    const auto number = static_cast<int64_t>(book.next_offset() - entry_->base_offset);
    const Stamp stamp{book.next_offset(), Time{entry_->recorded.ns + number}, entry_->rules};
    const Bytes before = rest_.rest();
    const std::optional<Bytes> bytes = take_record(rest_);
    if (!bytes) {
      return fail(Code::corrupt_segment, fmt::format("entry {}: its records end before offset {}",
                                                     entry_->index.value, stamp.offset.value));
    }
    TRY(book.follows(stamp));
    const book::Verdict verdict = book.apply(stamp, view_record(*bytes), fold_->past);
    if (std::optional<Error> error = fold_->past.take_error()) {
      return tl::unexpected(*std::move(error));
    }
    fold_->verdicts.add(stamp.offset, verdict);
    if (stamp.offset < from_) continue;
    if (decided.verdicts.empty()) decided.first = stamp.offset;
    if (count++ == 0) first_recorded = stamp.recorded;
    decided.records.append(before.substr(0, before.size() - rest_.rest().size()));
    fold_->verdicts.list(stamp.offset, stamp.offset + 1, decided.verdicts, decided.details);
  }
  if (count > 0) {
    decided.runs.push_back(
        {.count = count, .recorded = first_recorded, .term = entry_->term, .rules = entry_->rules});
  }
  if (book.next_offset() == entry_->next_offset()) entry_.reset();
  return {};
}

}  // namespace ledger::history
