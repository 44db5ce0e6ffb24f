#include "sim/trouble.h"

#include <algorithm>
#include <array>

#include "log/vote_file.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

constexpr int64_t year_ns = 365LL * 24 * 3600 * 1'000'000'000;

/// Segments that have a successor, from the oldest.
std::vector<std::string> sealed_segments(const io::MemoryDisk& disk) {
  std::vector<std::string> found;
  for (const std::string& path : disk.files()) {
    if (path.ends_with(".seg")) found.push_back(path);
  }
  if (!found.empty()) found.pop_back();
  return found;
}

}  // namespace

Trouble::Trouble(World& world, Operator& hands)
    : world_(world), operator_(hands), random_(world.random()) {
  const Ordeal& ordeal = world.ordeal();
  again_and_again(ordeal.crash_every, &Trouble::crash);
  again_and_again(ordeal.blackout_every, &Trouble::blackout);
  again_and_again(ordeal.crash_at_call_every, &Trouble::crash_at_call);
  again_and_again(ordeal.disk_error_every, &Trouble::disk_error);
  again_and_again(ordeal.partition_every, &Trouble::part);
  again_and_again(ordeal.pause_every, &Trouble::pause);
  again_and_again(ordeal.slow_every, &Trouble::slow);
  again_and_again(ordeal.full_every, &Trouble::fill);
  again_and_again(ordeal.clock_every, &Trouble::set_clock);
  again_and_again(ordeal.damage_every, &Trouble::damage);
  again_and_again(ordeal.wipe_every, &Trouble::wipe);
  again_and_again(ordeal.transfer_every, &Trouble::transfer);
  again_and_again(ordeal.change_every, &Trouble::change);
}

void Trouble::again_and_again(Duration every, void (Trouble::*act)()) {
  if (every == Duration()) return;
  world_.schedule(random_.between(Duration(), 2 * every), [this, every, act] {
    if (!healed_) (this->*act)();
    again_and_again(every, act);
  });
}

void Trouble::heal() {
  healed_ = true;
  world_.tell("healed");
  world_.set_calm(true);
}

void Trouble::harm() {
  healed_ = false;
  world_.tell("harmed");
  world_.set_calm(false);
}

Machine* Trouble::victim() {
  return random_.coin() ? world_.leader() : world_.any_up();
}

/// Ends a process in one way or another. It comes back.
void Trouble::fall(Machine& machine) {
  const uint64_t how = random_.below(8);
  if (how == 0 && machine.paused_until <= world_.now() && !machine.disk.stopped()) {
    world_.stop_cleanly(machine);
  } else if (how < 3) {
    world_.kill(machine);
  } else {
    world_.power_cut(machine);
  }
}

void Trouble::crash() {
  Machine* machine = victim();
  if (machine == nullptr) return;
  fall(*machine);
  world_.start_in(*machine, random_.between(1ms, world_.ordeal().down));
}

void Trouble::blackout() {
  ++world_.counts()["blackouts"];
  for (Machine& machine : world_.machines()) {
    if (!machine.up()) continue;
    world_.power_cut(machine);
    world_.start_in(machine, random_.between(1ms, world_.ordeal().down));
  }
}

void Trouble::crash_at_call() {
  Machine* machine = victim();
  if (machine == nullptr || machine->faulty) return;
  constexpr std::array whens = {io::Stop::When::before, io::Stop::When::middle,
                                io::Stop::When::after};
  machine->faulty = true;
  machine->disk.stop_at({.nth = random_.between(1, random_.coin() ? 8 : 60),
                         .when = random_.pick(whens),
                         .written_bytes = random_.below(700)});
}

void Trouble::disk_error() {
  Machine* machine = victim();
  if (machine == nullptr || machine->faulty) return;
  constexpr std::array calls = {io::Call::sync,   io::Call::sync,           io::Call::write,
                                io::Call::rename, io::Call::sync_directory, io::Call::create,
                                io::Call::read};
  machine->faulty = true;
  ++world_.counts()["disk errors planned"];
  const io::Call call = random_.pick(calls);
  // What a directory's sync was to make durable is not forgotten: ledger-segment(5).
  machine->disk.fail({.call = call,
                      .path = {},
                      .nth = random_.between(1, 10),
                      .code = Code::io,
                      .from_then_on = random_.coin(),
                      .written_bytes = random_.below(500),
                      .forget = call == io::Call::sync && random_.below(4) != 0});
}

