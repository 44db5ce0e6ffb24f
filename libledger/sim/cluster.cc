#include "sim/cluster.h"

#include <algorithm>

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view role_names[] = {"follower", "candidate", "leader"};

/// Leaves something on the stack that nobody can mistake for a position in a log, so that what the
/// library sends without having written it is seen.
[[gnu::noinline]] void poison_stack() {
  volatile uint64_t below[512];
  for (auto& word : below) word = 0xa5a5'a5a5'a5a5'a5a5;
}

std::string name(const Member& member) {
  return "member " + std::to_string(member.id.value);
}

std::string describe(const raft::Message& message) {
  static constexpr std::string_view names[] = {"vote?",       "vote",        "append",   "appended",
                                               "install",     "timeout now", "leading?", "leading",
                                               "read index?", "read index"};
  std::string line = " to " + std::to_string(message.to.value) + ": " +
                     std::string(names[message.body.index()]) + ", term " +
                     std::to_string(message.term.value);
  if (const auto* body = std::get_if<raft::RequestVote>(&message.body)) {
    line += " last " + std::to_string(body->last_index.value) + "^" +
            std::to_string(body->last_term.value) + (body->pre_vote ? " pre" : "");
  } else if (const auto* result = std::get_if<raft::RequestVoteResult>(&message.body)) {
    line += result->granted ? " yes" : " no";
  } else if (const auto* entries = std::get_if<raft::AppendEntries>(&message.body)) {
    line += " after " + std::to_string(entries->previous_index.value) + "^" +
            std::to_string(entries->previous_term.value) + " " + std::to_string(entries->count);
  } else if (const auto* answer = std::get_if<raft::AppendEntriesResult>(&message.body)) {
    line += " rejects " + std::to_string(answer->rejected.value) + " last " +
            std::to_string(answer->last_index.value);
  } else if (const auto* read = std::get_if<raft::ReadIndexAnswer>(&message.body)) {
    line += " " + std::to_string(read->index.value);
  }
  return line;
}

}  // namespace

Cluster::Cluster(Random& random, const Plan& plan, uint32_t guards_left_out)
    : random_(random), plan_(plan), network_(random, plan.weather) {
  plan_.settings.guards_left_out = guards_left_out;
  raft::Configuration founders;
  for (uint64_t id = 1; id <= plan_.founders; ++id) {
    founders.members.push_back({MemberId(id), raft::Standing::voter, "", ""});
  }
  Entry founding;
  founding.index = Index(1);
  founding.term = Term(1);
  founding.kind = EntryKind::membership;
  founding.payload = std::make_shared<const std::string>(founders.encode());
  for (const raft::Member& founder : founders.members) {
    Member& member = members_.emplace_back(founder.id, std::vector{founding});
    member.vote.term = Term(1);
  }
  for (Member& member : members_) {
    disks_[member.id] = &member.log;
    start(member);
  }
}

Member& Cluster::add_member() {
  Member& member = members_.emplace_back(MemberId(members_.size() + 1), std::vector<Entry>());
  disks_[member.id] = &member.log;
  start(member);
  return member;
}

Member* Cluster::leader() {
  Member* found = nullptr;
  for (Member& member : members_) {
    if (!member.up() || member.role != raft::Role::leader) continue;
    if (found == nullptr || found->term < member.term) found = &member;
  }
  return found;
}

Member* Cluster::find(MemberId id) {
  const auto found = std::ranges::find(members_, id, &Member::id);
  return found == members_.end() ? nullptr : &*found;
}

void Cluster::schedule(Duration delay, std::function<void()> act) {
  happenings_.push({now_ + delay, ++order_, nullptr, 0, std::move(act)});
}

void Cluster::schedule(Duration delay, const Member& member, std::function<void()> act) {
  happenings_.push(
      {now_ + delay, ++order_, const_cast<Member*>(&member), member.life, std::move(act)});
}

void Cluster::advance(Instant until, const std::function<bool()>& done) {
  while (!happenings_.empty() && happenings_.top().at <= until && !done()) {
    Happening next = happenings_.top();
    happenings_.pop();
    now_ = next.at;
    if (next.member == nullptr) {
      next.act();
    } else if (next.life != next.member->life || !next.member->up()) {
      continue;
    } else if (next.member->paused_until > now_) {
      next.at = next.member->paused_until;
      happenings_.push(std::move(next));
    } else {
      next.act();
    }
  }
  if (!done()) now_ = until;
}

