// A member whose log is damaged asks the others for what it lost.
#include <utility>

#include "log/mend.h"
#include "log/scrub.h"
#include "node/answers.h"
#include "sim/checker.h"
#include "sim/world.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

/// A question that is not answered by then never is.
constexpr Duration question_patience = 2s;

}  // namespace

void World::begin_mending(Machine& machine) {
  Result<node::Mender> begun =
      node::Mender::begin(machine.disk, machine.random, ordeal_.log.segment_bytes, machine.id);
  if (!begun) return mending_breaks(machine, begun.error());
  if (begun->alone()) return retire(machine, Machine::Fate::lost);
  ++counts_["mendings"];
  machine.mender = std::make_unique<node::Mender>(*std::move(begun));
  tell(machine, "mends: " + machine.mender->missing());
  schedule(1us, machine, [this, &machine] { mend_on(machine); });
}

void World::mend_on(Machine& machine) {
  if (machine.mender == nullptr) return;
  const Result<node::Mender::Step> step = machine.mender->next();
  if (!step) return mending_breaks(machine, step.error());
  if (const auto* question = std::get_if<node::Mender::Question>(&*step)) {
    return ask(machine, *question);
  }
  if (const auto* wait = std::get_if<node::Mender::Wait>(&*step)) {
    tell(machine, "waits: " + wait->why);
    // Gossip, or --peers: all whom its log names may have left meanwhile.
    const Machine* leading = calm_ ? leader() : nullptr;
    if (leading != nullptr) machine.mender->know(leading->replica->configuration().members);
    return schedule(random_.between(5ms, calm_ ? 20ms : 300ms), machine,
                    [this, &machine] { mend_on(machine); });
  }
  counts_["entries mended"] += machine.mender->mended();
  if (machine.mender->replaced_from() != Index()) ++counts_["logs replaced"];
  tell(machine, "is mended");
  machine.mender.reset();
  machine.damaged = false;
  start(machine);
}

void World::mending_breaks(Machine& machine, const Error& error) {
  tell(machine, "stops mending: " + error.message);
  machine.mender.reset();
  if (machine.disk.stopped()) {
    ++counts_["crashes while mending"];
    crash_disk(machine);
  } else if (machine.faulty) {
    ++counts_["errors while mending"];
    machine.disk.restart();
  } else {
    throw Violation(machine.name + " can't mend: " + error.message);
  }
  machine.faulty = false;
  start_in(machine, random_.between(1ms, calm_ ? 100ms : ordeal_.down));
}

bool World::connected(const Machine& one, const Machine& other) const {
  return network_.connected(one.id, other.id) && network_.connected(other.id, one.id);
}

void World::ask(Machine& machine, const node::Mender::Question& question) {
  ++counts_["questions"];
  Machine* to = find(question.to.id);
  const bool reached = to != nullptr && to->runs() && to->paused_until <= now_ &&
                       connected(machine, *to) &&
                       (calm_ || !random_.chance(ordeal_.pull_failure_ppm));
  if (!reached && question.entries) {
    return answer<rpc::EntriesGiven>(machine, fail(Code::unreachable, "no answer"));
  }
  if (!reached) return answer<rpc::Leading>(machine, fail(Code::unreachable, "no answer"));
  if (question.entries) return ask_entries(machine, *to, *question.entries);
  ask_leading(machine, *to);
}

/// It goes on with it some time later, if that life of it has not ended.
template <class T>
void World::answer(Machine& machine, Result<T> answer) {
  schedule(random_.between(50us, calm_ ? 1ms : 10ms), machine,
           [this, &machine, answer = std::move(answer)] {
             if (machine.mender == nullptr) return;
             const Result<void> heard = machine.mender->hear(answer);
             if (!heard) return mending_breaks(machine, heard.error());
             mend_on(machine);
           });
}

void World::ask_entries(Machine& machine, Machine& to, const rpc::EntriesAsked& asked) {
  const size_t bytes = calm_ ? 1 << 16 : random_.between(1, ordeal_.pull_bytes);
  Result<rpc::EntriesGiven> given = to.up()
                                        ? node::give(*to.log, to.replica->committed(), asked, bytes)
                                        : node::give(*to.mender->remains(), asked, bytes);
  answer(machine, std::move(given));
}

void World::ask_leading(Machine& machine, Machine& to) {
  if (!to.up()) return answer<rpc::Leading>(machine, fail(Code::no_leader, "it mends, too"));
  const auto over = std::make_shared<bool>(false);
  const auto hear = [this, &machine, &to, over, life = machine.life](Result<rpc::Leading> leading) {
    if (std::exchange(*over, true) || life != machine.life) return;
    if (!connected(machine, to)) leading = fail(Code::unreachable, "no answer");
    answer(machine, std::move(leading));
  };
  post(to, [&to, hear](node::Replica& replica, node::Now now) {
    node::confirm(replica, *to.log, now, [hear](const rpc::Answer<rpc::Leading>& leading) {
      if (leading) return hear(*leading);
      hear(tl::unexpected(leading.error().error));
    });
    return Result<void>();
  });
  schedule(question_patience, machine, [hear] { hear(fail(Code::timeout, "no answer in time")); });
}

// ---- Damage while it runs. ----

void World::found_damage(Machine& machine, const Error& error) {
  schedule(1us, machine, [this, &machine, error] {
    if (machine.up() && machine.in_trouble()) stops(machine, error);
  });
}

void World::scrub_in(Machine& machine, Duration delay) {
  schedule(delay, machine, [this, &machine] {
    if (!machine.up()) return;
    log::Scrub scrub(machine.disk);
    for (;;) {
      const Result<log::Scrub::Slice> slice = scrub.step(1 << 20);
      if (!slice) return found_damage(machine, slice.error());
      if (slice->damage) {
        ++counts_["damage scrubbed"];
        return found_damage(machine, slice->damage->error);
      }
      if (slice->round_ended) break;
    }
    machine.damaged = false;  // It hit what nobody reads.
  });
}

}  // namespace ledger::sim
