#include "raft/libraft_engine.h"

#include <algorithm>
#include <cassert>

namespace ledger::raft {
namespace {

/// How many entries a new life of the core is told of at most, beyond those not yet committed.
constexpr uint64_t restart_entries_max = 1 << 20;

tl::unexpected<Error> broken(std::string what) {
  return fail(Code::internal, "consensus: " + std::move(what));
}

Entry noop(Index index, Term term) {
  Entry entry;
  entry.index = index;
  entry.term = term;
  entry.kind = EntryKind::noop;
  return entry;
}

/// How many members are added, removed or of another standing.
size_t members_changed(const Configuration& from, const Configuration& to) {
  size_t count = 0;
  for (const Member& member : to.members) {
    const Member* before = from.find(member.id);
    if (before == nullptr || before->standing != member.standing) ++count;
  }
  for (const Member& member : from.members) {
    if (to.find(member.id) == nullptr) ++count;
  }
  return count;
}

/// SplitMix64 (Steele, Lea, Flood 2014): the next of what `seed` draws.
uint64_t draw(uint64_t& seed) {
  uint64_t mixed = seed += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace

std::unique_ptr<Engine> make_engine(MemberId self, const Settings& settings, uint64_t seed) {
  return std::make_unique<LibraftEngine>(self, settings, seed);
}

LibraftEngine::LibraftEngine(MemberId self, const Settings& settings, uint64_t seed)
    : self_(self), settings_(settings), seed_(seed), asks_(draw(seed_)) {}

Result<Update> LibraftEngine::start(Instant now, const DurableState& state) {
  assert(!core_);
  now_ = now;
  trail_ = Trail(
      {state.checkpoint, state.checkpoint_term, state.configuration, state.configuration_index});
  for (const Entry& entry : state.entries) {
    if (entry.index != trail_.last() + 1 || entry.term == Term() ||
        entry.term < trail_.last_term()) {
      return broken("start: entry " + std::to_string(entry.index.value) + " does not follow");
    }
    if (entry.kind != EntryKind::membership) {
      trail_.append(entry.term);
      continue;
    }
    auto configuration = Configuration::decode(entry.bytes());
    if (!configuration) {
      return broken("start: entry " + std::to_string(entry.index.value) + " is no configuration");
    }
    trail_.append(entry.term, *std::move(configuration));
  }
  if (guarded(Guard::checkpoint_committed)) {
    if (state.checkpoint > state.committed || state.committed > trail_.last()) {
      return broken("start: " + std::to_string(state.committed.value) +
                    " is not between the checkpoint and the end");
    }
    trail_.advance(state.committed, restart_entries_max);
  } else {
    trail_.advance(trail_.last(), restart_entries_max);
  }

  // Pulled entries may be of a term that we have not heard of otherwise.
  Vote vote = state.vote;
  if (vote.term < trail_.last_term()) vote = {trail_.last_term(), MemberId()};
  if (guarded(Guard::sole_voter_new_term) && sole_voter()) vote = {vote.term + 1, self_};
  if (vote != state.vote) update_.vote = vote;
  CoreUpdate update;
  core_ = TRY(Core::start(self_, settings_, next_seed(), now, vote, trail_, update));
  take(std::move(update), {});
  TRY(settle());
  return finish();
}

Result<Update> LibraftEngine::step(Instant now, Event event) {
  if (!core_) return broken("step: not started, or stopped by an error");
  assert(now >= now_);
  now_ = now;
  update_ = {};
  const auto act = [&]() -> Result<void> {
    TRY(std::visit([this](auto& what) { return on(what); }, event));
    TRY(see_to_time());
    return settle();
  };
  Result<void> done = act();
  if (done && !in_step()) done = broken("the library's log is not the one that was written");
  if (!done) {
    core_.reset();
    return tl::unexpected<Error>(std::move(done).error());
  }
  return finish();
}

Status LibraftEngine::status() const {
  Status status;
  status.committed = committed_;
  status.last = trail_.last();
  status.configuration_index = trail_.configuration_index();
  if (!core_) return status;
  status.role = core_->role();
  status.term = core_->vote().term;
  status.leader = core_->leader();
  if (status.role != Role::leader) return status;
  for (const Member& member : configuration().members) {
    if (const auto match = core_->match(member.id)) status.match.emplace_back(member.id, *match);
  }
  if (watched_) {
    status.catch_up =
        caught_up_at_once_ ? CatchUpState::finished : core_->catch_up_state(*watched_);
  }
  return status;
}

Result<void> LibraftEngine::on(Proposed& proposed) {
  assert(!proposed.entries.empty());
  update_.refused = refusal(proposed.entries);
  if (update_.refused != Refusal::none) return {};
  std::vector<Entry>& entries = proposed.entries;
  for (Entry& entry : entries) {
    entry.index = trail_.last() + 1 + static_cast<uint64_t>(&entry - entries.data());
    entry.term = core_->vote().term;
  }
  if (entries.front().kind == EntryKind::membership) {
    take(TRY(core_->submit(now_, *Configuration::decode(entries.front().bytes()))), entries);
  } else {
    take(TRY(core_->submit(now_, entries.size())), entries);
  }
  return {};
}

Refusal LibraftEngine::refusal(const std::vector<Entry>& entries) const {
  if (core_->role() != Role::leader) return Refusal::not_leader;
  if (core_->transferee() != MemberId()) return Refusal::transferring;
  if (std::ranges::find(entries, EntryKind::membership, &Entry::kind) == entries.end()) {
    return Refusal::none;
  }
  return entries.size() == 1 ? refusal_of_change(entries.front()) : Refusal::malformed;
}

Refusal LibraftEngine::refusal_of_change(const Entry& entry) const {
  const auto next = Configuration::decode(entry.bytes());
  if (!next || next->voters() == 0) return Refusal::malformed;
  // Majorities of configurations that differ in one voter overlap, and libraft keeps its record of
  // each follower by position as long as the number of members stays the same.
  if (members_changed(configuration(), *next) > 1) return Refusal::several_members;
  if (core_->uncommitted_configuration() != Index() || core_->catching_up()) {
    return Refusal::changing;
  }
  for (const Member& member : next->members) {
    if (member.standing != Standing::voter || configuration().is_voter(member.id)) continue;
    if (core_->match(member.id).value_or(Index()) == Index()) return Refusal::holds_nothing;
  }
  if (guarded(Guard::leader_stays) && !keeps_leader(*next, self_)) return Refusal::removes_leader;
  if (guarded(Guard::change_after_own_commit) && !settled()) return Refusal::unsettled;
  return Refusal::none;
}

Result<void> LibraftEngine::on(const Synced& synced) {
  // The term is a second net: an acknowledgement that a truncation has overtaken names another
  // entry.
  if (synced.index <= core_->stored() || synced.index > trail_.last() ||
      trail_.term_at(synced.index) != synced.term) {
    return {};
  }
  take(TRY(core_->persisted(now_, synced.index)), {});
  return {};
}

Result<void> LibraftEngine::on(const CatchUp& catch_up) {
  const Member* member = configuration().find(catch_up.member);
  if (core_->role() != Role::leader) {
    update_.refused = Refusal::not_leader;
  } else if (member == nullptr || member->standing == Standing::voter) {
    update_.refused = Refusal::no_such_member;
  } else if (core_->catching_up()) {
    update_.refused = Refusal::changing;
  } else {
    watched_ = catch_up.member;
    // The library looks only when the member's match index moves, so one that has everything would
    // be waited for until the round ends in an abort.
    caught_up_at_once_ = core_->match(catch_up.member) == trail_.last();
    if (!caught_up_at_once_) take(TRY(core_->catch_up(now_, catch_up.member)), {});
  }
  return {};
}

Result<void> LibraftEngine::on(const Transfer& transfer) {
  if (core_->role() != Role::leader) {
    update_.refused = Refusal::not_leader;
  } else if (core_->transferee() != MemberId()) {
    update_.refused = Refusal::transferring;
  } else {
    take(TRY(core_->transfer(now_, transfer.member, update_.refused)), {});
  }
  return {};
}

void LibraftEngine::take(CoreUpdate update, const std::vector<Entry>& entries) {
  if (update.vote) update_.vote = update.vote;
  if (update.append_count > 0) {
    std::vector<Entry> appended;
    if (update.barrier) {
      appended.push_back(noop(update.append_first, core_->vote().term));
    } else {
      assert(update.append_count <= entries.size());
      appended.assign(entries.end() - static_cast<ptrdiff_t>(update.append_count), entries.end());
    }
    assert(appended.front().index == update.append_first);
    if (update.append_first <= trail_.last()) trail_.truncate(update.append_first);
    for (const Entry& entry : appended) {
      if (entry.kind == EntryKind::membership) {
        trail_.append(entry.term, *Configuration::decode(entry.bytes()));
      } else {
        trail_.append(entry.term);
      }
    }
    assert(update_.append.empty() || update_.append.back().index + 1 == update.append_first);
    std::ranges::move(appended, std::back_inserter(update_.append));
    if (core_->role() == Role::leader) led_ = core_->vote().term;
  }
  if (update.installed) {
    const auto& body = std::get<InstallSnapshot>(install_->body);
    trail_ = Trail({body.last_index, body.last_term, body.configuration, body.configuration_index});
  }
  committed_ = std::max(committed_, core_->committed());
  for (Message& message : update.send) send(std::move(message));
}

void LibraftEngine::send(Message message) {
  if (auto* install = std::get_if<InstallSnapshot>(&message.body)) {
    install->configuration = trail_.checkpoint().configuration;
    assert(install->configuration_index == trail_.checkpoint().configuration_index);
  }
  if (auto* entries = std::get_if<AppendEntries>(&message.body)) {
    if (guarded(Guard::withhold_demotion)) {
      withhold_demotion(*entries, message.to, trail_, committed_);
    }
  }
  if (auto* result = std::get_if<AppendEntriesResult>(&message.body)) {
    if (guarded(Guard::clamp_rejection)) clamp_rejection(*result);
  }
  if (auto* result = std::get_if<RequestVoteResult>(&message.body)) {
    if (guarded(Guard::refusal_tells_term) && result->pre_vote && !result->granted) {
      tell_term(message, core_->vote().term);
    }
  }
  update_.send.push_back(std::move(message));
}

Result<void> LibraftEngine::see_to_time() {
  if (now_ < core_->due()) return {};
  // Guard 1, for one that became the sole voter while it was not leading.
  if (guarded(Guard::sole_voter_new_term) && core_->role() == Role::follower && sole_voter() &&
      idle()) {
    return restart({core_->vote().term + 1, self_});
  }
  take(TRY(core_->timeout(now_)), {});
  return {};
}

Result<void> LibraftEngine::settle() {
  if (core_->role() == Role::leader && led_ != core_->vote().term) {
    // The library adds this entry only where it sees a need. Always there, it is what tells that
    // the leader's own term has a committed entry: changes and reads wait for that.
    take(TRY(core_->submit(now_, 1)), {noop(trail_.last() + 1, core_->vote().term)});
  }
  const Index change = core_->uncommitted_configuration();
  if (change != Index() && change <= std::min(core_->committed(), core_->stored())) {
    take(TRY(core_->apply(now_, trail_.checkpoint_at(change).configuration)), {});
  }
  see_to_reads();
  return {};
}

Update LibraftEngine::finish() {
  const Term term = core_->vote().term;
  if (install_ && (install_->term != term ||
                   (core_->leader() != MemberId() && core_->leader() != install_->from))) {
    install_.reset();
  }
  if (install_) {
    const auto& body = std::get<InstallSnapshot>(install_->body);
    update_.pull = Pull{install_->from, body.last_index, body.last_term};
  }
  update_.committed = committed_;
  update_.role = core_->role();
  update_.term = term;
  update_.leader = core_->leader();
  if (update_.role == Role::leader) update_.transferee = core_->transferee();
  update_.wake = std::max(core_->due(), now_ + std::chrono::milliseconds(1));
  if (rounds_.under_way() || asks_.under_way()) {
    update_.wake = std::min(update_.wake, reads_again_);
  }
  return std::move(update_);
}

Result<void> LibraftEngine::restart(const Vote& vote) {
  assert(idle());
  update_.vote = vote;
  trail_.advance(committed_, restart_entries_max);
  leader_heard_.reset();
  CoreUpdate update;
  core_ = TRY(Core::start(self_, settings_, next_seed(), now_, vote, trail_, update));
  take(std::move(update), {});
  return {};
}

bool LibraftEngine::in_step() const {
  const Index change = core_->uncommitted_configuration();
  return core_->last() == trail_.last() && core_->committed() <= trail_.last() &&
         (change == Index() || change == trail_.configuration_index());
}

bool LibraftEngine::sole_voter() const {
  return configuration().is_voter(self_) && configuration().voters() == 1;
}

bool LibraftEngine::settled() const {
  return may_change(trail_, committed_, core_->vote().term);
}

bool LibraftEngine::leader_heard_lately() const {
  return leader_heard_ && now_ - *leader_heard_ < settings_.election_timeout;
}

uint32_t LibraftEngine::next_seed() {
  return static_cast<uint32_t>(draw(seed_) >> 32);  // Every life draws other election timeouts.
}

}  // namespace ledger::raft
