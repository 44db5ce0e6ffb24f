#include "node/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/planted.h"

namespace ledger::node {
namespace {

/// So many submissions may wait for our disk: one that is being written and one that is queued.
/// What comes meanwhile is merged, which is what makes a busy node fast.
constexpr size_t submissions_max = 2;
/// Fewer proposals than are under way wait for more, or for those to be committed, for so long at
/// most: a submission costs every member a sync and two messages, whatever is in it.
constexpr Duration hesitation_max = std::chrono::milliseconds(1);
/// So much is worth a submission however few asked for it.
constexpr uint64_t worth_submitting_bytes = 64 << 10;
/// Payload of one submission: one write and one sync, as large as still gains.
constexpr size_t submission_bytes_max = entry_bytes_max;
/// Payload read at once to be applied; bounds how long a turn takes during recovery.
constexpr size_t apply_bytes_max = 4 << 20;
/// A read that can't be answered is given up after this; clients wait no longer.
constexpr Duration read_patience = std::chrono::seconds(30);
/// A log to which nothing was appended for so long is idle: its end is noted in a vote copy.
constexpr Duration idle_after = std::chrono::milliseconds(200);
constexpr size_t readers_max = 100'000;
/// A leader whose disk owes it a write for so long lets another lead.
constexpr Duration slow_disk = std::chrono::seconds(1);

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
    const std::optional<Offset> offset = TRY(history_.find(id));
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
  committed_ = recovered.committed;
  engine_end_ = acknowledged_ = log_.last_index();
  raft::Update update = TRY(engine_->start(now.instant, state));
  log_.forget_entries();  // The engine keeps what it needs of them.
  return act(now, std::move(update));
}

void Replica::propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) {
  // A new leader takes proposals at once and writes them when it has applied an entry of its term.
  if (role_ != raft::Role::leader) return reply(tl::unexpected(not_leader()));
  if (handing_over_) {
    return reply(tl::unexpected(
        rpc::Failure{{Code::busy, self_.name + " is stopping", "ask another node"}}));
  }
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
    case rpc::Freshness::Kind::at_least: {
      const uint64_t after = planted(Mistake::at_least_too_early) ? 0 : 1;
      return readers_.read(freshness.at_least + after, now.instant + read_patience,
                           std::move(reply));
    }
    case rpc::Freshness::Kind::linearizable:
      if ((planted(Mistake::read_at_once) && leads()) ||
          (planted(Mistake::follower_reads_stale) && !leads())) {
        return readers_.read(committed_, now.instant + read_patience, std::move(reply));
      }
      readers_.ask(now.instant + read_patience, std::move(reply));
  }
}

void Replica::watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply) {
  if (readers_.count() >= readers_max) {
    return reply(tl::unexpected(too_many_readers()));
  }
  readers_.watch(ticket, offset, std::move(reply));
}

Result<void> Replica::synced(Now now, Duration took) {
  if (took >= slow_disk) slow_disk_until_ = now.instant + slow_disk;
  return acknowledge(now);
}

Result<void> Replica::receive(Now now, raft::Message message) {
  heard_[message.from] = {now.instant, now.wall};
  if (auto* body = std::get_if<raft::AppendEntries>(&message.body)) {
    size_t bytes = 0;
    for (const Entry& entry : body->entries) bytes += entry.bytes().size();
    // With a full disk we still hear our leader; what it sends comes again when there is room.
    if (bytes > 0 && !log_.reserve(bytes)) {
      body->entries.clear();
      body->count = 0;
    }
  }
  raft::Update update = TRY(engine_->step(now.instant, raft::Received{std::move(message)}));
  return act(now, std::move(update));
}

void Replica::pulled(uint64_t number, std::vector<Entry> entries, Pull::Taken taken) {
  pull_.offer(number, std::move(entries), std::move(taken));
}

