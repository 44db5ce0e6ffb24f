#include "node/manager.h"

#include <utility>

#include "io/notify.h"

namespace ledger::node {

void Manager::tell(const std::string& state) {
  if (const Result<void> told = io::notify(state); !told) journal_.warning(told.error().message);
}

void Manager::reassure(const std::string& status) {
  const std::lock_guard lock(mutex_);
  std::string state = watched_ ? "WATCHDOG=1\n" : "";
  if (std::exchange(told_status_, status) != status) state += "STATUS=" + status;
  send(state);
}

void Manager::ask_for_patience() {
  const std::lock_guard lock(mutex_);
  // Before READY=1 it moves the limit of the start, after it means nothing.
  send(std::string(watched_ ? "WATCHDOG=1\n" : "") + "EXTEND_TIMEOUT_USEC=30000000");
}

void Manager::send(const std::string& state) {
  if (state.empty() || deaf_) return;
  const Result<void> told = io::notify(state);
  deaf_ = !told;
  if (!told) journal_.warning(told.error().message);
}

Patience::Patience(Manager& manager, Duration period)
    : thread_([this, &manager, period] {
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, period, [this] { return over_; })) manager.ask_for_patience();
      }) {}

Patience::~Patience() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace ledger::node
