#include "sim/ordeal.h"

#include <iterator>

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

/// No trouble, but a cluster and its clients of any size.
Ordeal quiet(Random& random) {
  Ordeal ordeal;
  ordeal.founders = random.between(1, 5);
  ordeal.weather.delay = random.between(200us, 5ms);
  ordeal.weather.late = ordeal.weather.delay;
  ordeal.log.segment_bytes = random.between(4, 32) * 4096;
  ordeal.log.cache_bytes = random.coin() ? 0 : size_t{random.between(1, 64)} << 10;
  ordeal.message_bytes = random.between(200, 8192);
  ordeal.pull_bytes = random.between(1, 8192);
  ordeal.disk = random.between(100us, 5ms);
  ordeal.disk_slow = random.between(20ms, 1500ms);
  ordeal.clients = random.between(2, 5);
  ordeal.think = random.between(5ms, 60ms);
  ordeal.patience = random.between(150ms, 600ms);
  ordeal.lost_answer_ppm = static_cast<uint32_t>(random.below(60'000));
  ordeal.body_bytes = random.between(1, 400);
  return ordeal;
}

void bad_network(Random& random, Ordeal& ordeal) {
  if (random.coin()) ordeal.weather.loss_ppm = static_cast<uint32_t>(random.below(200'000));
  if (random.coin()) ordeal.weather.duplicate_ppm = static_cast<uint32_t>(random.below(300'000));
  if (random.coin()) {
    ordeal.weather.late_ppm = static_cast<uint32_t>(random.below(100'000));
    ordeal.weather.late = random.between(20ms, 2s);
  }
  ordeal.pull_failure_ppm = static_cast<uint32_t>(random.below(300'000));
  ordeal.partition_every = random.sometimes(400ms, 4s);
  ordeal.parted = random.between(100ms, 4s);
}

void bad_power(Random& random, Ordeal& ordeal) {
  ordeal.crash_every = random.between(300ms, 3s);
  ordeal.blackout_every = random.sometimes(2s, 8s);
  ordeal.crash_at_call_every = random.sometimes(300ms, 3s);
  ordeal.down = random.between(20ms, 2s);
}

void bad_disks(Random& random, Ordeal& ordeal) {
  ordeal.disk_error_every = random.sometimes(1s, 5s);
  ordeal.slow_every = random.sometimes(400ms, 4s);
  ordeal.slow = random.between(50ms, 3s);
  ordeal.full_every = random.sometimes(1s, 5s);
  ordeal.full = random.between(100ms, 4s);
  ordeal.damage_every = random.sometimes(500ms, 4s);
  ordeal.wipe_every = random.sometimes(1s, 6s);
  ordeal.down = random.between(20ms, 1s);
}

void bad_clocks(Random& random, Ordeal& ordeal) {
  ordeal.pause_every = random.sometimes(300ms, 4s);
  ordeal.paused = random.between(20ms, 2s);
  ordeal.clock_every = random.between(100ms, 2s);
}

void new_members(Random& random, Ordeal& ordeal) {
  ordeal.change_every = random.between(50ms, 800ms);
  ordeal.transfer_every = random.sometimes(200ms, 4s);
}

/// A bit of everything.
Ordeal anything(Random& random) {
  Ordeal ordeal = quiet(random);
  using Add = void (*)(Random&, Ordeal&);
  constexpr Add adds[] = {bad_network, bad_power, bad_disks, bad_clocks, new_members};
  for (const Add add : adds) {
    if (random.coin()) add(random, ordeal);
  }
  return ordeal;
}

/// One kind of trouble, and much of it.
Ordeal power(Random& random) {
  Ordeal ordeal = quiet(random);
  bad_power(random, ordeal);
  return ordeal;
}
Ordeal network(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = random.between(3, 5);
  bad_network(random, ordeal);
  ordeal.partition_every = random.between(300ms, 2s);
  return ordeal;
}
Ordeal disks(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = random.between(3, 5);
  bad_disks(random, ordeal);
  ordeal.change_every = random.between(300ms, 2s);  // Also who replaces what is lost.
  return ordeal;
}
Ordeal churn(Random& random) {
  Ordeal ordeal = quiet(random);
  new_members(random, ordeal);
  ordeal.crash_every = random.sometimes(500ms, 4s);
  return ordeal;
}

/// Leaders in quick succession under many clients: what was begun by one is ended by another.
Ordeal succession(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = 3;
  ordeal.clients = 5;
  ordeal.think = random.between(1ms, 10ms);
  ordeal.transfer_every = random.between(50ms, 500ms);
  ordeal.partition_every = random.sometimes(300ms, 2s);
  ordeal.parted = random.between(100ms, 2s);
  ordeal.pause_every = random.sometimes(300ms, 2s);
  ordeal.slow_every = random.sometimes(300ms, 2s);
  return ordeal;
}

/// Logs whose leaders begin late, and members that were away for long: they must pull.
Ordeal stragglers(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = random.between(2, 4);
  ordeal.log.segment_bytes = random.between(2, 4) * 4096;
  ordeal.clients = 5;
  ordeal.think = random.between(1ms, 6ms);
  ordeal.crash_every = random.between(300ms, 1500ms);
  ordeal.down = random.between(20ms, 200ms);
  ordeal.partition_every = random.between(500ms, 2s);
  ordeal.parted = random.between(500ms, 3s);
  ordeal.pull_failure_ppm = static_cast<uint32_t>(random.below(300'000));
  ordeal.change_every = random.sometimes(300ms, 2s);
  return ordeal;
}

/// Logs that are damaged again and again, while leaders fall, and are cut off with what they could
/// not commit: whoever mends hears much that is not so.
Ordeal ailing(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = random.coin() ? 3 : 5;
  ordeal.log.segment_bytes = random.between(4, 12) * 4096;
  ordeal.clients = random.between(5, 10);
  // With the slower ones, a leader that is cut off gets as far as the next one.
  ordeal.think = random.coin() ? random.between(2ms, 10ms) : random.between(50ms, 400ms);
  ordeal.crash_every = random.between(200ms, 1s);
  ordeal.down = random.between(50ms, 1s);
  ordeal.damage_every = random.between(100ms, 400ms);
  ordeal.partition_every = random.between(200ms, 800ms);
  ordeal.parted = random.between(200ms, 1500ms);
  ordeal.slow_every = random.sometimes(300ms, 2s);
  ordeal.slow = random.between(50ms, 1s);
  ordeal.pull_failure_ppm = static_cast<uint32_t>(random.below(300'000));
  return ordeal;
}

/// Nothing but that, see Trouble::mislead: clients that are slow, so that the next leader commits
/// no more at first than the one before can't.
Ordeal misled(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = 5;
  ordeal.clients = random.between(6, 14);
  ordeal.think = random.between(100ms, 600ms);
  // Some segments are sealed soon: who loses the newest still finds in them who the members are.
  ordeal.log.segment_bytes = random.between(2, 4) * 4096;
  ordeal.mislead_every = random.between(500ms, 1500ms);
  return ordeal;
}

/// Leadership is handed over in vain, by leaders that are slow to write or have no room: whoever
/// shall take over is not told, and what was on its way before still is afterwards. Clients are
/// many, so that there are always some who do not wait for that.
Ordeal in_vain(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = random.between(2, 3);
  ordeal.clients = random.between(8, 14);
  ordeal.think = random.between(5ms, 30ms);
  ordeal.weather.loss_ppm = static_cast<uint32_t>(random.between(100'000, 300'000));
  ordeal.disk_slow = random.between(400ms, 1500ms);
  ordeal.slow_every = random.between(200ms, 800ms);
  ordeal.slow = random.between(500ms, 2s);
  ordeal.full_every = random.sometimes(500ms, 2s);
  ordeal.full = random.between(500ms, 2s);
  ordeal.log.segment_bytes = random.between(2, 6) * 4096;
  ordeal.transfer_every = random.between(50ms, 300ms);
  return ordeal;
}

/// One disk after the other is lost, while members come and go.
Ordeal attrition(Random& random) {
  Ordeal ordeal = quiet(random);
  ordeal.founders = random.between(3, 5);
  ordeal.wipe_every = random.between(200ms, 1s);
  ordeal.change_every = random.between(50ms, 300ms);
  ordeal.crash_every = random.sometimes(500ms, 4s);
  ordeal.down = random.between(20ms, 500ms);
  return ordeal;
}

}  // namespace

Ordeal draw_ordeal(Random& random) {
  using Draw = Ordeal (*)(Random&);
  constexpr Draw draws[] = {anything,   anything,   anything, power,  network, disks,    churn,
                            succession, stragglers, ailing,   misled, in_vain, attrition};
  Ordeal ordeal = draws[random.below(std::size(draws))](random);
  ordeal.settings.election_timeout = 300ms;
  ordeal.settings.heartbeat = 60ms;
  ordeal.settings.catch_up_round = 10s;
  return ordeal;
}

}  // namespace ledger::sim
