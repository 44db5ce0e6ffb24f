#include "sim/consensus.h"

#include "sim/nemesis.h"

namespace ledger::sim {
namespace {

/// How long a healed cluster may take to acknowledge a new record, in election timeouts; and as
/// long again until everybody has caught up.
constexpr int progress_timeouts = 10;

/// How long trouble lasts before it is healed, each time.
constexpr Duration trouble_min = std::chrono::seconds(1);
constexpr Duration trouble_max = std::chrono::seconds(8);

bool caught_up(Cluster& cluster, Index mark) {
  const Member* leader = cluster.leader();
  if (leader == nullptr) return false;
  for (const raft::Member& one : leader->engine->configuration().members) {
    const Member* member = cluster.find(one.id);
    if (member == nullptr || member->applied < mark) return false;
  }
  return true;
}

/// Asks every member of the configuration for a read until all are granted one, or time is up.
bool all_read(Cluster& cluster, Instant deadline) {
  const Instant begun = cluster.now();
  std::map<MemberId, uint64_t> granted;
  for (const Member& member : cluster.members()) granted[member.id] = member.reads_granted;
  const auto waits = [&](const Member* member) {
    return member != nullptr && member->reads_granted == granted.at(member->id);
  };
  for (;;) {
    bool all = cluster.leader() != nullptr;
    if (all) {
      const raft::Configuration configuration = cluster.leader()->engine->configuration();
      for (const raft::Member& one : configuration.members) {
        Member* member = cluster.find(one.id);
        if (!waits(member)) continue;
        cluster.read(*member);
        all = all && !waits(member);
      }
    }
    const bool forgotten = cluster.oldest_read() && *cluster.oldest_read() < begun;
    if (all && !forgotten) return true;
    if (cluster.now() >= deadline) return false;
    cluster.advance(cluster.now() + cluster.plan().settings.heartbeat);
  }
}

/// A healed cluster makes progress, and everybody has it.
void recover(Cluster& cluster) {
  const int64_t last = cluster.last_record();
  const Duration patience = progress_timeouts * cluster.plan().settings.election_timeout;
  const Instant deadline = cluster.now() + patience;
  while (cluster.now() < deadline && cluster.acknowledged_record() <= last) {
    if (Member* leader = cluster.leader()) cluster.propose(*leader, {cluster.record()});
    cluster.advance(cluster.now() + cluster.plan().settings.heartbeat,
                    [&] { return cluster.acknowledged_record() > last; });
  }
  if (cluster.acknowledged_record() <= last) throw Violation("no progress after healing");

  const Index mark = cluster.checker().acknowledged();
  cluster.advance(cluster.now() + patience, [&] { return caught_up(cluster, mark); });
  if (!caught_up(cluster, mark)) throw Violation("a member does not catch up after healing");

  if (!all_read(cluster, cluster.now() + patience)) throw Violation("a read waits for ever");
}

void live(const Scenario& scenario, Random& random, Cluster& cluster) {
  Nemesis nemesis(random, cluster);
  for (Duration left = scenario.trouble; left > Duration();) {
    const Duration trouble = std::min(left, random.between(trouble_min, trouble_max));
    cluster.advance(cluster.now() + trouble);
    left -= trouble;
    if (cluster.narrate) cluster.narrate("healed");
    nemesis.heal();
    recover(cluster);
    nemesis.harm();
  }
}

}  // namespace

Report run_consensus(const Scenario& scenario) {
  Random random(scenario.seed);
  const Plan plan = draw_plan(random);
  Report report;
  std::optional<Cluster> cluster;
  try {
    cluster.emplace(random, plan, scenario.guards_left_out);
    if (scenario.narrate) {
      cluster->narrate = [&](const std::string& line) {
        scenario.narrate(std::to_string(static_cast<double>(cluster->now().ns) / 1e9) + " " + line);
      };
    }
    live(scenario, random, *cluster);
  } catch (const Violation& violation) {
    report.violation = violation.what();
  }
  if (cluster) {
    report.hash = cluster->hash();
    report.simulated = cluster->now() - Instant();
    report.counts = cluster->counts();
  }
  return report;
}

}  // namespace ledger::sim
