#include "node/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/planted.h"

namespace ledger::node {
namespace {

/// More than this waiting is refused: an unbounded queue only hides that we are too slow.
constexpr uint64_t waiting_bytes_max = 64 << 20;
/// Proposals are merged into entries of so much payload; only a larger proposal makes a larger one.
/// An entry is sent, applied and read back at one go: larger ones win nothing, and hold up what
/// else a member has to do, most of all one that catches up beside others.
constexpr size_t merged_bytes_max = 64 << 10;
/// So many ids are fetched into the cache together, before the first is looked up.
constexpr size_t prefetch_ids = 32;

}  // namespace

/// Fills entries one after the other and remembers whose records went where.
class Intake::EntryMaker {
 public:
  EntryMaker(std::deque<Part>& parts, const Place& place)
      : parts_(parts), next_(place.next), recorded_(place.recorded), rules_(place.rules) {}

  Offset next() const { return next_ + count_; }
  size_t bytes() const { return closed_bytes_ + payload_.size(); }

  /// Begins another entry if `bytes` more are too many for this one.
  void make_room(size_t bytes) {
    if (payload_.size() + bytes > merged_bytes_max) close();
  }

  /// Appends `count` records, sizes first, that fit.
  void add(const AskedPtr& asked, uint32_t position, uint32_t count, Bytes packed) {
    assert(payload_.size() + packed.size() <= entry_bytes_max);
    payload_.append(packed);
    parts_.push_back({asked, next_ + count_, position, count});
    count_ += count;
  }

  std::vector<Entry> finish() {
    close();
    return std::move(entries_);
  }

 private:
  void close() {
    if (count_ == 0) return;
    Entry entry;
    entry.kind = EntryKind::records;
    entry.base_offset = next_;
    entry.record_count = count_;
    entry.recorded = recorded_;
    entry.rules = rules_;
    entry.payload = std::make_shared<const std::string>(std::exchange(payload_, {}));
    closed_bytes_ += entry.payload->size();
    next_ = entry.next_offset();
    recorded_ = Time{entry.last_recorded().ns + 1};
    count_ = 0;
    entries_.push_back(std::move(entry));
  }

