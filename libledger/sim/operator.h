// Who changes the membership of a simulated cluster: adds, takes out, replaces, hands over.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "sim/world.h"

namespace ledger::sim {

/// One change at a time, asked again until it is done, of whoever leads. Keeps within what the
/// cluster can bear: it never takes for granted what is lost, and replaces it.
class Operator {
 public:
  explicit Operator(World& world) : world_(world), random_(world.random()) {}

  /// Begins a change, if none is under way.
  void change();
  void transfer();

  /// Whether one voter more may be lost for good now, and the rest still decides.
  bool may_lose(const Machine& machine);
  /// Whether no change is under way, and who belongs to the cluster is committed.
  bool settled();
  /// Somebody was lost: changes that count on him wait.
  void lost() { last_loss_ = world_.now(); }
  /// The machine's disk is empty: it comes back as somebody else, who replaces it.
  void replace(Machine& old);
  /// Replaces or removes one that is lost and still a member. Nothing where there is none.
  bool mend();

  bool busy() const { return !task_.expired(); }

 private:
  /// A change that is under way, for as long as somebody holds it.
  struct Task {
    rpc::Change change;
    Machine* retires = nullptr;  ///< Stops some time after the change is done.
    Instant deadline;
    std::function<void()> then;
  };
  using TaskPtr = std::shared_ptr<Task>;

  bool mourns() const;
  void grow();
  void shrink(Machine& leader);
  void replace_with_new(const Machine& old);
  void begin(Task task);
  void ask(const TaskPtr& task, MemberId to);
  void ask_in(Duration delay, const TaskPtr& task, MemberId to);
  void hear(const TaskPtr& task, const rpc::Answer<rpc::Changed>& answer);
  void finish(const TaskPtr& task);
  Machine* lost_member(Machine& leader);

  World& world_;
  Random& random_;
  std::weak_ptr<Task> task_;
  Instant last_loss_ = {-1'000'000'000'000};
  bool growing_ = true;
};

}  // namespace ledger::sim