Instant Cluster::local(const Member& member) const {
  return {member.clock_offset + now_.ns + now_.ns * member.clock_ppm / 1'000'000};
}

Duration Cluster::until(const Member& member, Instant instant) const {
  const int64_t left = instant.ns - local(member).ns;
  return std::max(Duration(left - left * member.clock_ppm / 1'000'000), Duration(1000));
}

void Cluster::start(Member& member) {
  assert(!member.up());
  ++member.life;
  ++counts_["starts"];
  member.clock_offset = static_cast<int64_t>(random_.below(1'000'000'000'000));
  member.clock_ppm = static_cast<int64_t>(random_.below(100'001)) - 50'000;
  member.engine = raft::make_engine(member.id, plan_.settings, random_.next());
  const bool trusting = (plan_.settings.guards_left_out & 1 << 9) != 0;
  Result<raft::Update> update = member.engine->start(
      local(member), member.log.recover(member.vote, plan_.segment_entries, trusting));
  if (!update) throw Violation(name(member) + ": " + update.error().message);
  act(member, *std::move(update));
}

void Cluster::crash(Member& member) {
  assert(member.up());
  ++counts_["crashes"];
  if (narrate) narrate(name(member) + " crashes");
  member.engine.reset();
  member.log.crash(random_.below(member.log.queued() + 1));
  member.role = raft::Role::follower;
  member.committed = Index();
  member.wake_next.reset();
  member.pull.reset();
  member.served = false;
  std::erase_if(reads_waiting_, [&](const auto& read) { return read.second.member == &member; });
}

void Cluster::step(Member& member, raft::Event event) {
  ++counts_["steps"];
  poison_stack();
  Result<raft::Update> update = member.engine->step(local(member), std::move(event));
  if (!update) throw Violation(name(member) + ": " + update.error().message);
  act(member, *std::move(update));
}

raft::Refusal Cluster::propose(Member& member, std::vector<Entry> entries) {
  return ask(member, raft::Proposed{std::move(entries)});
}

raft::Refusal Cluster::ask(Member& member, raft::Event event) {
  refused_ = raft::Refusal::none;
  step(member, std::move(event));
  return refused_;
}

void Cluster::read(Member& member) {
  const uint64_t token = ++reads_;
  reads_waiting_[token] = {checker_.acknowledged(), &member, member.life, now_};
  if (ask(member, raft::ReadAsked{token}) != raft::Refusal::none) reads_waiting_.erase(token);
}

void Cluster::take_reads(Member& member, const raft::Update& update) {
  const auto take = [&](uint64_t token) {
    const auto found = reads_waiting_.find(token);
    if (found == reads_waiting_.end() || found->second.member != &member ||
        found->second.life != member.life) {
      throw Violation(name(member) + ": answers a read that does not wait");
    }
    const Index covers = found->second.covers;
    reads_waiting_.erase(found);
    return covers;
  };
  for (const raft::ReadGranted& read : update.reads) {
    checker_.read(take(read.token), read.index);
    ++member.reads_granted;
    ++counts_[member.role == raft::Role::leader ? "reads" : "follower reads"];
  }
  for (uint64_t token : update.reads_lost) take(token);
}

std::optional<Instant> Cluster::oldest_read() const {
  std::optional<Instant> oldest;
  for (const auto& [token, read] : reads_waiting_) {
    if (!oldest || read.asked < *oldest) oldest = read.asked;
  }
  return oldest;
}

Entry Cluster::record() {
  Entry entry;
  entry.kind = EntryKind::records;
  entry.record_count = 1;
  entry.recorded = Time{++records_};
  return entry;
}

void Cluster::act(Member& member, raft::Update update) {
  note(member, update);
  refused_ = update.refused;
  if (update.vote) {
    checker_.votes(member.id, member.vote, *update.vote);
    const bool crashes = !calm_ && random_.chance(plan_.crash_at_vote_ppm);
    if (!crashes || random_.coin()) member.vote = *update.vote;
    if (crashes) {
      crash(member);
      const Duration down = random_.between(1ms, plan_.down);
      schedule(down, [this, &member] {
        if (!member.up()) start(member);
      });
      return;
    }
  }
  member.role = update.role;
  member.term = update.term;
  if (!update.append.empty()) append(member, update.append);
  if (update.role == raft::Role::leader) checker_.leads(member.id, update.term);
  if (update.committed > member.committed) {
    member.committed = update.committed;
    if (update.role == raft::Role::leader) {
      checker_.commits(member.id, member.engine->configuration(),
                       member.log.range(member.committed, member.committed).front(), disks_);
    }
    if (random_.below(16) == 0) member.log.save_committed(member.committed);
  }
  for (raft::Message& message : update.send) send(member, std::move(message));
  take_reads(member, update);
  follow_pull(member, update.pull);
  apply(member);
  drain(member);
  member.wake = update.wake;
  arrange_wake(member);
}

void Cluster::append(Member& member, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) checker_.appended(member.id, entry);
  if (entries.front().index <= member.log.last()) ++counts_["truncations"];
  if (!member.log.append(entries, MemberLog::Source::engine,
                         std::max(member.committed, member.applied))) {
    throw Violation(name(member) + ": is told to overwrite committed entry " +
                    std::to_string(entries.front().index.value));
  }
}

void Cluster::send(Member& member, raft::Message message) {
  auto* body = std::get_if<raft::AppendEntries>(&message.body);
  if (body == nullptr || body->count == 0) return post(message);
  if (body->previous_index + body->count > member.log.last()) {
    throw Violation(name(member) + ": sends entries that it does not have");
  }
  for (uint64_t left = body->count; left > 0;) {
    const uint64_t count = std::min(left, random_.between(1, plan_.message_entries));
    const auto entries = member.log.range(body->previous_index + 1, body->previous_index + count);
    body->entries.assign(entries.begin(), entries.end());
    body->count = static_cast<uint32_t>(count);
    post(message);
    body->previous_index = entries.back().index;
    body->previous_term = entries.back().term;
    left -= count;
  }
}

void Cluster::post(const raft::Message& message) {
  Member* to = find(message.to);
  if (to == nullptr) return;
  const bool order = std::holds_alternative<raft::InstallSnapshot>(message.body);
  ++counts_["messages"];
  if (order) ++counts_["install orders"];
  for (Duration delay : network_.carry(now_, message.from, message.to, order)) {
    // Meant for the member, in whatever life it is then.
    schedule(delay, [this, to, message] {
      if (!to->up()) return;
      if (to->paused_until > now_) {
        schedule(to->paused_until - now_, *to,
                 [this, to, message] { step(*to, raft::Received{message}); });
      } else {
        step(*to, raft::Received{message});
      }
    });
  }
}

void Cluster::apply(Member& member) {
  const Index end = std::min(member.committed, member.log.synced());
  const bool leading = member.role == raft::Role::leader;
  while (member.applied < end) {
    ++member.applied;
    const Entry& entry = member.log.durable(member.applied);
    checker_.applies(member.id, member.applied, entry, leading);
    if (!leading) continue;
    if (entry.kind == EntryKind::records) {
      acknowledged_record_ = std::max(acknowledged_record_, entry.recorded.ns);
      ++counts_["acknowledged"];
    }
    if (entry.kind == EntryKind::membership) ++counts_["changes"];
  }
}

void Cluster::drain(Member& member) {
  if (member.log.draining() || !member.log.has_writes()) return;
  member.log.begin_drain();
  const bool slow = member.slow_until > now_;
  const Duration took = slow ? random_.between(plan_.disk, plan_.disk_slow + plan_.disk)
                             : random_.between(plan_.disk / 4, plan_.disk);
  schedule(took, member, [this, &member] {
    const std::optional<raft::Synced> synced = member.log.end_drain();
    if (synced) step(member, *synced);
    if (!member.up()) return;
    apply(member);
    drain(member);
  });
}

void Cluster::arrange_wake(Member& member) {
  const Instant at = now_ + until(member, member.wake);
  if (member.wake_next && *member.wake_next <= at) return;
  member.wake_next = at;
  schedule(at - now_, member, [this, &member, at] {
    if (member.wake_next != at) return;  // Another was arranged for earlier.
    member.wake_next.reset();
    if (local(member) >= member.wake) {
      step(member, raft::Tick{});
    } else {
      arrange_wake(member);
    }
  });
}

void Cluster::follow_pull(Member& member, const std::optional<raft::Pull>& pull) {
  if (pull == member.pull) return;
  member.pull = pull;
  member.pulled = Index();
  member.served = false;
  if (!pull) {
    ++counts_["pulls ended"];
    return;
  }
  const uint64_t number = ++member.pulls;
  if (narrate) narrate(name(member) + " pulls to " + std::to_string(pull->last_index.value));
  ++counts_["pulls"];
  schedule(100us, member, [this, &member, number] { pull_step(member, number); });
}

void Cluster::pull_step(Member& member, uint64_t number) {
  if (!member.pull || member.pulls != number) return;
  if (member.log.holds_durably(member.pull->last_index, member.pull->last_term)) {
    ++counts_["installs"];
    return step(member, raft::Pulled{member.pull->last_index, member.pull->last_term});
  }
  schedule(random_.between(1ms, 6ms), member,
           [this, &member, number] { pull_step(member, number); });
  if (member.served && random_.below(20) != 0) return;
  Member& source = random_.pick(members_);
  if (!source.up() || source.id == member.id || source.paused_until > now_ ||
      !network_.connected(source.id, member.id) || !network_.connected(member.id, source.id)) {
    return;
  }
  const Index first = std::max(member.committed, member.pulled) + 1;
  const uint64_t chunk = calm_ ? 1000 : random_.between(1, plan_.chunk_entries);
  const Index last = std::min({first + (chunk - 1), source.applied, member.pull->last_index});
  if (last < first) return;
  const auto range = source.log.range(first, last);
  member.served = true;
  schedule(random_.between(200us, 5ms), member,
           [this, &member, number, entries = std::vector<Entry>(range.begin(), range.end())] {
             pull_arrived(member, number, entries);
           });
}

void Cluster::pull_arrived(Member& member, uint64_t number, const std::vector<Entry>& entries) {
  if (!member.pull || member.pulls != number) return;
  member.served = false;
  // A cut while an append of the engine waits would make its Synced a lie.
  if (member.log.engine_waits()) return;
  for (const Entry& entry : entries) checker_.appended(member.id, entry);
  if (!member.log.append(entries, MemberLog::Source::pull,
                         std::max(member.committed, member.applied))) {
    throw Violation(name(member) + ": pulled entries do not fit");
  }
  member.pulled = std::max(member.pulled, entries.back().index);
  drain(member);
}

void Cluster::set_calm(bool calm) {
  calm_ = calm;
  if (!calm) return;
  for (Member& member : members_) {
    member.paused_until = now_;
    member.slow_until = now_;
  }
}

void Cluster::note(const Member& member, const raft::Update& update) {
  const auto mix = [this](uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
  };
  mix(static_cast<uint64_t>(now_.ns));
  mix(member.id.value << 32 ^ update.append.size() << 16 ^ update.send.size());
  mix(update.term.value << 32 ^ update.committed.value << 2 ^ static_cast<uint64_t>(update.role));
  for (const Entry& entry : update.append) mix(entry.index.value << 32 ^ entry.term.value);
  for (const raft::Message& message : update.send) {
    mix(message.to.value << 32 ^ message.body.index() << 28 ^ message.term.value);
  }
  mix(static_cast<uint64_t>(update.wake.ns - local(member).ns));
  if (!narrate) return;
  for (const raft::Message& message : update.send) narrate(name(member) + describe(message));
  std::string line = name(member) + ": " + std::string(role_names[static_cast<int>(update.role)]) +
                     " in term " + std::to_string(update.term.value) + ", committed " +
                     std::to_string(update.committed.value);
  if (update.vote) line += ", votes for " + std::to_string(update.vote->voted_for.value);
  if (!update.append.empty()) {
    line += ", appends " + std::to_string(update.append.front().index.value) + " to " +
            std::to_string(update.append.back().index.value);
  }
  if (update.refused != raft::Refusal::none) {
    line += ", refuses (" + std::to_string(static_cast<int>(update.refused)) + ")";
  }
  narrate(line);
}

}  // namespace ledger::sim
