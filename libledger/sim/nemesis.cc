#include "sim/nemesis.h"

#include <algorithm>

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

constexpr size_t members_max = 9;

}  // namespace

Nemesis::Nemesis(Random& random, Cluster& cluster) : random_(random), cluster_(cluster) {
  const Plan& plan = cluster.plan();
  always(plan.propose_every, &Nemesis::propose);
  always(plan.read_every, &Nemesis::read);
  trouble(plan.crash_every, &Nemesis::crash_some);
  trouble(plan.partition_every, &Nemesis::part);
  trouble(plan.pause_every, &Nemesis::pause);
  trouble(plan.slow_every, &Nemesis::slow);
  trouble(plan.transfer_every, &Nemesis::transfer);
  trouble(plan.change_every, &Nemesis::change);
  if (plan.hasty_changes) trouble(2ms, &Nemesis::change_hastily);
  if (plan.strand_candidates) trouble(2ms, &Nemesis::strand);
}

void Nemesis::always(Duration every, void (Nemesis::*act)()) {
  if (every == Duration()) return;
  cluster_.schedule(random_.between(Duration(), 2 * every), [this, every, act] {
    (this->*act)();
    always(every, act);
  });
}

void Nemesis::trouble(Duration every, void (Nemesis::*act)()) {
  if (every == Duration()) return;
  cluster_.schedule(random_.between(Duration(), 2 * every), [this, every, act] {
    if (!healed_) (this->*act)();
    trouble(every, act);
  });
}

void Nemesis::heal() {
  healed_ = true;
  cluster_.network().heal();
  cluster_.network().calm({});
  cluster_.set_calm(true);
  for (Member& member : cluster_.members()) {
    if (!member.up()) cluster_.start(member);
  }
}

void Nemesis::harm() {
  healed_ = false;
  cluster_.network().calm(cluster_.plan().weather);
  cluster_.set_calm(false);
}

Member* Nemesis::any_up() {
  Member& member = random_.pick(cluster_.members());
  return member.up() && member.paused_until <= cluster_.now() ? &member : nullptr;
}

Member* Nemesis::some_leader() {
  Member* member = random_.below(3) == 0 ? any_up() : cluster_.leader();
  if (member == nullptr || member->role != raft::Role::leader) return nullptr;
  return member->paused_until <= cluster_.now() ? member : nullptr;
}

void Nemesis::propose() {
  Member* member = random_.below(10) == 0 ? any_up() : some_leader();
  if (member == nullptr) return;
  std::vector<Entry> entries;
  for (uint64_t n = random_.between(1, cluster_.plan().proposal_entries); n > 0; --n) {
    entries.push_back(cluster_.record());
  }
  cluster_.propose(*member, std::move(entries));
}

void Nemesis::read() {
  if (Member* member = random_.coin() ? some_leader() : any_up()) cluster_.read(*member);
}

void Nemesis::crash_some() {
  const bool all = random_.below(12) == 0;
  for (Member& member : cluster_.members()) {
    if (!all && &member != &random_.pick(cluster_.members())) continue;
    if (!member.up()) continue;
    crash(member);
    if (!all) return;
  }
}

void Nemesis::crash(Member& member) {
  cluster_.crash(member);
  cluster_.schedule(random_.between(1ms, cluster_.plan().down), [this, &member] {
    if (!member.up()) cluster_.start(member);
  });
}

void Nemesis::part() {
  const Member* leader = cluster_.leader();
  const Member* victim = nullptr;  // None: any two sides.
  if (cluster_.plan().part_followers) {
    victim = &random_.pick(cluster_.members());
    if (victim == leader) return;
  } else if (random_.coin()) {
    victim = leader;
  }
  std::vector<MemberId> side;
  std::vector<MemberId> other;
  for (const Member& member : cluster_.members()) {
    const bool here = victim != nullptr ? &member == victim : random_.coin();
    (here ? side : other).push_back(member.id);
  }
  ++cluster_.counts()["partitions"];
  cluster_.network().heal();
  cluster_.network().part(side, other, random_.below(4) == 0);
  cluster_.schedule(random_.between(10ms, cluster_.plan().parted),
                    [this] { cluster_.network().heal(); });
}

void Nemesis::strand() {
  if (stranding_) return;
  const auto candidate = std::ranges::find_if(cluster_.members(), [](const Member& member) {
    return member.up() && member.role == raft::Role::candidate &&
           member.vote.voted_for == member.id && member.vote.term == member.term;
  });
  if (candidate == cluster_.members().end()) return;
  stranding_ = true;
  ++cluster_.counts()["candidates stranded"];
  cut_off({candidate->id});
  const Duration timeout = cluster_.plan().settings.election_timeout;
  cluster_.schedule(random_.between(timeout, 5 * timeout),
                    [this, &member = *candidate] { strand_half(member); });
}

void Nemesis::strand_half(Member& candidate) {
  if (healed_) {
    stranding_ = false;
    return;
  }
  std::vector<MemberId> side{candidate.id};
  for (const Member& member : cluster_.members()) {
    if (side.size() >= cluster_.members().size() / 2) break;
    if (&member != &candidate && &member != cluster_.leader()) side.push_back(member.id);
  }
  cut_off(side);
  const Duration timeout = cluster_.plan().settings.election_timeout;
  cluster_.schedule(random_.between(timeout, 4 * timeout), [this, &candidate] {
    stranding_ = false;
    if (healed_) return;
    if (candidate.up()) crash(candidate);
    cluster_.network().heal();
  });
}

