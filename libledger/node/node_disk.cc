// The disk thread of a node.
#include <utility>

#include "node/node.h"

namespace ledger::node {
namespace {

/// How long after it was found full the disk is tried again.
constexpr Duration full_disk_patience = std::chrono::seconds(1);
/// All sealed segments are read once in this time.
constexpr Duration scrub_round = std::chrono::hours(24);

}  // namespace

void Node::wake_disk() {
  {
    const std::lock_guard lock(disk_mutex_);
    disk_has_work_ = true;
  }
  disk_work_.notify_one();
}

void Node::drain() {
  for (;;) {
    const bool stops = wait_for_work();
    if (stops && (!log_.has_writes() || log_.waits_for_room())) return;
    const Instant before = clock_.now();
    Result<log::Synced> synced = log_.drain();
    if (!synced) {
      mailbox_.post(Failed{synced.error()}, /*always=*/true);
      return;
    }
    report_room();
    if (synced->index != Index()) {
      synced->took = clock_.now() - before;
      const bool more = log_.has_writes();
      if (!mailbox_.put(*synced, /*always=*/true)) go_on(/*light=*/!more);
    }
    scrub_on();
  }
}

/// Waits until there is something to do for the disk thread. True: it is to end.
bool Node::wait_for_work() {
  std::unique_lock lock(disk_mutex_);
  const auto woken = [this] { return disk_has_work_ || disk_stops_; };
  // With nothing to write, the next segment is prepared piece by piece; a full disk is tried again
  // now and then, also while the present segment could take a little more: what is refused
  // meanwhile wakes nobody.
  if (log_.no_space()) {
    disk_work_.wait_for(lock, full_disk_patience, woken);
  } else if (!log_.has_preparation()) {
    if (scrubbing_) {
      disk_work_.wait_for(lock, std::max(scrubbing_->next() - clock_.now(), Duration(0)), woken);
    } else {
      disk_work_.wait(lock, woken);
    }
  }
  disk_has_work_ = false;
  return disk_stops_;
}

void Node::scrub(io::Disk& disk, std::function<void(const Error&)> damaged) {
  damaged_ = std::move(damaged);
  scrubbing_.emplace(disk, scrub_round, clock_.now(), log_.size().second);
}

/// A slice is small, and what is written meanwhile waits for it no longer than for another write.
void Node::scrub_on() {
  if (!scrubbing_) return;
  const Instant now = clock_.now();
  if (now < scrubbing_->next()) return;
  const Result<std::optional<log::Damage>> damage = scrubbing_->step(now, log_.size().second);
  if (!damage) {
    damaged_(damage.error());
  } else if (*damage) {
    damaged_((*damage)->error);
  } else {
    return;
  }
  scrubbing_.reset();  // Once is enough: who mends looks at everything.
}

void Node::report_room() {
  const std::optional<Error> full = log_.no_space();
  if (full.has_value() == told_full_) return;
  told_full_ = full.has_value();
  if (full) {
    say(Level::warning, full->message + ": writes are refused, reads go on, until there is room");
  } else {
    say(Level::info, "there is room again: writes go on");
  }
}

}  // namespace ledger::node
