#include "sim/plan.h"

#include <algorithm>
#include <iterator>

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

/// A bit of everything.
Plan anything(Random& random) {
  Plan plan;
  plan.founders = random.between(1, 5);
  plan.weather.delay = random.between(200us, 10ms);
  if (random.coin()) plan.weather.loss_ppm = static_cast<uint32_t>(random.below(50'000));
  if (random.coin()) plan.weather.duplicate_ppm = static_cast<uint32_t>(random.below(100'000));
  if (random.coin()) {
    plan.weather.late_ppm = static_cast<uint32_t>(random.below(100'000));
    plan.weather.late = random.between(20ms, 2s);
  }
  plan.segment_entries = random.between(2, 40);
  plan.message_entries = random.between(1, 40);
  plan.chunk_entries = random.between(1, 40);
  plan.proposal_entries = random.between(1, 4);
  plan.disk = random.between(100us, 5ms);
  plan.disk_slow = random.between(20ms, 600ms);
  plan.propose_every = random.between(10ms, 100ms);
  plan.read_every = random.between(20ms, 200ms);
  plan.crash_every = random.sometimes(300ms, 5s);
  plan.down = random.between(20ms, 3s);
  plan.partition_every = random.sometimes(300ms, 5s);
  plan.parted = random.between(100ms, 5s);
  plan.pause_every = random.sometimes(300ms, 5s);
  plan.paused = random.between(20ms, 2s);
  plan.slow_every = random.sometimes(300ms, 5s);
  plan.slow = random.between(50ms, 2s);
  plan.transfer_every = random.sometimes(200ms, 5s);
  plan.change_every = random.below(4) == 0 ? Duration() : random.between(30ms, 500ms);
  plan.hasty_changes = random.below(4) == 0;
  plan.careless_changes = random.below(4) == 0;
  if (random.coin()) plan.crash_at_vote_ppm = static_cast<uint32_t>(random.below(50'000));
  return plan;
}

/// Leaders in quick succession on a network that cuts them off while changes are under way: where
/// two of them may change the configuration without knowing of each other.
Plan hasty(Random& random) {
  Plan plan = anything(random);
  plan.founders = 4;
  plan.weather.delay = random.between(5ms, 40ms);
  plan.weather.loss_ppm = static_cast<uint32_t>(random.below(50'000));
  plan.crash_every = Duration();
  plan.pause_every = Duration();
  plan.partition_every = random.between(1s, 3s);
  plan.parted = 1s;
  plan.transfer_every = Duration();
  plan.change_every = random.between(20ms, 100ms);
  plan.hasty_changes = true;
  plan.careless_changes = true;
  return plan;
}

/// Few voters that need each other, hand-overs that fail half-way, and nothing to commit meanwhile.
Plan duel(Random& random) {
  Plan plan = anything(random);
  plan.founders = 2 + 2 * random.below(2);
  plan.propose_every = random.between(20ms, 400ms);
  plan.crash_every = random.between(300ms, 2s);
  plan.down = random.between(20ms, 500ms);
  plan.partition_every = random.between(200ms, 1s);
  plan.parted = random.between(200ms, 3s);
  plan.transfer_every = random.between(50ms, 400ms);
  plan.change_every = Duration();
  return plan;
}

/// Two voters, one of whom is dismissed and taken back again and again by a leader with a slow disk
/// that crashes: what it told the other may be more than what it keeps.
Plan dismissal(Random& random) {
  Plan plan = anything(random);
  plan.founders = 2;
  plan.voters_max = 2;
  plan.weather.delay = random.between(200us, 2ms);
  plan.weather.late_ppm = 0;
  plan.disk = random.between(5ms, 40ms);
  plan.crash_every = random.between(150ms, 500ms);
  plan.down = random.between(20ms, 100ms);
  plan.pause_every = Duration();
  plan.partition_every = Duration();
  plan.transfer_every = Duration();
  plan.change_every = random.between(20ms, 60ms);
  plan.hasty_changes = false;
  plan.demotes_only = true;
  plan.careless_changes = true;
  return plan;
}

/// Four voters, half of whom may come to be terms ahead of the other half, which has more entries.
Plan stranded(Random& random) {
  Plan plan = anything(random);
  plan.founders = 4;
  plan.weather.delay = random.between(5ms, 20ms);
  plan.weather.late_ppm = 0;
  plan.propose_every = random.between(10ms, 50ms);
  plan.crash_every = random.between(2s, 5s);
  plan.down = random.between(20ms, 200ms);
  plan.partition_every = Duration();
  plan.transfer_every = random.between(500ms, 2s);
  plan.change_every = Duration();
  plan.hasty_changes = false;
  plan.strand_candidates = true;
  return plan;
}

/// Two voters that cannot do without each other on a network that doubles and delays what they say.
Plan stutter(Random& random) {
  Plan plan = anything(random);
  plan.founders = 2;
  plan.weather.delay = random.between(5ms, 40ms);
  plan.weather.loss_ppm = static_cast<uint32_t>(random.between(100'000, 250'000));
  plan.weather.duplicate_ppm = static_cast<uint32_t>(random.between(100'000, 300'000));
  plan.weather.late_ppm = static_cast<uint32_t>(random.between(300'000, 500'000));
  plan.weather.late = random.between(100ms, 300ms);
  plan.message_entries = random.between(1, 2);
  plan.propose_every = random.between(10ms, 60ms);
  plan.crash_every = random.between(1s, 3s);
  plan.down = random.between(20ms, 200ms);
  plan.partition_every = random.between(500ms, 1500ms);
  plan.parted = 800ms;
  plan.pause_every = Duration();
  plan.change_every = Duration();
  plan.hasty_changes = false;
  return plan;
}

/// A quiet cluster that keeps its leader, and a network that brings back old messages.
Plan echo(Random& random) {
  Plan plan;
  plan.founders = 3 + 2 * random.below(2);
  plan.weather.delay = random.between(200us, 5ms);
  plan.weather.loss_ppm = static_cast<uint32_t>(random.between(100'000, 250'000));
  plan.weather.duplicate_ppm = static_cast<uint32_t>(random.below(100'000));
  plan.weather.late_ppm = static_cast<uint32_t>(random.between(20'000, 50'000));
  plan.weather.late = random.between(100ms, 400ms);
  plan.message_entries = 1000;
  plan.propose_every = random.between(150ms, 500ms);
  plan.read_every = 1s;
  return plan;
}

/// Logs that begin late, so that followers are told to pull, by leaders that come and go and come
/// back before their old messages arrive.
Plan returning(Random& random) {
  Plan plan = anything(random);
  plan.founders = 3;
  plan.weather.loss_ppm = 0;
  plan.weather.late_ppm = static_cast<uint32_t>(random.below(50'000));
  plan.weather.late_bulk_ppm = 800'000;
  plan.weather.late = random.between(100ms, 800ms);
  plan.segment_entries = 2;
  plan.message_entries = 1000;
  plan.chunk_entries = 1;
  plan.propose_every = random.between(4ms, 12ms);
  plan.crash_every = random.between(500ms, 1500ms);
  plan.down = random.between(20ms, 120ms);
  plan.partition_every = random.between(1s, 2s);
  plan.parted = random.between(500ms, 1500ms);
  plan.part_followers = true;
  plan.transfer_every = random.between(30ms, 120ms);
  plan.slow_every = Duration();
  plan.pause_every = Duration();
  plan.change_every = Duration();
  return plan;
}

}  // namespace

Plan draw_plan(Random& random) {
  using Draw = Plan (*)(Random&);
  constexpr Draw draws[] = {anything, anything,  anything, hasty,   duel,
                            echo,     returning, stranded, stutter, dismissal};
  Plan plan = draws[random.below(std::size(draws))](random);
  plan.weather.late = std::max(plan.weather.late, plan.weather.delay);  // They are drawn apart.
  plan.settings.election_timeout = 300ms;
  plan.settings.heartbeat = 60ms;
  plan.settings.catch_up_round = 10s;
  return plan;
}

}  // namespace ledger::sim
