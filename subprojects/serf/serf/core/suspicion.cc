#include "serf/core/suspicion.h"

#include <algorithm>
#include <cmath>

namespace serf {

Suspicion::Suspicion(const Profile& profile, size_t n, std::string from, Instant start)
    : confirmers_wanted_(static_cast<size_t>(std::max(profile.suspicion_mult - 2, 0))),
      start_(start) {
  accusers_.insert(std::move(from));
  if (n < 2 + confirmers_wanted_) confirmers_wanted_ = 0;
  const double scale = std::max(1.0, std::log10(std::max(1.0, static_cast<double>(n))));
  timeout_min_ = {profile.suspicion_mult * static_cast<int64_t>(scale * 1'000) *
                  profile.probe_interval.us / 1'000};
  timeout_max_ = timeout_min_ * profile.suspicion_max_timeout_mult;
}

bool Suspicion::confirm(const std::string& from) {
  if (confirmers_ >= confirmers_wanted_ || !accusers_.insert(from).second) return false;
  ++confirmers_;
  return true;
}

Instant Suspicion::deadline() const {
  if (confirmers_wanted_ == 0) return start_ + timeout_min_;
  const double share = std::log(static_cast<double>(confirmers_) + 1.0) /
                       std::log(static_cast<double>(confirmers_wanted_) + 1.0);
  const double raw = timeout_max_.seconds() - share * (timeout_max_ - timeout_min_).seconds();
  const Duration timeout = milliseconds(static_cast<int64_t>(std::floor(raw * 1'000)));
  return start_ + std::max(timeout, timeout_min_);
}

}  // namespace serf