void Nemesis::cut_off(const std::vector<MemberId>& side) {
  std::vector<MemberId> others;
  for (const Member& member : cluster_.members()) {
    if (std::ranges::find(side, member.id) == side.end()) others.push_back(member.id);
  }
  cluster_.network().heal();
  cluster_.network().part(side, others, false);
  cut_off_ = cluster_.now();
}

void Nemesis::pause() {
  Member* member = random_.coin() ? cluster_.leader() : any_up();
  if (member == nullptr) return;
  ++cluster_.counts()["pauses"];
  const Duration paused = random_.between(1ms, cluster_.plan().paused);
  member->paused_until = cluster_.now() + paused;
  // Who waited for it is heard before all that it has missed.
  cluster_.schedule(paused, *member, [this, member] { cluster_.read(*member); });
}

void Nemesis::slow() {
  Member* member = any_up();
  if (member == nullptr) return;
  ++cluster_.counts()["slow disks"];
  member->slow_until = cluster_.now() + random_.between(1ms, cluster_.plan().slow);
}

void Nemesis::transfer() {
  Member* leader = some_leader();
  if (leader == nullptr) return;
  const MemberId to = random_.coin() ? MemberId() : random_.pick(cluster_.members()).id;
  if (cluster_.ask(*leader, raft::Transfer{to}) == raft::Refusal::none) {
    ++cluster_.counts()["transfers"];
  }
}

void Nemesis::change() {
  Member* leader = some_leader();
  if (leader == nullptr) return;
  const raft::Configuration& now = leader->engine->configuration();
  if (watched_) {
    const raft::CatchUpState state = leader->engine->status().catch_up;
    if (state == raft::CatchUpState::running) return;
    const MemberId member = *std::exchange(watched_, std::nullopt);
    if (state == raft::CatchUpState::finished && now.find(member) != nullptr) {
      raft::Configuration next = now;
      const auto found = std::ranges::find(next.members, member, &raft::Member::id);
      found->standing = raft::Standing::voter;
      return submit(*leader, next);
    }
  }
  if (now.voters() <= 1) growing_ = true;
  if (now.voters() >= cluster_.plan().voters_max || random_.below(12) == 0) growing_ = false;
  // Then back to four, where two may be a majority of what either of two leaders makes of it.
  if (cluster_.plan().hasty_changes) {
    if (now.voters() >= 4 && random_.below(8) != 0) return;
    growing_ = now.voters() < 4;
  }
  if (growing_) {
    grow(*leader, now);
  } else {
    shrink(*leader, now);
  }
}

void Nemesis::change_hastily() {
  Member* leader = cluster_.leader();
  if (leader == nullptr || leader->term <= hasty_) return;
  hasty_ = leader->term;
  watched_.reset();
  const raft::Configuration configuration = leader->engine->configuration();
  // So that nobody hears of it, or one other.
  std::vector<MemberId> side{leader->id};
  if (random_.coin()) side.push_back(random_.pick(configuration.members).id);
  cut_off(side);
  const Duration timeout = cluster_.plan().settings.election_timeout;
  cluster_.schedule(random_.between(2 * timeout, 6 * timeout), [this, now = cluster_.now()] {
    if (cut_off_ == now) cluster_.network().heal();
  });
  shrink(*leader, configuration);
}

void Nemesis::grow(Member& leader, raft::Configuration next) {
  const auto standby =
      std::ranges::find(next.members, raft::Standing::standby, &raft::Member::standing);
  if (standby != next.members.end()) {
    if (cluster_.plan().careless_changes && random_.coin()) {
      standby->standing = raft::Standing::voter;
      return submit(leader, next);
    }
    if (cluster_.ask(leader, raft::CatchUp{standby->id}) == raft::Refusal::none) {
      watched_ = standby->id;
    }
    return;
  }
  // One that was a member before keeps its log; or an empty one.
  Member* joining = &random_.pick(cluster_.members());
  if (next.find(joining->id) != nullptr) {
    if (cluster_.members().size() >= members_max) return;
    joining = &cluster_.add_member();
  }
  next.members.push_back({joining->id, raft::Standing::standby, "", ""});
  std::ranges::sort(next.members);
  submit(leader, next);
}

void Nemesis::shrink(Member& leader, raft::Configuration next) {
  const size_t at = random_.below(next.members.size());
  const MemberId victim = next.members[at].id;
  const bool demote =
      cluster_.plan().hasty_changes || cluster_.plan().demotes_only || random_.coin();
  if (next.members[at].standing == raft::Standing::voter && demote) {
    next.members[at].standing = raft::Standing::standby;
  } else {
    next.members.erase(next.members.begin() + static_cast<ptrdiff_t>(at));
  }
  if (next.voters() == 0) return;
  submit(leader, next);
  // An operator who may not remove the leader hands over first, and comes again.
  if (victim == leader.id && leader.up() && leader.role == raft::Role::leader) {
    cluster_.ask(leader, raft::Transfer{});
  }
}

void Nemesis::submit(Member& leader, const raft::Configuration& next) {
  Entry entry;
  entry.kind = EntryKind::membership;
  entry.payload = std::make_shared<const std::string>(next.encode());
  if (cluster_.propose(leader, {entry}) != raft::Refusal::none) {
    ++cluster_.counts()["changes refused"];
  }
}

}  // namespace ledger::sim
