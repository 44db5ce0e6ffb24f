#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "serf/config.h"

namespace serf {

/// How long a suspect may take to refute, shortened by everyone else who suspects it too.
///
/// Source: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure
/// Detection", DSN-W 2018, section IV-B; spec 8.3.
class Suspicion {
 public:
  /// `n` is the number of entries; `from` is the first accuser.
  Suspicion(const Profile& profile, size_t n, std::string from, Instant start);

  /// True when `from` is a new confirmer that counts.
  bool confirm(const std::string& from);

  /// When the suspect is declared dead.
  Instant deadline() const;

 private:
  std::set<std::string> accusers_;
  size_t confirmers_wanted_;
  size_t confirmers_ = 0;
  Duration timeout_min_;
  Duration timeout_max_;
  Instant start_;
};

/// Our own health, 0 (good) to awareness_max - 1: how likely it is that we, and not the others, are
/// slow. It stretches the time our probes wait. (Lifeguard, section IV-A.)
class Health {
 public:
  explicit Health(int score_end) : score_max_(score_end - 1) {}

  int score() const { return score_; }
  void add(int delta) { score_ = std::min(std::max(score_ + delta, 0), score_max_); }

 private:
  int score_max_;
  int score_ = 0;
};

}  // namespace serf
