#include "watched_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "rpc/deadline.h"

namespace ledger::cli {

WatchedTarget::WatchedTarget(std::unique_ptr<sql::Target> target, Duration limit,
                             std::function<void(const std::string&)> tell)
    : target_(std::move(target)),
      limit_(limit),
      tell_(std::move(tell)),
      thread_([this] { watch(); }) {}

WatchedTarget::~WatchedTarget() {
  rollback();  // While it is watched: taking a transaction down talks to the database too.
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WatchedTarget::watch() {
  using Steady = std::chrono::steady_clock;
  const Duration half = limit_ / 2;
  const Duration tick =
      std::clamp<Duration>(limit_ / 20, std::chrono::milliseconds(20), std::chrono::seconds(1));
  uint64_t seen = 0;
  Steady::time_point since = Steady::now();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, tick, [this] { return over_; })) {
    const uint64_t now = calls_;
    if (now != seen || now % 2 == 0) {
      seen = now;
      since = Steady::now();
      continue;
    }
    if (Steady::now() - since < half) continue;
    lock.unlock();
    const bool alive = target_->answers(half);
    lock.lock();
    if (!still_in(now)) continue;
    if (alive) {
      tell_(fmt::format("{} answers, and works on a statement", target_->display()));
      since = Steady::now();
      continue;
    }
    // What refused at once may be starting again: it has the whole time.
    if (Steady::now() - since < limit_) continue;
    given_up_ = true;
    target_->abandon();
    return;
  }
}

Error WatchedTarget::explained(Error error) const {
  if (!given_up_) return error;
  if (error.code != Code::database_unreachable && error.code != Code::unknown_outcome) return error;
  error.message =
      fmt::format("{} did not answer within {}", target_->display(), rpc::duration_text(limit_));
  error.hint = "check with psql, then run it again: it goes on from the watermark";
  return error;
}

template <class Call>
auto WatchedTarget::pass(Call call) -> decltype(call()) {
  ++calls_;
  auto result = call();
  ++calls_;
  if (!result) result = tl::unexpected(explained(std::move(result).error()));
  return result;
}

class WatchedTarget::WatchedReader : public sql::Reader {
 public:
  WatchedReader(WatchedTarget& target, std::unique_ptr<sql::Reader> reader)
      : target_(target), reader_(std::move(reader)) {}

  Result<bool> next(sql::Cells& row) override {
    return target_.pass([&] { return reader_->next(row); });
  }

 private:
  WatchedTarget& target_;
  const std::unique_ptr<sql::Reader> reader_;
};

Result<void> WatchedTarget::lock() {
  return pass([&] { return target_->lock(); });
}

Result<void> WatchedTarget::begin(Access access) {
  return pass([&] { return target_->begin(access); });
}

Result<void> WatchedTarget::commit() {
  return pass([&] { return target_->commit(); });
}

void WatchedTarget::rollback() {
  ++calls_;
  target_->rollback();
  ++calls_;
}

Result<std::optional<sql::Watermark>> WatchedTarget::look() {
  return pass([&] { return target_->look(); });
}

Result<std::unique_ptr<sql::Reader>> WatchedTarget::read(const sql::Table& table) {
  std::unique_ptr<sql::Reader> reader = TRY(pass([&] { return target_->read(table); }));
  return std::make_unique<WatchedReader>(*this, std::move(reader));
}

Result<void> WatchedTarget::create(const sql::Watermark& watermark) {
  return pass([&] { return target_->create(watermark); });
}

Result<void> WatchedTarget::drop() {
  return pass([&] { return target_->drop(); });
}

Result<bool> WatchedTarget::move(Offset from, const sql::Watermark& to) {
  return pass([&] { return target_->move(from, to); });
}

Result<void> WatchedTarget::insert(const sql::Rows& rows) {
  return pass([&] { return target_->insert(rows); });
}

Result<void> WatchedTarget::merge(const sql::Rows& balances) {
  return pass([&] { return target_->merge(balances); });
}

}  // namespace ledger::cli
