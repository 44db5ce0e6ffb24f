#include "node/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace ledger::node {
namespace {

/// So many submissions may wait for our disk: one that is being written and one that is queued.
/// What comes meanwhile is merged, which is what makes a busy node fast.
constexpr size_t submissions_max = 2;
/// Payload of one submission: one write and one sync, as large as still gains.
constexpr size_t submission_bytes_max = entry_bytes_max;
/// Payload read at once to be applied; bounds how long a turn takes during recovery.
constexpr size_t apply_bytes_max = 4 << 20;
/// A read that can't be answered is given up after this; clients wait no longer.
constexpr Duration read_patience = std::chrono::seconds(30);
/// A log to which nothing was appended for so long is idle: its end is noted in a vote copy.
constexpr Duration idle_after = std::chrono::milliseconds(200);
constexpr size_t readers_max = 100'000;

rpc::Failure too_many_readers() {
  return {{Code::busy, "too many readers wait", "retry later"}};
}

}  // namespace

/// The state of a replica, as a read sees it.
class Replica::BookView : public rpc::View {
 public:
  explicit BookView(const history::History& history) : history_(history) {}

  const book::Book& book() const override { return history_.book(); }

  Result<std::optional<Transaction>> transaction(const Id& id) const override {
    const std::optional<Offset> offset = history_.find(id);
    if (!offset) return std::nullopt;
    Transaction transaction;
    transaction.decision = TRY(history_.recall(*offset, &transaction.record));
    return transaction;
  }

 private:
  const history::History& history_;
};

Replica::Replica(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine)
    : self_(std::move(self)),
      log_(log),
      engine_(std::move(engine)),
      history_(log, self_.hash_key),
      intake_(history_) {}

Result<void> Replica::start(Now now) {
  const log::Recovered& recovered = log_.recovered();
  raft::DurableState state;
  state.vote = recovered.vote;
  state.committed = recovered.committed;
  state.checkpoint = recovered.checkpoint;
  state.checkpoint_term = recovered.checkpoint_term;
  state.configuration_index = recovered.configuration_index;
  state.entries = recovered.entries;
  if (state.checkpoint != Index()) {
    std::optional<raft::Configuration> configuration =
        raft::Configuration::decode(recovered.configuration);
    if (!configuration)
      return fail(Code::corrupt_segment, "a segment header's configuration is unreadable");
    state.configuration = *std::move(configuration);
  }
  committed_at_start_ = recovered.committed;
  raft::Update update = TRY(engine_->start(now.instant, state));
  log_.forget_entries();  // The engine keeps what it needs of them.
  return act(now, std::move(update));
}

void Replica::propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) {
  // A new leader takes proposals at once and writes them when it has applied an entry of its term.
  if (role_ != raft::Role::leader) return reply(tl::unexpected(not_leader()));
  intake_.add(std::move(proposal), std::move(reply));
}

void Replica::read(Now now, const rpc::Freshness& freshness, Readers::ReadReply reply) {
  if (readers_.count() >= readers_max) {
    return reply(tl::unexpected(too_many_readers()));
  }
  switch (freshness.kind) {
    case rpc::Freshness::Kind::stale: {
      const BookView view(history_);
      return reply(std::cref<const rpc::View>(view));
    }
    case rpc::Freshness::Kind::at_least:
      return readers_.read(freshness.at_least + 1, now.instant + read_patience, std::move(reply));
    case rpc::Freshness::Kind::linearizable:
      // A leader that has applied an entry of its own term has applied everything acknowledged
      // before; that it still leads needs no proof while it is the only voter.
      if (!may_write() || engine_->configuration().voters() > 1)
        return reply(tl::unexpected(not_leader()));
      return readers_.read(history_.end(), now.instant + read_patience, std::move(reply));
  }
}

void Replica::watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply) {
  if (readers_.count() >= readers_max) {
    return reply(tl::unexpected(too_many_readers()));
  }
  readers_.watch(ticket, offset, std::move(reply));
}

Result<void> Replica::synced(Now now, const log::Synced& synced) {
  if (synced.index == Index()) return {};
  std::erase_if(submissions_, [&](Index last) { return last <= synced.index; });
  raft::Update update = TRY(engine_->step(now.instant, raft::Synced{synced.index, synced.term}));
  return act(now, std::move(update));
}

