#include "node/manager.h"

#include <utility>

#include "io/notify.h"

namespace ledger::node {

void Manager::tell(const std::string& state) {
  if (const Result<void> told = io::notify(state); !told) journal_.warning(told.error().message);
}

void Manager::reassure(const std::string& status) {
  std::string state = watched_ ? "WATCHDOG=1\n" : "";
  if (std::exchange(told_status_, status) != status) state += "STATUS=" + status;
  if (state.empty() || deaf_) return;
  const Result<void> told = io::notify(state);
  deaf_ = !told;
  if (!told) journal_.warning(told.error().message);
}

}  // namespace ledger::node
