// What can be seen of a world from outside: what a narrated life says, who does what and how things
// stand with him then, and what goes into the hash of its trace.
#include <array>
#include <string_view>

#include "sim/world.h"

namespace ledger::sim {
namespace {

std::string number(Index index) {
  return std::to_string(index.value);
}

std::string place(Index index, Term term) {
  return number(index) + "^" + std::to_string(term.value);
}

std::string details(const raft::Message& message) {
  if (const auto* vote = std::get_if<raft::RequestVote>(&message.body)) {
    return ", log to " + place(vote->last_index, vote->last_term) + (vote->pre_vote ? ", pre" : "");
  }
  if (const auto* answer = std::get_if<raft::RequestVoteResult>(&message.body)) {
    return std::string(answer->granted ? ", yes" : ", no") + (answer->pre_vote ? ", pre" : "");
  }
  if (const auto* append = std::get_if<raft::AppendEntries>(&message.body)) {
    return ", " + std::to_string(append->count) + " after " +
           place(append->previous_index, append->previous_term) + ", committed " +
           number(append->commit);
  }
  if (const auto* result = std::get_if<raft::AppendEntriesResult>(&message.body)) {
    const bool rejects = result->rejected != Index();
    return (rejects ? ", rejects " + number(result->rejected) : "") + ", has " +
           number(result->last_index);
  }
  if (const auto* install = std::get_if<raft::InstallSnapshot>(&message.body)) {
    return ", to " + place(install->last_index, install->last_term);
  }
  return {};
}

}  // namespace

void World::tell(const std::string& what) {
  if (narrate) narrate(what);
}

void World::tell(const Machine& machine, const std::string& what) {
  if (narrate) narrate(machine.name + " (" + std::to_string(machine.id.value) + ") " + what);
}

void World::tell(const Machine& machine, const raft::Message& message) {
  static constexpr std::array<std::string_view, 10> names = {
      "vote?",       "vote",     "append",  "appended",    "install",
      "timeout now", "leading?", "leading", "read index?", "read index"};
  if (!narrate) return;
  const Machine* to = find(message.to);
  tell(machine, "sends " + std::string(names[message.body.index()]) + " to " +
                    (to == nullptr ? "nobody" : to->name) + " in term " +
                    std::to_string(message.term.value) + details(message));
}

void World::tell_state(Machine& machine) {
  if (!narrate) return;
  std::string now = state(machine);
  if (now == machine.told) return;
  machine.told = std::move(now);
  tell(machine, "is " + machine.told);
}

void World::tell_states() {
  for (const Machine& machine : machines_) {
    if (machine.fate == Machine::Fate::left) continue;
    tell(machine, "is, at last, " + state(machine));
  }
}

std::string World::state(const Machine& machine) const {
  const std::string damaged = machine.damaged ? ", damaged" : "";
  if (machine.fate == Machine::Fate::lost) return "lost";
  if (machine.mender) return "mending" + damaged;
  if (!machine.up()) return "down, its log on disk to " + number(machine.held.synced) + damaged;
  const node::Replica& replica = *machine.replica;
  std::string text = std::string(replica.role()) + " in term " +
                     std::to_string(replica.term().value) + ", log to " +
                     place(machine.log->last_index(), machine.log->term(machine.log->last_index()));
  text += ", on disk to " + number(machine.log->synced_index()) + ", committed " +
          number(replica.committed()) + ", applied " + number(replica.history().applied()) +
          " (offset " + std::to_string(replica.history().end().value) + "), voters";
  for (const raft::Member& member : replica.configuration().members) {
    text += " " + member.name + (member.standing == raft::Standing::voter ? "" : " (standby)");
  }
  return text + damaged;
}

/// Goes into the trace's hash, told or not.
void World::note(const Machine& machine) {
  const node::Replica& replica = *machine.replica;
  mix(static_cast<uint64_t>(now_.ns));
  mix(machine.id.value << 32 ^ replica.term().value << 8 ^ replica.role().size());
  mix(replica.committed().value << 32 ^ replica.history().applied().value);
  mix(machine.log->last_index().value << 32 ^ machine.log->synced_index().value);
}

}  // namespace ledger::sim
