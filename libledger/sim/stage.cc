#include "sim/stage.h"

#include <algorithm>

namespace ledger::sim {

Stage::Actor& Stage::add(MemberId id, Vote vote, std::vector<Entry> entries, Index committed) {
  for (const Entry& entry : entries) checker_.appended(id, entry);
  const auto [found, added] = actors_.try_emplace(id, id, std::move(entries));
  if (!added) throw Violation("a member that is there already");
  Actor& actor = found->second;
  actor.vote = vote;
  actor.log.save_committed(committed);
  actor.log.begin_drain();
  actor.log.end_drain();
  disks_[id] = &actor.log;
  return actor;
}

Stage::Actor& Stage::at(MemberId id) {
  const auto found = actors_.find(id);
  if (found == actors_.end()) throw Violation("no member " + std::to_string(id.value));
  return found->second;
}

void Stage::start(Actor& actor) {
  actor.engine = raft::make_engine(actor.id, settings_, ++starts_);
  const bool trusting = (settings_.guards_left_out & 1 << 9) != 0;
  Result<raft::Update> update =
      actor.engine->start(actor.now, actor.log.recover(actor.vote, segment_entries, trusting));
  if (!update) throw Violation(update.error().message);
  act(actor, *std::move(update));
}

void Stage::crash(Actor& actor, uint64_t kept) {
  actor.engine.reset();
  actor.log.crash(std::min(kept, actor.log.queued()));
  actor.last = {};
}

void Stage::tick(Actor& actor) {
  actor.now = std::max(actor.now, actor.last.wake);
  step(actor, raft::Tick{});
}

raft::Refusal Stage::ask(Actor& actor, raft::Event event) {
  if (const auto* read = std::get_if<raft::ReadAsked>(&event)) {
    reads_[read->token] = checker_.acknowledged();
  }
  step(actor, std::move(event));
  return actor.last.refused;
}

void Stage::sync(Actor& actor) {
  while (actor.engine != nullptr && actor.log.has_writes()) {
    actor.log.begin_drain();
    const std::optional<raft::Synced> synced = actor.log.end_drain();
    const raft::Refusal refused = actor.last.refused;
    if (synced) step(actor, *synced);
    actor.last.refused = refused;
    apply(actor);
  }
}

void Stage::deliver(raft::Message message) {
  const auto to = actors_.find(message.to);
  if (to == actors_.end() || to->second.engine == nullptr) return;
  step(to->second, raft::Received{std::move(message)});
}

void Stage::step(Actor& actor, raft::Event event) {
  if (actor.engine == nullptr) throw Violation("a member that is down is asked for something");
  Result<raft::Update> update = actor.engine->step(actor.now, std::move(event));
  if (!update) throw Violation(update.error().message);
  act(actor, *std::move(update));
}

void Stage::act(Actor& actor, raft::Update update) {
  const Index known = std::max(actor.last.committed, actor.applied);
  if (update.vote) {
    checker_.votes(actor.id, actor.vote, *update.vote);
    actor.vote = *update.vote;
  }
  for (const Entry& entry : update.append) checker_.appended(actor.id, entry);
  if (!update.append.empty() &&
      !actor.log.append(update.append, MemberLog::Source::engine, known)) {
    throw Violation("a committed entry is to be overwritten");
  }
  if (update.role == raft::Role::leader) checker_.leads(actor.id, update.term);
  if (update.role == raft::Role::leader && update.committed > known) {
    checker_.commits(actor.id, actor.engine->configuration(),
                     actor.log.range(update.committed, update.committed).front(), disks_);
  }
  for (raft::Message& message : update.send) send(actor, std::move(message));
  for (const raft::ReadGranted& read : update.reads) {
    checker_.read(reads_.at(read.token), read.index);
    actor.reads.push_back(read);
  }
  std::ranges::copy(update.reads_lost, std::back_inserter(actor.reads_lost));
  actor.last = std::move(update);
  apply(actor);
  if (!actor.slow) sync(actor);
}

void Stage::send(Actor& actor, raft::Message message) {
  auto* body = std::get_if<raft::AppendEntries>(&message.body);
  if (body == nullptr || body->count == 0) return post(std::move(message));
  for (uint64_t left = body->count; left > 0;) {
    const uint64_t count = std::min(left, message_entries);
    const auto entries = actor.log.range(body->previous_index + 1, body->previous_index + count);
    body->entries.assign(entries.begin(), entries.end());
    body->count = static_cast<uint32_t>(count);
    post(message);
    body->previous_index = entries.back().index;
    body->previous_term = entries.back().term;
    left -= count;
  }
}

void Stage::post(raft::Message message) {
  if (!side_.empty() && side_.contains(message.from) != side_.contains(message.to)) return;
  messages_.push_back(std::move(message));
}

void Stage::apply(Actor& actor) {
  const Index end = std::min(actor.last.committed, actor.log.synced());
  while (actor.applied < end) {
    ++actor.applied;
    checker_.applies(actor.id, actor.applied, actor.log.durable(actor.applied),
                     actor.last.role == raft::Role::leader);
  }
}

void Stage::pull(Actor& actor, const Actor& from) {
  if (!actor.last.pull) throw Violation("it wants to pull nothing");
  const raft::Pull pull = *actor.last.pull;
  const auto entries = from.log.range(actor.last.committed + 1, pull.last_index);
  for (const Entry& entry : entries) checker_.appended(actor.id, entry);
  if (!actor.log.append(entries, MemberLog::Source::pull,
                        std::max(actor.last.committed, actor.applied))) {
    throw Violation("pulled entries do not fit");
  }
  sync(actor);
  step(actor, raft::Pulled{pull.last_index, pull.last_term});
}

}  // namespace ledger::sim
