#include "serf/core/leaving.h"

namespace serf {

void Leaving::begin(Instant now, Out& out) {
  if (active()) return;
  const wire::LeaveIntent intent{members_->clock().stamp(), shared_->config.name, false};
  members_->leave_intent(now, intent, out);
  broadcast_ = shared_->intents.push(wire::octet(wire::Type::user) + encode(intent));
  deadline_ = now + shared_->profile().broadcast_timeout;
  phase_ = Phase::intent;
  out.info("leaving");
}

bool Leaving::tick(Instant now, Out& out) {
  const bool alone = !memberlist_->roster().has_company();
  const auto said = [&](const Broadcasts& queue) {
    return alone || now >= deadline_ || !queue.holds(broadcast_);
  };
  if (phase_ == Phase::intent && said(shared_->intents)) {
    broadcast_ = memberlist_->roster().leave(now, out);
    deadline_ = now + shared_->profile().broadcast_timeout;
    phase_ = Phase::goodbye;
  }
  if (phase_ == Phase::goodbye && said(shared_->nodes_queue)) {
    deadline_ = alone ? now : now + shared_->profile().leave_propagation;
    phase_ = Phase::linger;
  }
  return phase_ == Phase::linger && now >= deadline_;
}

}  // namespace serf
