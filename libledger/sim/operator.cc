#include "sim/operator.h"

#include <algorithm>
#include <array>

#include "base/id.h"
#include "base/planted.h"
#include "sim/checker.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

constexpr size_t machines_max = 40;
constexpr std::array kind_words = {"add", "let leave", "remove", "replace by", "hand over to"};
/// A change that is not done by then is given up; it may still happen.
constexpr Duration task_patience = 15s;

}  // namespace

/// Whoever was lost may be heard for a while: what he said is late, or a leader that paused has yet
/// to hear it.
bool Operator::mourns() const {
  const Ordeal& ordeal = world_.ordeal();
  const Duration paused = ordeal.pause_every == Duration() ? Duration() : ordeal.paused;
  return world_.now() - last_loss_ < ordeal.weather.late + paused + 500ms;
}

bool Operator::may_lose(const Machine& machine) {
  Machine* leader = world_.leader();
  if (leader == nullptr || busy()) return false;
  // Where nobody is removed it does no harm that a leader counts on who was lost a moment ago.
  if (world_.ordeal().change_every != Duration() && mourns()) return false;
  const raft::Configuration& configuration = leader->replica->configuration();
  if (!leader->replica->members({}).settled) return false;
  if (configuration.find(machine.id) == nullptr) return false;
  // A standby votes in the next moment, since its leader may have decided so by now.
  const size_t voters = configuration.voters() + (configuration.is_voter(machine.id) ? 0 : 1);
  size_t lost = 1;
  for (const raft::Member& member : configuration.members) {
    const Machine* other = world_.find(member.id);
    // A standby may be made a voter any time, and one that can't come back is a vote that is lost.
    const bool gone = other == nullptr || other->fate != Machine::Fate::alive || other->damaged;
    if (gone && other != &machine) ++lost;
  }
  return lost * 2 < voters;
}

bool Operator::settled() {
  Machine* leader = world_.leader();
  return leader != nullptr && !busy() && leader->replica->members({}).settled;
}

void Operator::change() {
  if (busy()) return;
  Machine* leader = world_.leader();
  if (leader == nullptr) return;
  if (mourns()) return;
  if (random_.below(3) != 0 && mend()) return;
  const raft::Configuration& now = leader->replica->configuration();
  if (now.voters() <= 1) growing_ = true;
  if (now.members.size() >= world_.ordeal().voters_max || random_.below(10) == 0) growing_ = false;
  if (growing_ && world_.machines().size() < machines_max) {
    grow();
  } else {
    shrink(*leader);
  }
}

void Operator::transfer() {
  if (busy()) return;
  Task task;
  task.change.kind = rpc::Change::Kind::transfer;
  if (random_.coin()) task.change.name = world_.any().name;
  task.deadline = world_.now() + 3s;
  ++world_.counts()["transfers"];
  begin(std::move(task));
}

void Operator::grow() {
  Machine& machine = world_.add_machine(world_.fresh_name());
  Task task;
  task.change = {rpc::Change::Kind::add, machine.id, machine.name, machine.address, false};
  task.deadline = world_.now() + task_patience;
  begin(std::move(task));
}

void Operator::shrink(Machine& leader) {
  const raft::Configuration& now = leader.replica->configuration();
  if (now.members.size() <= 1) return;
  const raft::Member& target = random_.pick(now.members);
  // A voter with a whole log stays: of damage that nobody has found yet the cluster knows nothing.
  const auto stays = [&](const raft::Member& member) {
    const Machine* machine = world_.find(member.id);
    return member.id != target.id && member.standing == raft::Standing::voter &&
           machine->fate == Machine::Fate::alive && !machine->damaged;
  };
  if (std::ranges::none_of(now.members, stays)) return;
  Machine* machine = world_.find(target.id);
  Task task;
  task.change = {rpc::Change::Kind::leave, target.id, target.name, {}, false};
  task.retires = machine;
  task.deadline = world_.now() + task_patience;
  begin(std::move(task));
}

Machine* Operator::lost_member(Machine& leader) {
  for (const raft::Member& member : leader.replica->configuration().members) {
    Machine* machine = world_.find(member.id);
    if (machine != nullptr && machine->fate != Machine::Fate::alive) return machine;
  }
  return nullptr;
}

