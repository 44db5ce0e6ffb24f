#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "serf/result.h"

namespace serf {

/// Transmissions of one broadcast: mult × ceil(log10(n + 1)).
size_t retransmit_limit(int mult, size_t n);

/// Messages waiting to be gossiped: each is sent a limited number of times, the least sent first,
/// so that news overtakes rumour. (Spec 9.1; Das, Gupta, Motivala, "SWIM", DSN 2002, section 4.1.)
class Broadcasts {
 public:
  /// At most `count_max` messages; above it the most transmitted is dropped.
  explicit Broadcasts(size_t count_max) : count_max_(count_max) {}

  /// Queues a message and returns its number. With `about`, it replaces whatever is queued about
  /// the same.
  uint64_t push(std::string message, std::string about = {});

  /// Moves copies of what fits into `budget` bytes to `out`, each counting `overhead` more, and
  /// lowers the budget. Each take counts as a transmission; after `limit` a message is dropped.
  void take(size_t& budget, size_t overhead, size_t limit, size_t count_max,
            std::vector<std::string>& out);

  /// Whether the message of that number still waits for transmissions.
  bool holds(uint64_t number) const { return places_.contains(number); }
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }

 private:
  /// Least transmitted, then longest, then newest.
  struct Rank {
    size_t transmits;
    size_t bytes;
    uint64_t number;
  };
  struct Entry : Rank {
    std::string message;
    std::string about;
  };
  struct Before {
    using is_transparent = void;
    bool operator()(const Rank& one, const Rank& other) const;
  };
  using Entries = std::set<Entry, Before>;

  void erase(Entries::iterator at);

  size_t count_max_;
  uint64_t last_ = 0;
  Entries entries_;
  std::map<uint64_t, Entries::iterator> places_;
  std::map<std::string, uint64_t> about_;
};

}  // namespace serf
