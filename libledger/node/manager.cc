#include "node/manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "io/notify.h"

namespace ledger::node {

void Manager::tell(const std::string& state) {
  const std::lock_guard lock(mutex_);
  owe(state);
  send();
}

void Manager::reassure(const std::string& status) {
  const std::lock_guard lock(mutex_);
  if (watched_) owe("WATCHDOG=1");
  if (std::exchange(told_status_, status) != status) owe("STATUS=" + status);
  send();
}

void Manager::ask_for_patience() {
  const std::lock_guard lock(mutex_);
  if (watched_) owe("WATCHDOG=1");
  // Before READY=1 it moves the limit of the start, after it means nothing.
  owe("EXTEND_TIMEOUT_USEC=30000000");
  send();
}

void Manager::owe(std::string_view state) {
  while (!state.empty()) {
    const std::string_view line = state.substr(0, state.find('\n'));
    const std::string_view variable = line.substr(0, line.find('=') + 1);
    std::erase_if(owed_, [&](const std::string& old) { return old.starts_with(variable); });
    owed_.emplace_back(line);
    state.remove_prefix(std::min(line.size() + 1, state.size()));
  }
}

void Manager::send() {
  if (owed_.empty()) return;
  const Result<void> told = io::notify(fmt::format("{}", fmt::join(owed_, "\n")));
  if (told || told.error().code != Code::busy) owed_.clear();
  if (!std::exchange(deaf_, !told) && !told) journal_.warning(told.error().message);
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