void Replica::change(rpc::Change change, rpc::Reply<rpc::Changed> reply) {
  if (role_ != raft::Role::leader) return reply(tl::unexpected(not_leader()));
  changes_.ask(std::move(change), std::move(reply));
}

Result<Instant> Replica::turn(Now now) {
  if (now.instant >= wake_) {
    raft::Update update = TRY(engine_->step(now.instant, raft::Tick{}));
    TRY(act(now, std::move(update)));
  }
  TRY(acknowledge(now));
  TRY(go_on_pulling(now));
  TRY(submit(now));
  TRY(advance());
  TRY(change(now));
  TRY(ask_reads(now));
  readers_.advance(history_.applied(), history_.end(), BookView(history_), now.instant);

  const bool idle = log_.synced_index() == log_.last_index();
  if (idle) {
    behind_since_.reset();
  } else if (log_.synced_index() != synced_then_) {
    behind_since_ = now.instant;  // Under steady load it always owes something.
  }
  synced_then_ = log_.synced_index();
  Instant wake = wake_;
  if (idle_since_ && idle) {  // While it owes the disk something, the disk will wake us.
    if (now.instant - *idle_since_ >= idle_after) {
      log_.save_idle();
      idle_since_.reset();
    } else {
      wake = std::min(wake, *idle_since_ + idle_after);
    }
  }
  if (hesitates_since_) wake = std::min(wake, *hesitates_since_ + hesitation_max);
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
  const bool denied = planted(Mistake::abandon_said_unwritten);
  intake_.fail_all(failure, denied ? failure : unknown(failure.error.message, failure.leader));
  readers_.fail_all(failure);
  changes_.fail_all(failure);
  pull_.fail_all();
}

// ---- What consensus asks. ----

Result<void> Replica::act(Now now, raft::Update update) {
  if (update.vote && !planted(Mistake::vote_not_stored)) {
    // A vote is a promise: nothing may happen before it is on disk, so the loop itself waits.
    log_.save_vote(*update.vote);
    if (!planted(Mistake::vote_after_reply)) TRY(log_.drain());
  }
  follow(update);
  if (!update.append.empty()) {
    TRY(append(std::move(update.append)));
    idle_since_ = now.instant;
    if (!behind_since_) behind_since_ = now.instant;
  }
  std::ranges::move(update.send, std::back_inserter(messages_));
  if (update.committed > committed_) {
    committed_ = update.committed;
    if (planted(Mistake::commit_beyond_match) && committed_ < log_.last_index()) ++committed_;
    log_.set_committed(committed_);
  }
  answer_reads(update);
  pull_.follow(update.pull, committed_);
  wake_ = update.wake;
  return {};
}

/// Tells the engine what of its orders is on disk. It looks at the log's state instead of counting
/// writes, since an order that names what a pull has brought already writes nothing.
Result<void> Replica::acknowledge(Now now) {
  const Index synced = planted(Mistake::synced_too_far) ? log_.last_index() : log_.synced_index();
  const Index durable = std::min(synced, engine_end_);
  if (durable <= acknowledged_) return {};
  acknowledged_ = durable;
  if (planted(Mistake::ack_after_own_sync) && leads()) committed_ = std::max(committed_, durable);
  raft::Update update = TRY(engine_->step(now.instant, raft::Synced{durable, log_.term(durable)}));
  return act(now, std::move(update));
}

Result<void> Replica::go_on_pulling(Now now) {
  const Index pulled = TRY(pull_.put(log_));
  if (pulled > committed_) {
    committed_ = pulled;
    log_.set_committed(committed_);
    idle_since_ = now.instant;
  }
  const std::optional<raft::Pulled> finished = pull_.finished(log_);
  if (!finished) return {};
  engine_end_ = acknowledged_ = finished->index;
  raft::Update update = TRY(engine_->step(now.instant, *finished));
  return act(now, std::move(update));
}