bool Operator::mend() {
  Machine* leader = world_.leader();
  Machine* machine = leader == nullptr ? nullptr : lost_member(*leader);
  if (machine == nullptr) return false;
  if (busy()) return true;
  if (random_.below(3) != 0 && world_.machines().size() < machines_max + 4) {
    replace_with_new(*machine);
    return true;
  }
  Task task;
  task.change = {rpc::Change::Kind::remove, machine->id, machine->name, {}, false};
  task.deadline = world_.now() + task_patience;
  ++world_.counts()["removals"];
  begin(std::move(task));
  return true;
}

void Operator::replace(Machine& old) {
  if (planted(Mistake::wiped_keeps_identity)) return world_.start_as_before(old);
  world_.retire(old, Machine::Fate::lost);
  lost();
}

/// As `member replace` does: the new one enters as standby, and then takes the old one's place.
void Operator::replace_with_new(const Machine& old) {
  Machine& machine = world_.add_machine(random_.coin() ? old.name : world_.fresh_name());
  ++world_.counts()["replacements"];
  Task task;
  task.change = {rpc::Change::Kind::add, machine.id, machine.name, machine.address, false};
  task.deadline = world_.now() + task_patience;
  task.then = [this, fresh = machine.id, old_id = old.id] {
    Task second;
    second.change = {rpc::Change::Kind::replace, fresh, member_text(old_id), {}, false};
    second.deadline = world_.now() + task_patience;
    begin(std::move(second));
  };
  begin(std::move(task));
}

void Operator::begin(Task task) {
  const auto kept = std::make_shared<Task>(std::move(task));
  task_ = kept;
  ask(kept, MemberId());
}

void Operator::ask(const TaskPtr& task, MemberId to) {
  if (world_.now() >= task->deadline) return;
  Machine* machine = world_.find(to);
  if (machine == nullptr) machine = random_.below(4) == 0 ? world_.any_up() : world_.leader();
  if (machine == nullptr || !machine->up()) return ask_in(50ms, task, MemberId());
  const auto open = std::make_shared<TaskPtr>(task);  // Until it is answered, or given up.
  const auto reply = [this, open](const rpc::Answer<rpc::Changed>& answer) {
    if (const TaskPtr answered = std::exchange(*open, nullptr)) hear(answered, answer);
  };
  world_.tell("the operator asks " + machine->name + " to " +
              kind_words[static_cast<size_t>(task->change.kind)] + " " + task->change.name);
  world_.post(*machine, [change = task->change, reply](node::Replica& replica, node::Now) {
    replica.change(change, reply);
    return Result<void>();
  });
  // Whoever was asked may be gone. What it still has in mind it may do.
  world_.schedule(2s, [this, open] {
    if (const TaskPtr unanswered = std::exchange(*open, nullptr)) ask(unanswered, MemberId());
  });
}

void Operator::ask_in(Duration delay, const TaskPtr& task, MemberId to) {
  world_.schedule(delay, [this, task, to] { ask(task, to); });
}

void Operator::hear(const TaskPtr& task, const rpc::Answer<rpc::Changed>& answer) {
  if (answer) {
    ++world_.counts()["changes answered"];
    world_.tell("the operator hears that it is done");
    return finish(task);
  }
  world_.tell("the operator hears: " + answer.error().error.message);
  switch (answer.error().error.code) {
    case Code::quorum_guard:
    case Code::no_such_member:
    case Code::target_behind:
      ++world_.counts()["changes refused"];
      return;
    default: {
      const Machine* leader = world_.at(answer.error().leader);
      ask_in(20ms, task, leader == nullptr ? MemberId() : leader->id);
    }
  }
}

void Operator::finish(const TaskPtr& task) {
  if (task->retires != nullptr) {
    Machine* machine = task->retires;
    world_.schedule(random_.between(10ms, 5s), [this, machine] {
      // It may not have been told; somebody pulls the plug.
      if (machine->fate == Machine::Fate::alive) world_.retire(*machine, Machine::Fate::left);
    });
  }
  if (task->then) world_.schedule(1ms, [task] { task->then(); });
}

}  // namespace ledger::sim
