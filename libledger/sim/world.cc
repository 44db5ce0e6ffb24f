#include "sim/world.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "log/mend.h"
#include "node/watched_log.h"
#include "sim/checker.h"
#include "sim/witness.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

const Id cluster_id{{0x3f, 0x2a, 0x0c, 0x11, 0x7a, 0x10, 0x4c}};
constexpr Time begin_of_time{1'767'225'600'000'000'000};
/// A full disk is tried again after this, as node::Node does.
constexpr Duration full_disk_patience = 1s;
constexpr size_t mailbox_events_max = 16'384;
/// So many are needed at most to apply what a start finds in the log; a loop that spins takes more.
constexpr unsigned turns_in_vain_max = 10'000;

}  // namespace

World::World(Random& random, const Ordeal& ordeal)
    : random_(random),
      ordeal_(ordeal),
      network_(random, ordeal.weather),
      witness_(std::make_unique<Witness>(*this)) {
  raft::Configuration founders;
  for (size_t i = 0; i < ordeal_.founders; ++i) {
    const Machine& machine = make_machine(fresh_name());
    founders.members.push_back({machine.id, raft::Standing::voter, machine.name, machine.address});
  }
  std::ranges::sort(founders.members);
  Entry founding;
  founding.index = Index(1);
  founding.term = Term(1);
  founding.kind = EntryKind::membership;
  founding.recorded = begin_of_time;
  founding.payload = std::make_shared<const std::string>(founders.encode());
  for (Machine& machine : machines_) {
    const Result<void> made =
        log::Log::create(machine.disk, machine.random, cluster_id, ordeal_.log, founding);
    if (!made) throw Violation(machine.name + ": " + made.error().message);
    start(machine);
  }
}

World::~World() = default;

