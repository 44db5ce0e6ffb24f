// For tests: a target whose calls can be made to fail.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sql/target.h"

namespace ledger::sql {

/// Passes every call on, but for the one that `plan` is set to.
class FaultyTarget : public Target {
 public:
  struct Plan {
    int calls = 0;                        ///< Made so far, over all targets.
    int fail_at = -1;                     ///< The call that fails.
    bool after = false;                   ///< It fails after it was done: the answer is lost.
    std::string failed = {};              ///< The call that it was.
    std::function<void()> fault = [] {};  ///< What happens then.
  };

  FaultyTarget(std::unique_ptr<Target> target, Plan& plan)
      : target_(std::move(target)), plan_(plan) {}

  const std::string& display() const override { return target_->display(); }
  Amounts amounts(Amounts wanted) const override { return target_->amounts(wanted); }
  Duration time_resolution() const override { return target_->time_resolution(); }
  Result<void> lock() override {
    return pass("lock", [&] { return target_->lock(); });
  }
  Result<void> begin(Access access) override {
    return pass("begin", [&] { return target_->begin(access); });
  }
  Result<void> commit() override {
    return pass("commit", [&] { return target_->commit(); });
  }
  void rollback() override { target_->rollback(); }
  Result<std::optional<Watermark>> look() override {
    return pass("look", [&] { return target_->look(); });
  }
  Result<std::unique_ptr<Reader>> read(const Table& table) override {
    return pass("read", [&] { return target_->read(table); });
  }
  Result<void> create(const Watermark& watermark) override {
    return pass("create", [&] { return target_->create(watermark); });
  }
  Result<void> drop() override {
    return pass("drop", [&] { return target_->drop(); });
  }
  Result<bool> move(Offset from, const Watermark& to) override {
    return pass("move", [&] { return target_->move(from, to); });
  }
  Result<void> insert(const Rows& rows) override {
    return pass("insert", [&] { return target_->insert(rows); });
  }
  Result<void> merge(const Rows& balances) override {
    return pass("merge", [&] { return target_->merge(balances); });
  }
  bool answers(Duration limit) const override { return target_->answers(limit); }
  void abandon() override { target_->abandon(); }

 private:
  template <class Call>
  auto pass(const char* name, Call call) -> decltype(call()) {
    if (plan_.calls++ != plan_.fail_at) return call();
    plan_.failed = name;
    const bool committing = plan_.failed == "commit";
    if (plan_.after) (void)call();
    plan_.fault();
    return fail(committing ? Code::unknown_outcome : Code::database_unreachable,
                "lost the connection");
  }

  std::unique_ptr<Target> target_;
  Plan& plan_;
};

}  // namespace ledger::sql