void Trouble::part() {
  const Machine* machine = random_.coin() ? world_.leader() : nullptr;
  std::vector<MemberId> side;
  std::vector<MemberId> other;
  for (const Machine& one : world_.machines()) {
    const bool here = machine != nullptr ? &one == machine : random_.coin();
    (here ? side : other).push_back(one.id);
  }
  ++world_.counts()["partitions"];
  world_.tell("the network parts");
  // Sometimes on top of what is cut already: rings, bridges.
  if (random_.below(4) != 0) world_.network().heal();
  if (random_.coin()) std::swap(side, other);
  world_.network().part(side, other, random_.below(3) == 0);
  world_.schedule(random_.between(10ms, world_.ordeal().parted),
                  [this] { world_.network().heal(); });
}

void Trouble::pause() {
  Machine* machine = victim();
  if (machine == nullptr) return;
  ++world_.counts()["pauses"];
  world_.tell(*machine, "pauses");
  machine->paused_until = world_.now() + random_.between(1ms, world_.ordeal().paused);
}

void Trouble::slow() {
  Machine* machine = victim();
  if (machine == nullptr) return;
  ++world_.counts()["slow disks"];
  world_.tell(*machine, "has a slow disk");
  machine->slow_until = world_.now() + random_.between(1ms, world_.ordeal().slow);
}

void Trouble::fill() {
  const bool all = random_.below(4) == 0;
  for (Machine& machine : world_.machines()) {
    if (!all && &machine != &random_.pick(world_.machines())) continue;
    if (machine.fate != Machine::Fate::alive) continue;
    ++world_.counts()["full disks"];
    world_.tell(machine, "has a full disk");
    machine.disk.set_quota({});
    uint64_t used = 0;
    for (const std::string& path : machine.disk.files()) used += machine.disk.bytes(path).size();
    machine.disk.set_quota(used + random_.below(2 * world_.ordeal().log.segment_bytes));
    world_.schedule(random_.between(10ms, world_.ordeal().full),
                    [&machine] { machine.disk.set_quota({}); });
    if (!all) return;
  }
}

void Trouble::set_clock() {
  Machine& machine = random_.pick(world_.machines());
  ++world_.counts()["clock jumps"];
  const auto jump = static_cast<int64_t>(random_.below(2 * year_ns)) - year_ns;
  machine.wall_offset = random_.coin() ? jump : jump / 1'000'000'000;
}

/// Flips bits of a disk at rest, where it can be told from a torn tail: sealed segments, what is
/// derived from them, and one copy of the vote. False: there is nothing to flip.
bool Trouble::flip(Machine& machine) {
  const std::vector<std::string> sealed = sealed_segments(machine.disk);
  const uint64_t what = random_.below(4);
  std::string path;
  if (what == 0) {
    const Result<log::FoundVotes> votes = log::read_votes(machine.disk);
    if (!votes || !votes->copies[0].whole || !votes->copies[1].whole) return false;
    path = random_.pick(log::vote_paths);
    ++world_.counts()["votes damaged"];
  } else if (what == 1) {
    std::vector<std::string> indexes;
    for (const std::string& one : machine.disk.files()) {
      if (one.ends_with(".idx")) indexes.push_back(one);
    }
    if (indexes.empty()) return false;
    path = random_.pick(indexes);
    ++world_.counts()["indexes damaged"];
  } else {
    if (sealed.empty()) return false;
    path = random_.pick(sealed);
    machine.damaged = true;
    ++world_.counts()["segments damaged"];
  }
  const uint64_t size = machine.disk.bytes(path).size();
  if (size == 0) return false;
  for (uint64_t n = random_.between(1, 3); n > 0; --n) {
    machine.disk.flip(path, random_.below(size), static_cast<uint8_t>(1 << random_.below(8)));
  }
  world_.tell(machine, "is damaged in " + path);
  return true;
}

void Trouble::damage() {
  Machine* machine = victim();
  if (machine == nullptr || machine->damaged || !operator_.may_lose(*machine)) return;
  fall(*machine);
  flip(*machine);
  if (machine->damaged) operator_.lost();
  world_.start_in(*machine, random_.between(1ms, world_.ordeal().down));
}

void Trouble::wipe() {
  Machine* machine = victim();
  if (machine == nullptr || !operator_.may_lose(*machine)) return;
  ++world_.counts()["wiped disks"];
  fall(*machine);
  operator_.replace(*machine);
}

}  // namespace ledger::sim
