// A database that is given up once it is silent for too long.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "sql/target.h"

namespace ledger::cli {

/// Passes every call on, and looks from a thread of its own how long each takes. One that takes
/// half of `limit` makes it ask whether the database still answers. If so, the statement is a long
/// one and gets its time, and is asked about again; if not for the other half, the connection is
/// given up.
class WatchedTarget : public sql::Target {
 public:
  /// `tell` hears what is going on, for -v; from the own thread.
  WatchedTarget(std::unique_ptr<sql::Target> target, Duration limit,
                std::function<void(const std::string&)> tell);
  ~WatchedTarget() override;

  const std::string& display() const override { return target_->display(); }
  sql::Amounts amounts(sql::Amounts wanted) const override { return target_->amounts(wanted); }
  Duration time_resolution() const override { return target_->time_resolution(); }
  Result<void> lock() override;
  Result<void> begin(Access access) override;
  Result<void> commit() override;
  void rollback() override;
  Result<std::optional<sql::Watermark>> look() override;
  Result<std::unique_ptr<sql::Reader>> read(const sql::Table& table) override;
  Result<void> create(const sql::Watermark& watermark) override;
  Result<void> drop() override;
  Result<bool> move(Offset from, const sql::Watermark& to) override;
  Result<void> insert(const sql::Rows& rows) override;
  Result<void> merge(const sql::Rows& balances) override;

 private:
  class WatchedReader;

  template <class Call>
  auto pass(Call call) -> decltype(call());
  Error explained(Error error) const;
  void watch();
  bool still_in(uint64_t call) const { return calls_ == call; }

  std::unique_ptr<sql::Target> target_;
  const Duration limit_;
  const std::function<void(const std::string&)> tell_;
  std::atomic<uint64_t> calls_ = 0;  ///< Begun plus ended: odd while one is under way.
  std::atomic<bool> given_up_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace ledger::cli
