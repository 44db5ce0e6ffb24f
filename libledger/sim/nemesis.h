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
  void crash();
  void part();
  void pause();
  void slow();
  void transfer();
  void change();

  Member* any_up();
  /// The leader, or now and then another who believes to be it.
  Member* some_leader();
  void change_hastily();
  void grow(Member& leader, raft::Configuration next);
  void shrink(Member& leader, raft::Configuration next);
  void submit(Member& leader, const raft::Configuration& next);

  Random& random_;
  Cluster& cluster_;
  bool healed_ = false;
  bool growing_ = true;
  std::optional<MemberId> watched_;
  Term hasty_;  ///< The last term in whose first moments the operator changed something.
};

}  // namespace ledger::sim