  std::deque<Part>& parts_;
  Offset next_;
  Time recorded_;
  uint8_t rules_;
  std::string payload_;
  uint32_t count_ = 0;
  size_t closed_bytes_ = 0;
  std::vector<Entry> entries_;
};

void Intake::add(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) {
  if (proposal.packed.size() > entry_bytes_max) {
    return reply(tl::unexpected(
        rpc::Failure{{Code::too_large, fmt::format("{} bytes of records, an entry holds {}",
                                                   proposal.packed.size(), entry_bytes_max)}}));
  }
  if (waiting_bytes_ + proposal.packed.size() > waiting_bytes_max) {
    return reply(tl::unexpected(
        rpc::Failure{{Code::busy, "too many records wait to be written", "retry later"}}));
  }
  auto asked = std::make_shared<Asked>();
  asked->open = proposal.count;
  asked->outcome.offsets.resize(proposal.count);
  if (proposal.decisions) asked->outcome.decisions.resize(proposal.count);
  asked->proposal = std::move(proposal);
  asked->reply = std::move(reply);
  waiting_bytes_ += asked->proposal.packed.size();
  waiting_.push_back(std::move(asked));
}

Result<std::vector<Entry>> Intake::take(const Place& place, size_t bytes_max) {
  EntryMaker maker(parts_, place);
  while (!waiting_.empty() && maker.bytes() < bytes_max) {
    const AskedPtr asked = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= asked->proposal.packed.size();
    asked->outcome.term = place.term;
    const Result<void> sorted = sort_out(asked, maker);
    if (!sorted) {
      fail(*asked, {sorted.error()});
      return tl::unexpected(sorted.error());
    }
  }
  return maker.finish();
}

Result<void> Intake::sort_out(const AskedPtr& asked, EntryMaker& maker) {
  if (asked->open == 0) {
    finish(*asked);
    return {};
  }
  const Bytes packed = asked->proposal.packed;
  maker.make_room(packed.size());

  // Fresh records are gathered into the longest runs, so that the usual proposal is one part.
  Cursor cursor(packed);
  size_t run_start = 0;
  uint32_t run_position = 0;
  const auto end_run = [&](size_t end, uint32_t position) {
    if (position > run_position) {
      maker.add(asked, run_position, position - run_position,
                packed.substr(run_start, end - run_start));
    }
    run_start = packed.size() - cursor.rest().size();
    run_position = position + 1;
  };
  std::array<Id, prefetch_ids> ids;
  Cursor ahead = cursor;
  for (uint32_t position = 0; position < asked->proposal.count; ++position) {
    if (position % ids.size() == 0) {
      size_t count = 0;
      while (count < ids.size() && !ahead.empty())
        ids[count++] = Id::load(take_record(ahead)->data());
      history_.prefetch({ids.data(), count});
    }
    const size_t start = packed.size() - cursor.rest().size();
    const std::optional<Bytes> bytes = take_record(cursor);
    assert(bytes && bytes->size() >= record_fixed_bytes);  // checked at the door
    const Id& id = ids[position % ids.size()];
    const std::optional<Offset> first = TRY(history_.find(id));
    if (first && !planted(Mistake::second_record)) {
      end_run(start, position);
      answer_repeated(*asked, position, *first, view_record(*bytes));
    } else if (!ids_.insert(id).second) {
      end_run(start, position);
      if (planted(Mistake::held_answered_early)) {
        settle(*asked, position, {.duplicate = true, .first = maker.next()});
        continue;
      }
      held_[id].push_back({asked, position, *bytes});
    }
  }
  end_run(packed.size(), asked->proposal.count);
  return {};
}

void Intake::apply(const Stamp& stamp, const RecordView& record, const book::Verdict& verdict) {
  if (parts_.empty() || stamp.offset < parts_.front().first) return;  // another leader's record
  const Part& part = parts_.front();
  const auto number = static_cast<uint32_t>(stamp.offset - part.first);
  assert(number < part.count);
  Asked& asked = *part.asked;
  const uint32_t position = part.position + number;
  assert(verdict.first == stamp.offset);  // no second record for an id: `sort_out` saw to it
  asked.outcome.recorded = stamp.recorded;
  if (asked.proposal.decisions) {
    asked.outcome.decisions[position] = book::decide(history_.book(), stamp, record, verdict);
  }
  ids_.erase(record.id);
  if (!held_.empty() && held_.contains(record.id)) released_.emplace_back(record.id, verdict.first);
  settle(asked, position, verdict);
  if (number + 1 == part.count) parts_.pop_front();
}

void Intake::applied_entry() {
  for (const auto& [id, first] : std::exchange(released_, {})) {
    const auto found = held_.find(id);
    const std::vector<Held> all = std::move(found->second);
    held_.erase(found);
    for (const Held& held : all) {
      answer_repeated(*held.asked, held.position, first, view_record(held.record));
    }
  }
}

void Intake::answer_repeated(Asked& asked, uint32_t position, Offset first,
                             const RecordView& record) {
  if (!asked.reply) return;  // failed as a whole already
  Result<book::Verdict> verdict = history_.judge(first, record);
  if (planted(Mistake::other_body_accepted) && verdict) verdict->code = book::Code::ok;
  if (!verdict) return fail(asked, {verdict.error()});
  if (asked.proposal.decisions) {
    Result<book::Decision> decision = history_.recall(first);
    if (!decision) return fail(asked, {decision.error()});
    decision->verdict = *verdict;
    asked.outcome.decisions[position] = *std::move(decision);
  }
  settle(asked, position, *verdict);
}

void Intake::settle(Asked& asked, uint32_t position, const book::Verdict& verdict) {
  asked.outcome.offsets[position] = verdict.first;
  if (planted(Mistake::answers_first_offset)) {
    asked.outcome.offsets[position] = asked.outcome.offsets.front();
  }
  if (verdict.duplicate) asked.outcome.duplicates.push_back(position);
  if (verdict.code != book::Code::ok) asked.outcome.refused.push_back(position);
  assert(asked.open > 0);
  if (--asked.open == 0) finish(asked);
}

void Intake::finish(Asked& asked) {
  if (!asked.reply) return;
  std::ranges::sort(asked.outcome.duplicates);
  std::ranges::sort(asked.outcome.refused);
  std::exchange(asked.reply, nullptr)(std::move(asked.outcome));
}

void Intake::fail(Asked& asked, const rpc::Failure& failure) {
  if (asked.reply) std::exchange(asked.reply, nullptr)(tl::unexpected(failure));
}

void Intake::fail_waiting(const rpc::Failure& failure) {
  waiting_bytes_ = 0;
  for (const AskedPtr& asked : std::exchange(waiting_, {})) fail(*asked, failure);
}

void Intake::fail_all(const rpc::Failure& waiting, const rpc::Failure& in_flight) {
  fail_waiting(waiting);
  for (const Part& part : std::exchange(parts_, {})) fail(*part.asked, in_flight);
  for (const auto& [id, all] : std::exchange(held_, {})) {
    for (const Held& held : all) fail(*held.asked, in_flight);
  }
  ids_.clear();
  released_.clear();
}

}  // namespace ledger::node