Result<void> Replica::append(std::vector<Entry> entries) {
  const Entry* before = nullptr;
  for (Entry& entry : entries) {
    // What our engine adds when we lead takes no offset and no time of its own. What comes from
    // another leader has what it needs, also where its time is zero: no record stands before it.
    if (leads() && entry.term == term_ && entry.kind != EntryKind::records) {
      entry.base_offset = before ? before->next_offset() : log_.next_offset();
      entry.recorded = before ? before->last_recorded() : log_.last_recorded();
      entry.rules = book::rules_newest;
    }
    before = &entry;
    appended_bytes_ += entry.bytes().size();
  }
  // What is ordered again is not acknowledged again before it is known to be on disk.
  acknowledged_ = std::min(acknowledged_, entries.front().index - 1);
  engine_end_ = entries.back().index;
  return log_.append(entries);
}

void Replica::follow(const raft::Update& update) {
  const bool led = role_ == raft::Role::leader;
  const bool deposed = led && (update.role != raft::Role::leader || update.term != term_);
  role_ = update.role;
  term_ = update.term;
  leader_ = update.leader;
  transferee_ = update.transferee;
  if (!deposed) return;
  submissions_.clear();
  const rpc::Failure elsewhere = not_leader();
  if (!planted(Mistake::deposed_keeps_waiting)) {
    const bool denied = planted(Mistake::unknown_said_unwritten);
    intake_.fail_all(
        elsewhere,
        denied ? elsewhere
               : unknown(self_.name + " lost its leadership before the answer", elsewhere.leader));
  }
  changes_.deposed(elsewhere);
}

/// Whether our disk is to get what waits. Like Nagle's algorithm (RFC 896), it lets a small batch
/// grow while another is under way; `hesitates_since_` is set where it does.
bool Replica::worth_submitting(Now now, std::optional<Instant> hesitated_since) {
  const Index synced = log_.synced_index();
  size_t for_our_disk = 0;
  size_t under_way = 0;
  std::erase_if(submissions_, [&](const Submission& submission) {
    if (submission.last > synced) ++for_our_disk;
    if (submission.last > committed_) under_way += submission.proposals;
    return submission.last <= std::min(synced, committed_);
  });
  if (for_our_disk >= submissions_max) return false;
  if (intake_.waiting() >= under_way) return true;
  if (intake_.waiting_bytes() >= worth_submitting_bytes) return true;
  const Instant since = hesitated_since.value_or(now.instant);
  if (now.instant - since >= hesitation_max) return true;
  hesitates_since_ = since;
  return false;
}

Result<void> Replica::submit(Now now) {
  const std::optional<Instant> hesitated_since = std::exchange(hesitates_since_, std::nullopt);
  if (!intake_.waiting() || !may_write()) return {};
  // While another is taking over nothing is taken: what waits is answered by what comes of it.
  if (transferee_ != MemberId() && !planted(Mistake::taken_while_transferring)) return {};
  if (!worth_submitting(now, hesitated_since)) return {};
  if (const Result<void> room = log_.reserve(2 * entry_bytes_max); !room) {
    const Error error = room.error().code == Code::no_space ? full(room.error()) : room.error();
    if (planted(Mistake::full_disk_said_unwritten)) intake_.fail_all({error}, {error});
    intake_.fail_waiting({error});
    return {};
  }
  if (log_.next_offset().value + submission_bytes_max > offset_max) {
    intake_.fail_waiting({{Code::no_space, "the log is at its last offset",
                           "found a new cluster: no offset is ever used twice"}});
    return {};
  }
  const Intake::Place place{.next = log_.next_offset(),
                            .recorded = planted(Mistake::clock_orders)
                                            ? now.wall
                                            : std::max(now.wall, Time{log_.last_recorded().ns + 1}),
                            .term = term_,
                            .rules = book::rules_newest};
  const size_t waited = intake_.waiting();
  std::vector<Entry> entries = TRY(intake_.take(place, submission_bytes_max));
  if (entries.empty()) return {};
  raft::Update update = TRY(engine_->step(now.instant, raft::Proposed{std::move(entries)}));
  if (update.refused != raft::Refusal::none) {
    const rpc::Failure refused = not_leader();
    intake_.fail_all(refused, unknown(refused.error.message, refused.leader));
    return act(now, std::move(update));
  }
  TRY(act(now, std::move(update)));
  submissions_.push_back({log_.last_index(), waited - intake_.waiting()});
  return {};
}

