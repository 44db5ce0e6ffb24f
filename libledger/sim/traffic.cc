// What goes from member to member: streams of messages, and pulls.
#include <algorithm>

#include "sim/checker.h"
#include "sim/witness.h"
#include "sim/world.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

}  // namespace

void World::send(Machine& machine) {
  for (raft::Message& message : machine.replica->take_messages()) {
    witness_->sends(machine, message);
    mix(message.to.value << 32 ^ message.body.index() << 28 ^ message.term.value);
    tell(machine, message);
    const MemberId to = message.to;
    machine.outbox->put(std::move(message));
    if (!machine.sending[to]) arrange_batch(machine, to, random_.between(1us, 100us));
  }
}

void World::arrange_batch(Machine& machine, MemberId to, Duration delay) {
  machine.sending[to] = true;
  schedule(delay, machine, [this, &machine, to] { send_batch(machine, to); });
}

void World::send_batch(Machine& machine, MemberId to) {
  const Result<std::vector<raft::Message>> batch =
      machine.outbox->take(to, calm_ ? 1 << 16 : random_.between(1, ordeal_.message_bytes));
  machine.sending[to] = false;
  if (!batch) {
    if (machine.in_trouble()) return;
    throw Violation(machine.name + ": can't read what it sends: " + batch.error().message);
  }
  if (batch->empty()) return;
  for (const raft::Message& message : *batch) carry(machine, message);
  arrange_batch(machine, to, random_.between(1us, calm_ ? 10us : 200us));
}

void World::carry(Machine& machine, const raft::Message& message) {
  Machine* to = find(message.to);
  if (to == nullptr) return;
  ++counts_["messages"];
  const bool order = std::holds_alternative<raft::InstallSnapshot>(message.body);
  if (order) ++counts_["install orders"];
  for (const Duration delay : network_.carry(now_, machine.id, message.to, order)) {
    // Meant for the member, in whatever life it is then.
    schedule(delay, [this, to, message] {
      if (to->up() && to->replica->gone().contains(message.from)) return refuse(message.from);
      post(*to, [message](node::Replica& replica, node::Now now) {
        return replica.receive(now, message);
      });
    });
  }
}

/// Who is no member any more is told so, and stops.
void World::refuse(MemberId from) {
  Machine* machine = find(from);
  if (machine == nullptr || !machine->up()) return;
  ++counts_["refused"];
  schedule(random_.between(100us, 20ms), *machine,
           [this, machine] { retire(*machine, Machine::Fate::left); });
}

// ---- Pulls: as rpc::Peers::pull does them. ----

void World::follow_pull(Machine& machine) {
  const std::optional<node::Pulling>& wanted = machine.replica->pulling();
  if (!wanted) {
    machine.stream = 0;
    return;
  }
  if (machine.stream == wanted->number) return;
  machine.stream = wanted->number;
  ++counts_["pulls"];
  tell(machine,
       "pulls " + std::to_string(wanted->from.value) + " to " + std::to_string(wanted->end.value));
  const MemberId source = random_.coin() ? wanted->leader : random_.pick(machines_).id;
  schedule(random_.between(100us, 5ms), machine, [this, &machine, pulling = *wanted, source] {
    pull_batch(machine, pulling, pulling.from, source);
  });
}

void World::break_pull(Machine& machine, uint64_t number, Duration delay) {
  ++counts_["pulls broken"];
  schedule(delay, machine, [this, &machine, number] {
    post(machine, [number](node::Replica& replica, node::Now) {
      replica.pull_broke(number);
      return Result<void>();
    });
  });
}

void World::pull_batch(Machine& machine, const node::Pulling& pulling, Index next,
                       MemberId source_id) {
  if (machine.stream != pulling.number) return;
  Machine* source = find(source_id);
  const bool reachable =
      source != nullptr && source != &machine && source->up() && source->paused_until <= now_ &&
      network_.connected(source->id, machine.id) && network_.connected(machine.id, source->id);
  if (!reachable || (!calm_ && random_.chance(ordeal_.pull_failure_ppm))) {
    return break_pull(machine, pulling.number, random_.between(5ms, calm_ ? 20ms : 150ms));
  }
  const Index last =
      std::min({pulling.end - 1, source->replica->committed(), source->log->last_index()});
  std::vector<Entry> entries;
  if (next <= last) {
    Result<std::vector<Entry>> read =
        source->log->read(next, last + 1, calm_ ? 1 << 16 : random_.between(1, ordeal_.pull_bytes));
    if (!read || read->empty()) {
      return break_pull(machine, pulling.number, random_.between(1ms, 20ms));
    }
    entries = *std::move(read);
  }
  const bool ends = entries.empty();
  const Index after = ends ? next : entries.back().index + 1;
  const auto taken = [this, &machine, pulling, after, source_id, ends](bool go_on) {
    if (!machine.up()) return;
    if (!go_on || ends) return break_pull(machine, pulling.number, 20ms);
    if (after >= pulling.end) return;
    schedule(random_.between(10us, 1ms), machine, [this, &machine, pulling, after, source_id] {
      pull_batch(machine, pulling, after, source_id);
    });
  };
  schedule(random_.between(50us, 3ms), machine,
           [this, &machine, number = pulling.number, entries = std::move(entries), taken] {
             post(machine, [number, entries, taken](node::Replica& replica, node::Now) {
               replica.pulled(number, entries, taken);
               return Result<void>();
             });
           });
}

}  // namespace ledger::sim
