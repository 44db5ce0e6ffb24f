// What a seed does to a cluster: clients, an operator, and bad luck.
#pragma once

#include "sim/cluster.h"

namespace ledger::sim {

/// Keeps things happening to a cluster, as its plan says.
class Nemesis {
 public:
  Nemesis(Random& random, Cluster& cluster);

  /// From now on nothing goes wrong; clients go on. What is broken is mended at once.
  void heal();
  /// Trouble again, as planned.
  void harm();

 private:
  /// Does `act` again and again, `every` apart on average, but not while healed.
  void trouble(Duration every, void (Nemesis::*act)());
  /// Likewise, for ever.
  void always(Duration every, void (Nemesis::*act)());

  void propose();
  void read();
  void crash_some();
  void crash(Member& member);
  void part();
  void cut_off(const std::vector<MemberId>& side);
  void pause();
  void slow();
  void transfer();
  void change();

  Member* any_up();
  /// The leader, or now and then another who believes to be it.
  Member* some_leader();
  void change_hastily();
  /// Cuts off a candidate in whose term nobody knows of it yet, lets it run through further terms,
  /// first alone, then with half of the others, and takes it down before it can tell the rest.
  void strand();
  void strand_half(Member& candidate);
  void grow(Member& leader, raft::Configuration next);
  void shrink(Member& leader, raft::Configuration next);
  void submit(Member& leader, const raft::Configuration& next);

  Random& random_;
  Cluster& cluster_;
  bool healed_ = false;
  bool growing_ = true;
  std::optional<MemberId> watched_;
  Term hasty_;       ///< The last term in whose first moments the operator changed something.
  Instant cut_off_;  ///< When somebody was last.
  bool stranding_ = false;
};

}  // namespace ledger::sim