/// What somebody asked to be changed, and what we want changed ourselves.
Result<void> Replica::change(Now now) {
  const bool weak = leads() && (handing_over_ || disk_is_slow(now));
  if (!weak && !changes_.wanted(engine_->configuration())) return {};
  const raft::Status status = engine_->status();
  const auto heard = [this](MemberId member) -> std::optional<Instant> {
    const auto found = heard_.find(member);
    return found == heard_.end() ? std::nullopt : std::optional(found->second.at);
  };
  const Changes::Scene scene{.now = now.instant,
                             .self = self_.id,
                             .term = term_,
                             .leader = leader_,
                             .writes = may_write(),
                             .settled = status.configuration_index <= history_.applied(),
                             .led = applied_term_ == term_,
                             .handing_over = transferee_ != MemberId(),
                             .configuration = engine_->configuration(),
                             .status = status,
                             .heard = heard,
                             .known = known_names_,
                             .gone = gone_};
  std::optional<raft::Event> event = changes_.next(scene);
  if (!event && weak && scene.writes && !scene.handing_over && scene.configuration.voters() > 1) {
    event = raft::Transfer{MemberId()};
  }
  if (!event) return {};
  raft::Update update = TRY(engine_->step(now.instant, *std::move(event)));
  return act(now, std::move(update));
}

bool Replica::disk_is_slow(Now now) const {
  return (behind_since_ && now.instant - *behind_since_ >= slow_disk) ||
         now.instant < slow_disk_until_;
}

Result<void> Replica::ask_reads(Now now) {
  const std::optional<uint64_t> token = readers_.question();
  if (!token) return {};
  raft::Update update = TRY(engine_->step(now.instant, raft::ReadAsked{*token}));
  const raft::Refusal refused = update.refused;
  TRY(act(now, std::move(update)));
  if (refused != raft::Refusal::none) readers_.lose(*token, not_leader());
  return {};
}

void Replica::answer_reads(const raft::Update& update) {
  for (const raft::ReadGranted& granted : update.reads) {
    const bool early = planted(Mistake::read_before_applied);
    readers_.grant(granted.token, early ? Index() : granted.index);
  }
  for (const uint64_t token : update.reads_lost) readers_.lose(token, not_leader());
}

Result<void> Replica::advance() {
  Index end = std::min(committed_, log_.synced_index()) + 1;
  if (planted(Mistake::ack_before_sync)) end = std::min(committed_, log_.last_index()) + 1;
  if (planted(Mistake::stalled_follower_blocks) && leads()) {
    for (const auto& [id, index] : engine_->status().match) end = std::min(end, index + 1);
  }
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
        if (verdict.code != book::Code::ok) ++refused_[verdict.code];
        intake_.apply(stamp, record, verdict);
      }));
  intake_.applied_entry();
  applied_term_ = entry.term;
  if (entry.kind == EntryKind::membership) {
    if (const auto configuration = raft::Configuration::decode(entry.bytes())) know(*configuration);
  }
  return {};
}

void Replica::know(const raft::Configuration& configuration) {
  for (const raft::Member& member : configuration.members) {
    known_names_.insert(member.name);
    known_ids_.insert(member.id);
  }
  gone_.clear();
  for (const MemberId id : known_ids_) {
    if (configuration.find(id) == nullptr) gone_.insert(id);
  }
}

}  // namespace ledger::node
