// The bad luck of a whole cluster, as its ordeal says.
#pragma once

#include "sim/operator.h"
#include "sim/world.h"

namespace ledger::sim {

/// Draws what goes wrong and when, until it is told to heal. Never more than the fault model bears:
/// a majority of voters keeps its disks.
class Trouble {
 public:
  Trouble(World& world, Operator& hands);

  void heal();
  void harm();

 private:
  void again_and_again(Duration every, void (Trouble::*act)());

  void crash();
  void blackout();
  void crash_at_call();
  void disk_error();
  void part();
  void pause();
  void slow();
  void fill();
  void set_clock();
  void damage();
  void mislead();
  void wipe();
  void transfer() { operator_.transfer(); }
  void change() { operator_.change(); }

  void fall(Machine& machine);
  bool spoil(Machine& machine, bool newest);
  bool spoil_newest(Machine& machine);
  bool both_votes_whole(const Machine& machine) const;
  bool lose(Machine& machine, const std::string& path);
  /// Bits of the bytes from `first` to `end`.
  bool flip(Machine& machine, const std::string& path, size_t first, size_t end);
  bool survivable(const raft::Configuration& members);
  bool gives(Machine& machine, const log::Hole& hole);
  Machine* victim();

  World& world_;
  Operator& operator_;
  Random& random_;
  bool healed_ = false;
};

}  // namespace ledger::sim