Machine& World::make_machine(std::string name) {
  // Ids are no order of age, as in life.
  const MemberId id((random_.next() % 900 + 100) * 100 + machines_.size() + 1);
  Machine& machine = machines_.emplace_back(id, std::move(name), random_.next());
  machine.address = "10.0.0." + std::to_string(machines_.size()) + ":1";
  machine.random.fill(machine.hash_key);
  machine.wall_offset = static_cast<int64_t>(random_.below(2'000'000'000)) - 1'000'000'000;
  return machine;
}

Machine& World::add_machine(std::string name) {
  Machine& machine = make_machine(std::move(name));
  const Result<void> made =
      log::Log::create_empty(machine.disk, machine.random, cluster_id, ordeal_.log);
  if (!made) throw Violation(machine.name + ": " + made.error().message);
  tell(machine, "is new");
  start(machine);
  return machine;
}

Machine* World::find(MemberId id) {
  const auto found = std::ranges::find(machines_, id, &Machine::id);
  return found == machines_.end() ? nullptr : &*found;
}

Machine* World::at(const std::string& address) {
  const auto found = std::ranges::find(machines_, address, &Machine::address);
  return found == machines_.end() ? nullptr : &*found;
}

Machine* World::leader() {
  Machine* found = nullptr;
  for (Machine& machine : machines_) {
    if (!machine.up() || !machine.replica->leads()) continue;
    if (found == nullptr || found->replica->term() < machine.replica->term()) found = &machine;
  }
  return found;
}

Machine& World::any() {
  if (std::ranges::count(machines_, Machine::Fate::alive, &Machine::fate) == 0) {
    throw Violation("nobody is left");
  }
  for (;;) {
    Machine& machine = random_.pick(machines_);
    if (machine.fate == Machine::Fate::alive) return machine;
  }
}

Machine* World::any_running() {
  Machine& machine = any();
  return machine.runs() && machine.paused_until <= now_ ? &machine : nullptr;
}

Machine* World::any_up() {
  Machine& machine = any();
  return machine.up() && machine.paused_until <= now_ ? &machine : nullptr;
}

// ---- Time. ----

void World::schedule(Duration delay, std::function<void()> act) {
  happenings_.push({now_ + delay, ++order_, nullptr, 0, std::move(act)});
}

void World::schedule(Duration delay, Machine& machine, std::function<void()> act) {
  happenings_.push({now_ + delay, ++order_, &machine, machine.life, std::move(act)});
}

void World::advance(Instant until, const std::function<bool()>& done) {
  while (!happenings_.empty() && happenings_.top().at <= until && !done()) {
    Happening next = std::move(const_cast<Happening&>(happenings_.top()));
    happenings_.pop();
    now_ = next.at;
    if (next.machine == nullptr) {
      next.act();
    } else if (next.life != next.machine->life || !next.machine->runs()) {
      continue;
    } else if (next.machine->paused_until > now_) {
      next.at = next.machine->paused_until;
      happenings_.push(std::move(next));
    } else {
      next.act();
    }
  }
  if (!done()) now_ = until;
}

node::Now World::clocks(const Machine& machine) const {
  const int64_t passed = now_.ns + now_.ns * machine.clock_ppm / 1'000'000;
  return {Instant{machine.clock_offset + passed},
          Time{begin_of_time.ns + machine.wall_offset + passed}};
}

Duration World::until(const Machine& machine, Instant instant) const {
  const int64_t left = (instant - clocks(machine).instant).count();
  return std::max(Duration(left - left * machine.clock_ppm / 1'000'000), Duration(1000));
}

// ---- The life of a process. ----

void World::start(Machine& machine) {
  assert(!machine.runs());
  if (machine.fate != Machine::Fate::alive) return;
  ++machine.life;
  ++counts_["starts"];
  machine.clock_offset = static_cast<int64_t>(random_.below(1'000'000'000'000));
  machine.clock_ppm = static_cast<int64_t>(random_.below(100'001)) - 50'000;
  const Result<bool> marked = log::mend_requested(machine.disk);
  if (!marked) return refuses(machine, marked.error());
  if (*marked) return begin_mending(machine);
  Result<std::unique_ptr<log::Log>> opened =
      log::Log::open(machine.disk, machine.random, cluster_id, ordeal_.log);
  if (!opened) return refuses(machine, opened.error());
  machine.log = std::make_unique<node::WatchedLog>(
      *std::move(opened), [this, &machine](const Error& error) { found_damage(machine, error); });
  machine.outbox = std::make_unique<node::Outbox>(*machine.log);
  machine.replica = std::make_unique<node::Replica>(
      node::Self{machine.id, machine.name, cluster_id, machine.address, "sim", machine.hash_key},
      *machine.log, raft::make_engine(machine.id, ordeal_.settings, random_.next()));
  tell(machine, "starts with " + std::to_string(machine.log->last_index().value) + " entries");
  machine.applied = Index();
  machine.committed = Index();
  machine.led.reset();
  machine.end.reset();
  witness_->returns(machine);
  const Result<void> started = machine.replica->start(clocks(machine));
  if (!started) return stops(machine, started.error());
  after(machine);
  if (machine.up()) arrange_turn(machine, 1us);
}

void World::start_in(Machine& machine, Duration delay) {
  schedule(delay, [this, &machine] {
    if (!machine.runs()) start(machine);
  });
}

void World::start_as_before(Machine& machine) {
  for (const std::string& path : machine.disk.files()) machine.disk.lose(path);
  machine.kept = Index();
  machine.held = {};
  const Result<void> made =
      log::Log::create_empty(machine.disk, machine.random, cluster_id, ordeal_.log);
  if (!made) throw Violation(machine.name + ": " + made.error().message);
  start_in(machine, random_.between(1ms, ordeal_.down));
}

void World::end(Machine& machine) {
  assert(machine.up());
  Held& held = machine.held;
  held = {machine.log->synced_index(), machine.log->recovered().checkpoint, {}};
  for (Index index = held.base + 1; index <= held.synced; ++index) {
    held.terms.push_back(machine.log->term(index));
  }
  machine.replica.reset();
  machine.outbox.reset();
  machine.log.reset();
  machine.mailbox.clear();
  machine.answers.clear();
  machine.turn_at.reset();
  machine.drain_at.reset();
  machine.writing = false;
  machine.told.clear();
  machine.sending.clear();
  machine.stream = 0;
}

/// A drain is caught in the middle.
void World::write_a_part(Machine& machine) {
  if (machine.disk.stopped() || !machine.log->has_writes() || random_.coin()) return;
  constexpr std::array whens = {io::Stop::When::before, io::Stop::When::middle,
                                io::Stop::When::after};
  machine.disk.stop_at({.nth = random_.between(1, 6),
                        .when = random_.pick(whens),
                        .written_bytes = random_.below(700)});
  (void)machine.log->drain();
}

void World::crash_disk(Machine& machine) {
  constexpr std::array writes = {io::Writes::lost, io::Writes::kept, io::Writes::torn,
                                 io::Writes::drawn, io::Writes::drawn};
  constexpr std::array rests = {io::Rest::old, io::Rest::zeros, io::Rest::garbage, io::Rest::drawn};
  constexpr std::array names = {io::Names::lost, io::Names::kept, io::Names::drawn};
  io::Crash crash{.seed = random_.next(),
                  .writes = random_.pick(writes),
                  .torn_bytes = {},
                  .rest = random_.pick(rests),
                  .rest_everywhere = false,
                  .names = random_.pick(names)};
  if (random_.below(3) == 0) crash.torn_bytes = random_.below(1000);
  machine.disk.crash(crash);
  machine.faulty = false;
}

void World::power_cut(Machine& machine) {
  ++counts_["power cuts"];
  tell(machine, "loses power");
  if (machine.up()) {
    write_a_part(machine);
    end(machine);
  }
  machine.mender.reset();
  crash_disk(machine);
}

void World::kill(Machine& machine) {
  ++counts_["kills"];
  tell(machine, "is killed");
  if (machine.up()) {
    write_a_part(machine);
    end(machine);
  }
  machine.mender.reset();
  machine.disk.restart();
  machine.faulty = false;
}

void World::stop_cleanly(Machine& machine) {
  ++counts_["clean stops"];
  tell(machine, "stops");
  machine.replica->abandon({{Code::unreachable, machine.name + " is stopping", {}}, {}});
  tell_answers(machine, /*in_trouble=*/false);
  machine.log->save_idle();
  const Result<log::Synced> drained = machine.log->drain();
  if (!drained && !machine.faulty) {
    throw Violation(machine.name + ": the last drain fails: " + drained.error().message);
  }
  end(machine);
  machine.disk.restart();
  machine.faulty = false;
}

void World::retire(Machine& machine, Machine::Fate fate) {
  tell(machine, fate == Machine::Fate::left ? "has left" : "is lost");
  if (machine.up()) end(machine);
  machine.mender.reset();
  machine.fate = fate;
}

/// The process has ended itself.
void World::stops(Machine& machine, const Error& error) {
  tell(machine, "stops: " + error.message);
  if (machine.disk.stopped()) {
    ++counts_["crashes at a call"];
    end(machine);
    if (random_.coin()) {
      crash_disk(machine);
    } else {
      machine.disk.restart();
    }
  } else if (machine.faulty) {
    ++counts_["disk errors"];
    machine.replica->abandon({{Code::unreachable, machine.name + " stopped", {}}, {}});
    tell_answers(machine, /*in_trouble=*/true);
    end(machine);
    if (random_.coin()) machine.disk.evict();
    if (random_.coin()) {
      crash_disk(machine);
    } else {
      machine.disk.restart();
    }
  } else if (machine.damaged && error.code != Code::internal) {
    ++counts_["damage found late"];
    machine.replica->abandon({{Code::unreachable, machine.name + " stopped", {}}, {}});
    tell_answers(machine, /*in_trouble=*/true);
    end(machine);
    (void)log::request_mend(machine.disk, error);  // Else it is found again.
    machine.disk.restart();
  } else {
    throw Violation(machine.name + " stops: " + error.message);
  }
  machine.faulty = false;
  start_in(machine, random_.between(1ms, ordeal_.down));
}

/// The log could not be opened.
void World::refuses(Machine& machine, const Error& error) {
  tell(machine, "does not start: " + error.message);
  if (machine.disk.stopped()) {
    ++counts_["crashes while starting"];
    crash_disk(machine);
  } else if (machine.faulty) {
    ++counts_["errors while starting"];
    machine.disk.restart();
  } else if (machine.damaged) {
    ++counts_["damage found"];
    return begin_mending(machine);
  } else if (error.code != Code::no_space) {
    throw Violation(machine.name + " does not start: " + error.message);
  }
  machine.faulty = false;
  start_in(machine, random_.between(1ms, calm_ ? 100ms : ordeal_.down));
}

bool World::holds(MemberId member, Index index, Term term) {
  Machine* machine = find(member);
  if (machine == nullptr) return false;
  if (machine->up()) {
    if (index > machine->log->synced_index()) return false;
    return index < machine->log->recovered().checkpoint || machine->log->term(index) == term;
  }
  const Held& held = machine->held;
  if (index > held.synced) return false;
  return index <= held.base || held.term(index) == term;
}

bool World::shows(Index index, Term term) {
  std::vector<const Machine*> damaged;
  for (const Machine& machine : machines_) {
    if (machine.fate != Machine::Fate::alive) continue;
    if (machine.damaged) {
      damaged.push_back(&machine);
    } else if (holds(machine.id, index, term)) {
      return true;
    }
  }
  return std::ranges::any_of(damaged, [&](const Machine* machine) {
    io::MemoryDisk disk = machine->disk;  // Whatever was planned for the original's next calls.
    disk.restart();
    disk.drop_plans();
    const Result<log::Remains> remains = log::Remains::look(disk);
    if (!remains || remains->match({index, term}) != Match::holds) return false;
    const auto read = remains->read_any(index, index + 1, 0);
    return read && !read->empty() && read->front().term == term;
  });
}

// ---- The loop and the disk thread of a process. ----

void World::post(Machine& machine, Machine::Event event) {
  if (!machine.up() || machine.mailbox.size() >= mailbox_events_max) return;
  machine.mailbox.push_back(std::move(event));
  arrange_turn(machine, random_.between(1us, 50us));
}

void World::arrange_turn(Machine& machine, Duration delay) {
  const Instant at = now_ + delay;
  if (machine.turn_at && *machine.turn_at <= at) return;
  machine.turn_at = at;
  schedule(delay, machine, [this, &machine, at] {
    if (machine.turn_at != at) return;  // Another was arranged for earlier.
    machine.turn_at.reset();
    turn(machine);
  });
}

void World::turn(Machine& machine) {
  const node::Now now = clocks(machine);
  const uint64_t syncs = machine.disk.calls(io::Call::sync);
  const bool woken = !machine.mailbox.empty();
  for (Machine::Event& event : std::exchange(machine.mailbox, {})) {
    const Result<void> done = event(*machine.replica, now);
    if (!done) return stops(machine, done.error());
  }
  const Result<Instant> wake = machine.replica->turn(now);
  if (!wake) return stops(machine, wake.error());
  machine.turns_in_vain = woken || *wake > now.instant ? 0 : machine.turns_in_vain + 1;
  if (machine.turns_in_vain > turns_in_vain_max) {
    throw Violation(machine.name + " turns again and again, and waits for nothing");
  }
  // Where the loop had to wait for the disk, nothing else happened meanwhile.
  if (machine.disk.calls(io::Call::sync) != syncs) {
    machine.paused_until =
        std::max(machine.paused_until, now_ + random_.between(ordeal_.disk / 4, ordeal_.disk));
  }
  after(machine);
  if (machine.up()) arrange_turn(machine, until(machine, *wake));
}

/// Answers leave when the turn is over: then what they say can be checked. A process that dies in
/// that turn may not get to say yes.
void World::tell_answers(Machine& machine, bool in_trouble) {
  for (const Machine::Answer& answer : std::exchange(machine.answers, {})) {
    if (!answer.yes || !in_trouble) answer.tell();
  }
}

/// What follows from a turn.
void World::after(Machine& machine) {
  witness_->sees(machine);
  // What could not be read from a disk that fails can't be checked either.
  tell_answers(machine, machine.applied != machine.replica->history().applied());
  note(machine);
  tell_state(machine);
  send(machine);
  follow_pull(machine);
  arrange_drain(machine);
  if (!machine.replica->belongs()) {
    ++counts_["left"];
    retire(machine, Machine::Fate::left);
  }
}

void World::arrange_drain(Machine& machine) {
  if (machine.writing) return;
  Duration delay;
  if (machine.log->has_writes()) {
    const bool slow = machine.slow_until > now_;
    delay = slow ? random_.between(ordeal_.disk, ordeal_.disk_slow + ordeal_.disk)
                 : random_.between(ordeal_.disk / 4, ordeal_.disk);
  } else if (machine.log->no_space()) {
    delay = full_disk_patience;
  } else if (machine.log->has_preparation()) {
    delay = 4 * ordeal_.disk;
  } else {
    return;
  }
  const Instant at = now_ + delay;
  if (machine.drain_at && *machine.drain_at <= at) return;
  machine.drain_at = at;
  machine.drain_takes = delay;
  machine.writing = machine.log->has_writes();
  schedule(delay, machine, [this, &machine, at] {
    if (machine.drain_at != at) return;
    machine.drain_at.reset();
    machine.writing = false;
    drain(machine);
  });
}

void World::drain(Machine& machine) {
  Result<log::Synced> synced = machine.log->drain();
  if (!synced) return stops(machine, synced.error());
  if (synced->index != Index()) {
    mix(synced->index.value);
    post(machine, [took = machine.drain_takes](node::Replica& replica, node::Now now) {
      return replica.synced(now, took);
    });
  }
  arrange_drain(machine);
}

void World::set_calm(bool calm) {
  calm_ = calm;
  network_.heal();
  network_.calm(calm ? Weather{} : ordeal_.weather);
  if (!calm) return;
  for (Machine& machine : machines_) {
    machine.paused_until = now_;
    machine.slow_until = now_;
    machine.disk.set_quota({});
    if (!machine.disk.stopped()) {
      machine.disk.drop_plans();
      machine.faulty = false;
    }
    if (!machine.runs()) start(machine);
    if (machine.damaged && machine.up()) scrub_in(machine, random_.between(1ms, 50ms));
  }
}

}  // namespace ledger::sim
