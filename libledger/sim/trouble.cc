#include "sim/trouble.h"

#include <algorithm>
#include <array>

#include "log/format.h"
#include "log/remains.h"
#include "log/vote_file.h"
#include "sim/witness.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

constexpr int64_t year_ns = 365LL * 24 * 3600 * 1'000'000'000;

/// What is checked of the newest segment's header in any case.
constexpr size_t newest_header_bytes = 60;

/// Files named so, in the order of their numbers.
std::vector<std::string> paths(const io::MemoryDisk& disk, std::string_view suffix) {
  std::vector<std::string> found;
  for (const std::string& path : disk.files()) {
    if (path.ends_with(suffix)) found.push_back(path);
  }
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
  again_and_again(ordeal.mislead_every, &Trouble::mislead);
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
  return random_.coin() ? world_.leader() : world_.any_running();
}

/// Ends a process in one way or another. It comes back.
void Trouble::fall(Machine& machine) {
  const uint64_t how = random_.below(8);
  if (how == 0 && machine.up() && machine.paused_until <= world_.now() && !machine.disk.stopped()) {
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
    if (!machine.runs()) continue;
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
  // Sometimes one talks to all the same: he hears two leaders, and whom either has told what.
  if (random_.below(3) == 0) {
    const MemberId bridge = world_.any().id;
    std::erase(side, bridge);
    std::erase(other, bridge);
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
    if (!all && &machine != &world_.any()) continue;
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
  Machine& machine = world_.any();
  ++world_.counts()["clock jumps"];
  const auto jump = static_cast<int64_t>(random_.below(2 * year_ns)) - year_ns;
  machine.wall_offset = random_.coin() ? jump : jump / 1'000'000'000;
}

/// Damages what was synced, where it can be told from a torn tail: sealed segments, what is derived
/// from them, one copy of the vote, and, where the rest of the cluster is enough to go on, the
/// newest segment. False: there is nothing to damage.
bool Trouble::spoil(Machine& machine, bool newest) {
  const uint64_t what = random_.below(8);
  if (what == 0) {
    if (!both_votes_whole(machine)) return false;
    ++world_.counts()["votes damaged"];
    return flip(machine, random_.pick(log::vote_paths), 0, SIZE_MAX);
  }
  if (what == 1) {
    const std::vector<std::string> indexes = paths(machine.disk, ".idx");
    if (indexes.empty()) return false;
    ++world_.counts()["indexes damaged"];
    return flip(machine, random_.pick(indexes), 0, SIZE_MAX);
  }
  if (what <= 4 && newest && !machine.up()) return spoil_newest(machine);
  const std::vector<std::string> segments = paths(machine.disk, ".seg");
  if (segments.size() < 2) return false;
  const std::string& path = segments[random_.below(segments.size() - 1)];
  ++world_.counts()["segments damaged"];
  machine.damaged = true;
  if (what == 5 && !machine.up()) return lose(machine, path);
  return flip(machine, path, 0, SIZE_MAX);
}

/// The file, its header, or what is known to be durable of its entries: below W. What may have been
/// acknowledged is lost, and above W it can't be told from what was never synced.
bool Trouble::spoil_newest(Machine& machine) {
  // The copies testify to what is gone; without them nothing does.
  if (!both_votes_whole(machine)) return false;
  const Result<log::Remains> remains = log::Remains::look(machine.disk);
  if (!remains || remains->parts().empty()) return false;
  const uint64_t number = remains->parts().back().number;
  const std::string path = log::segment_path(number);
  const log::Watermark& durable = remains->synced();
  machine.damaged = true;
  ++world_.counts()["newest segments damaged"];
  if (durable.segment == number && durable.end > log::header_block_bytes && random_.coin()) {
    ++world_.counts()["newest entries damaged"];
    // The last ones are those that we may not know to be committed.
    const uint64_t reach = random_.coin() ? durable.end : random_.between(100, 2000);
    const uint64_t first = durable.end - std::min(durable.end - log::header_block_bytes, reach);
    return flip(machine, path, first, durable.end);
  }
  return random_.coin() ? lose(machine, path) : flip(machine, path, 0, newest_header_bytes);
}

bool Trouble::both_votes_whole(const Machine& machine) const {
  io::MemoryDisk disk = machine.disk;
  const Result<log::FoundVotes> votes = log::read_votes(disk);
  return votes && votes->copies[0].whole && votes->copies[1].whole;
}

bool Trouble::lose(Machine& machine, const std::string& path) {
  world_.tell(machine, "loses " + path);
  machine.disk.lose(path);
  return true;
}

bool Trouble::flip(Machine& machine, const std::string& path, size_t first, size_t end) {
  end = std::min(end, machine.disk.bytes(path).size());
  if (first >= end) return false;
  for (uint64_t n = random_.between(1, 3); n > 0; --n) {
    machine.disk.flip(path, random_.between(first, end - 1),
                      static_cast<uint8_t>(1 << random_.below(8)));
  }
  world_.tell(machine, "is damaged in " + path);
  return true;
}

/// Whether each entry that damaged members lost is committed, and there once more, with a member:
/// who has left may have it and won't be asked. Who is alone does not even start. A member that
/// never comes back is missed where a damaged one needs a leader's word.
bool Trouble::survivable(const raft::Configuration& members) {
  if (members.members.size() <= 1) return false;
  for (const raft::Member& member : members.members) {
    const Machine* machine = world_.find(member.id);
    if (machine == nullptr || machine->fate != Machine::Fate::alive) return false;
  }
  for (Machine& machine : world_.machines()) {
    if (!machine.damaged || machine.fate != Machine::Fate::alive) continue;
    const Result<log::Remains> remains = log::Remains::look(machine.disk);
    if (!remains || !remains->end()) return false;
    for (const log::Hole& hole : remains->holes()) {
      if (hole.anchor.index > world_.witness().applied()) return false;
      if (!std::ranges::any_of(world_.machines(), [&](Machine& other) {
            return &other != &machine && members.find(other.id) != nullptr && gives(other, hole);
          })) {
        return false;
      }
    }
  }
  return true;
}

bool Trouble::gives(Machine& machine, const log::Hole& hole) {
  if (machine.fate != Machine::Fate::alive) return false;
  if (!machine.damaged) return world_.holds(machine.id, hole.anchor.index, hole.anchor.term);
  if (machine.up()) return false;  // Not before it is found.
  const Result<log::Remains> remains = log::Remains::look(machine.disk);
  if (!remains || remains->match(hole.anchor) != Match::holds) return false;
  const auto read = remains->read(hole.first, hole.end, Term(), SIZE_MAX / 2);
  const auto more =
      remains->read(hole.first, hole.anchor.index + 1, hole.anchor.term, SIZE_MAX / 2);
  const uint64_t count = hole.end.value - hole.first.value;
  return (read && read->size() >= count) || (more && more->size() >= count);
}

/// A leader is cut off from all but one who loses the end of his log at that moment. While the
/// others elect somebody, clients go on writing to the old leader, who can't commit it. Whoever is
/// chosen has committed no more yet, when he confirms to the one that mends where the log ends: all
/// of that the old leader has, too, in another version.
void Trouble::mislead() {
  Machine* leader = world_.leader();
  Machine* other = world_.any_up();
  if (leader == nullptr || other == nullptr || other == leader || other->damaged || other->faulty ||
      leader->replica->configuration().voters() < 5 || !operator_.may_lose(*other)) {
    return;
  }
  std::vector<MemberId> rest;
  for (const Machine& one : world_.machines()) {
    if (&one != leader && &one != other) rest.push_back(one.id);
  }
  ++world_.counts()["partitions"];
  world_.tell(*leader, "is cut off from all but " + other->name);
  world_.network().heal();
  world_.network().part({leader->id}, rest, /*one_way=*/false);
  world_.schedule(random_.between(500ms, 2s), [this] { world_.network().heal(); });
  fall(*other);
  spoil_newest(*other);
  if (other->damaged) operator_.lost();
  world_.start_in(*other, random_.between(1ms, 300ms));
}

void Trouble::damage() {
  Machine* machine = victim();
  if (machine == nullptr || machine->damaged || machine->faulty) return;
  if (operator_.may_lose(*machine)) {
    if (!machine->up() || random_.below(3) != 0) fall(*machine);
    spoil(*machine, /*newest=*/true);
    if (machine->damaged) operator_.lost();
    if (machine->up()) return world_.scrub_in(*machine, random_.between(1ms, 5s));
  } else if (operator_.settled()) {
    // More may be damaged than the rest could bear, if each entry is somewhere.
    const raft::Configuration members = world_.leader()->replica->configuration();
    fall(*machine);
    const io::MemoryDisk before = machine->disk;
    spoil(*machine, /*newest=*/false);
    if (machine->damaged && survivable(members)) {
      ++world_.counts()["damaged crosswise"];
      operator_.lost();
    } else {
      machine->disk = before;
      machine->damaged = false;
    }
  } else {
    return;
  }
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
