#include "node/pull.h"

#include <utility>

#include "base/record.h"

namespace ledger::node {

void Pull::follow(const std::optional<raft::Pull>& wanted, Index committed) {
  if (wanted == target_) return;
  target_ = wanted;
  fail_all();
  wanted_.reset();
  if (!target_) return;
  wanted_ = Pulling{++numbers_, committed + 1, target_->last_index + 1, target_->leader};
}

void Pull::again(uint64_t number, Index committed) {
  if (!wanted_ || wanted_->number != number) return;
  fail_all();
  wanted_->number = ++numbers_;
  wanted_->from = committed + 1;
}

void Pull::offer(uint64_t number, std::vector<Entry> entries, Taken taken) {
  if (!wanted_ || wanted_->number != number || batch_) return taken(false);
  batch_ = Batch{std::move(entries), std::move(taken)};
}

Result<Index> Pull::put(log::Log& log) {
  if (!batch_ || log.synced_index() != log.last_index()) return Index();
  const Batch batch = *std::exchange(batch_, std::nullopt);
  if (batch.entries.empty()) {
    batch.taken(true);
    return Index();
  }
  // A stream may begin earlier than we need, never later.
  if (batch.entries.front().index > log.last_index() + 1) {
    batch.taken(false);
    return Index();
  }
  if (const Result<void> room = log.reserve(2 * entry_bytes_max); !room) {
    batch_ = batch;  // Waits until there is room.
    return Index();
  }
  TRY(log.append(batch.entries));
  batch.taken(true);
  return batch.entries.back().index;
}

std::optional<raft::Pulled> Pull::finished(const log::Log& log) {
  if (!target_ || log.synced_index() < target_->last_index ||
      log.term(target_->last_index) != target_->last_term) {
    return std::nullopt;
  }
  return raft::Pulled{target_->last_index, target_->last_term};
}

void Pull::fail_all() {
  if (batch_) std::exchange(batch_, std::nullopt)->taken(false);
}

}  // namespace ledger::node