Result<void> Replica::receive(Now now, raft::Message message) {
  raft::Update update = TRY(engine_->step(now.instant, raft::Received{std::move(message)}));
  return act(now, std::move(update));
}

Result<Instant> Replica::turn(Now now) {
  if (now.instant >= wake_) {
    raft::Update update = TRY(engine_->step(now.instant, raft::Tick{}));
    TRY(act(now, std::move(update)));
  }
  TRY(submit(now));
  TRY(advance());
  readers_.advance(history_.end(), BookView(history_), now.instant);

  Instant wake = wake_;
  if (idle_since_) {
    if (now.instant - *idle_since_ >= idle_after && log_.synced_index() == log_.last_index()) {
      log_.save_idle();
      idle_since_.reset();
    } else {
      wake = std::min(wake, *idle_since_ + idle_after);
    }
  }
  if (const std::optional<Instant> deadline = readers_.next_deadline()) {
    wake = std::min(wake, *deadline);
  }
  const bool more = history_.applied() < std::min(committed_, log_.synced_index());
  return more ? now.instant : wake;
}

std::vector<raft::Message> Replica::take_messages() {
  return std::exchange(messages_, {});
}

void Replica::abandon(const rpc::Failure& failure) {
  const rpc::Failure unknown{
      {Code::unknown_outcome, failure.error.message, "repeat with the same id"}, failure.leader};
  intake_.fail_all(failure, unknown);
  readers_.fail_all(failure);
}

// ---- What consensus asks. ----

Result<void> Replica::act(Now now, raft::Update update) {
  std::optional<log::Synced> written;
  if (update.vote) written = TRY(save(*update.vote));  // A vote is a promise.
  follow(update);
  if (!update.append.empty()) {
    TRY(append(std::move(update.append)));
    idle_since_ = now.instant;
  }
  std::ranges::move(update.send, std::back_inserter(messages_));
  if (update.committed > committed_) {
    committed_ = update.committed;
    log_.set_committed(committed_);
  }
  wake_ = update.wake;
  // What became durable beside the vote is the next event, not part of this one.
  if (written) TRY(synced(now, *written));
  return {};
}

Result<log::Synced> Replica::save(const Vote& vote) {
  log_.save_vote(vote);
  // Nothing may happen before the promise is on disk: the loop itself waits for the queue.
  return log_.drain();
}

Result<void> Replica::append(std::vector<Entry> entries) {
  for (Entry& entry : entries) {
    if (entry.kind == EntryKind::records) continue;
    // What a leader's engine adds takes no offset and no time of its own.
    if (entry.recorded == Time()) {
      entry.base_offset = log_.next_offset();
      entry.recorded = log_.last_recorded();
      entry.rules = book::rules_newest;
    }
  }
  return log_.append(entries);
}

void Replica::follow(const raft::Update& update) {
  const bool led = role_ == raft::Role::leader;
  const bool deposed = led && (update.role != raft::Role::leader || update.term != term_);
  role_ = update.role;
  term_ = update.term;
  leader_ = update.leader;
  if (!deposed) return;
  submissions_.clear();
  const rpc::Failure elsewhere = not_leader();
  const rpc::Failure unknown{
      {Code::unknown_outcome, fmt::format("{} lost its leadership before the answer", self_.name),
       "repeat with the same id"},
      elsewhere.leader};
  intake_.fail_all(elsewhere, unknown);
}

Result<void> Replica::submit(Now now) {
  if (!intake_.waiting() || submissions_.size() >= submissions_max || !may_write()) return {};
  if (const Result<void> room = log_.has_room(2 * entry_bytes_max); !room) {
    Error error = room.error();
    error.message = self_.name + " " + error.message;
    intake_.fail_waiting({error});
    return {};
  }
  if (log_.next_offset().value + submission_bytes_max > offset_max) {
    intake_.fail_waiting({{Code::no_space, "the log is at its last offset"}});
    return {};
  }
  const Intake::Place place{.next = log_.next_offset(),
                            .recorded = std::max(now.wall, Time{log_.last_recorded().ns + 1}),
                            .term = term_,
                            .rules = book::rules_newest};
  std::vector<Entry> entries = intake_.take(place, submission_bytes_max);
  if (entries.empty()) return {};
  raft::Update update = TRY(engine_->step(now.instant, raft::Proposed{std::move(entries)}));
  if (update.refused != raft::Refusal::none) {
    intake_.fail_all(not_leader(), not_leader());
    return act(now, std::move(update));
  }
  TRY(act(now, std::move(update)));
  submissions_.push_back(log_.last_index());
  return {};
}

