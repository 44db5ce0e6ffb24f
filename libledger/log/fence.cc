#include "log/fence.h"

#include <algorithm>

#include "log/planted.h"

namespace ledger::log {

Fence::Fence(Term stored, const LogEnd& known, const std::optional<LogEnd>& end)
    : stored_(stored), known_(known), end_(end) {
  if (end_) reach_ = end_->index;
}

bool Fence::hear(const Confirmed& confirmed) {
  const Term last_term = end_ ? end_->term : known_.term;
  if (last_term > confirmed.term) return false;
  if (heard_ != confirmed.term) {
    heard_ = confirmed.term;
    heard_last_ = confirmed.last;
  }
  Index reach = confirmed.committed;
  if (end_) {
    if (last_term == confirmed.term && !planted(Mistake::fence_ignores_term)) {
      reach = end_->index;
    }
  } else if (stored_ >= confirmed.term && !planted(Mistake::fence_ignores_end)) {
    reach = heard_last_;
  }
  reach_ = reach_ ? std::min(*reach_, reach) : reach;
  return true;
}

}  // namespace ledger::log