Result<void> Replica::advance() {
  const Index end = std::min(committed_, log_.synced_index()) + 1;
  size_t bytes = 0;
  while (history_.applied() + 1 < end && bytes < apply_bytes_max) {
    const std::vector<Entry> entries =
        TRY(log_.read(history_.applied() + 1, end, apply_bytes_max - bytes));
    for (const Entry& entry : entries) {
      TRY(apply(entry));
      bytes += entry.bytes().size() + sizeof(Entry);
    }
  }
  return {};
}

Result<void> Replica::apply(const Entry& entry) {
  TRY(history_.apply(
      entry, [this](const Stamp& stamp, const RecordView& record, const book::Verdict& verdict) {
        intake_.apply(stamp, record, verdict);
      }));
  intake_.applied_entry();
  applied_term_ = entry.term;
  return {};
}

// ---- What others may know. ----

bool Replica::may_write() const {
  return role_ == raft::Role::leader && applied_term_ == term_;
}

std::string Replica::leader_address() const {
  // Our own address may have changed since it went into the configuration.
  if (leader_ == self_.id) return self_.address;
  const raft::Member* leader = engine_->configuration().find(leader_);
  return leader == nullptr ? "" : leader->address;
}

rpc::Failure Replica::not_leader() const {
  const raft::Member* other =
      leader_ == self_.id ? nullptr : engine_->configuration().find(leader_);
  if (leader_ == self_.id) {
    return {{Code::no_leader,
             fmt::format("{} begins to lead in term {} and is not ready", self_.name, term_.value),
             "retry in a moment"}};
  }
  if (other == nullptr) {
    return {{Code::no_leader, fmt::format("{} knows no leader in term {}", self_.name, term_.value),
             "retry in a moment; see 'ledgerctl log status'"}};
  }
  return {{Code::no_leader, fmt::format("{} is not the leader, {} is", self_.name, other->name),
           "ask the leader"},
          other->address};
}

std::string_view Replica::role() const {
  switch (role_) {
    case raft::Role::follower:
      return "follower";
    case raft::Role::candidate:
      return "candidate";
    case raft::Role::leader:
      return "leader";
  }
  return "unknown";
}

bool Replica::ready() const {
  const bool led = role_ == raft::Role::leader ? may_write() : leader_ != MemberId();
  return led && history_.applied() >= committed_at_start_;
}

rpc::NodeStatus Replica::status(Now now) const {
  const auto [segments, bytes] = log_.size();
  return {.node = self_.name,
          .member = self_.id,
          .role = std::string(role()),
          .leader = leader_address(),
          .term = term_,
          .first_offset = Offset(),
          .next_offset = log_.next_offset(),
          .committed = history_.end(),
          .applied = history_.end(),
          .segments = segments,
          .bytes = bytes,
          .digest = history_.book().digest(),
          .clock = std::max(now.wall, history_.book().log_time()),
          .cluster = self_.cluster,
          .ready = ready(),
          .version = self_.version};
}

rpc::Members Replica::members() const {
  rpc::Members members{
      .all = {}, .term = term_, .leader = leader_, .self = self_.id, .end = log_.last_index()};
  for (const raft::Member& member : engine_->configuration().members) {
    members.all.push_back({member, {}, {}});
    // Our own address may have changed since it went into the configuration.
    if (member.id == self_.id) members.all.back().member.address = self_.address;
  }
  return members;
}

void Replica::change(rpc::Change, rpc::Reply<rpc::Changed> reply) {
  reply(tl::unexpected(not_leader()));
}

}  // namespace ledger::node
