#include "node/node.h"

#include <fmt/format.h>

#include <utility>

#include "node/answers.h"

namespace ledger::node {
namespace {

constexpr size_t mailbox_events_max = 16'384;
/// More than this from others is dropped: what the loop can't keep up with is sent again anyhow.
constexpr size_t received_bytes_max = 64 << 20;
/// What brings no more than this, while no more than this waits to be applied, causes little.
constexpr size_t light_bytes_max = 16 << 10;
constexpr uint64_t light_records_max = 8;
/// How long after a pull broke another member is asked.
constexpr Duration pull_patience = std::chrono::milliseconds(100);

size_t bytes_of(const std::vector<raft::Message>& messages) {
  size_t bytes = 0;
  for (const raft::Message& message : messages) {
    bytes += sizeof message;
    if (const auto* body = std::get_if<raft::AppendEntries>(&message.body)) {
      for (const Entry& entry : body->entries) bytes += sizeof entry + entry.bytes().size();
    }
  }
  return bytes;
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Node::Node(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine, io::Clock& clock,
           Cuts& cuts, std::vector<raft::Member> contacts, Hooks hooks)
    : log_(log),
      clock_(clock),
      hooks_(std::move(hooks)),
      name_(self.name),
      http_(self.http),
      mailbox_(mailbox_events_max),
      outbox_(log),
      replica_(self, log, std::move(engine)),
      cluster_(self.cluster),
      self_(self.id),
      cuts_(cuts),
      contacts_(std::move(contacts)) {}

Node::~Node() {
  stop();
}

void Node::start() {
  const auto changed = [this](const raft::Member& member, bool up) {
    say(Level::info, fmt::format("{} at {} is {}", member.name, member.address,
                                 up ? "connected" : "not connected"));
  };
  const auto gone = [this] {
    mailbox_.post(Failed{{Code::no_such_member, name_ + " is no member any more"}},
                  /*always=*/true);
  };
  peers_ = rpc::Peers::start({.self = self_, .cluster = cluster_, .changed = changed, .gone = gone},
                             *this);
  disk_thread_ = std::thread([this] { drain(); });
  loop_thread_ = std::thread([this] { loop(); });
}

void Node::hand_over(Duration patience) {
  auto handed = std::make_shared<std::promise<void>>();
  std::future<void> done = handed->get_future();
  if (mailbox_.post(HandOver{[handed] { handed->set_value(); }}, /*always=*/true)) return;
  done.wait_for(patience);
}

void Node::stop() {
  mailbox_.close();
  if (loop_thread_.joinable()) loop_thread_.join();
}

// ---- From any thread. ----

template <class Asked>
void Node::post(Asked asked, bool light) {
  std::optional<Event> refused = mailbox_.put(Event(std::move(asked)));
  if (!refused) return go_on(light);
  std::get<Asked>(*refused).reply(tl::unexpected(
      rpc::Failure{{Code::busy, name_ + " is overloaded or stopping", "retry later"}}));
}

void Node::propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) {
  const bool light = proposal.packed.size() <= light_bytes_max;
  post(Propose{std::move(proposal), std::move(reply)}, light);
}

void Node::read(const rpc::Freshness& freshness, Readers::ReadReply reply) {
  post(Read{freshness, std::move(reply)});
}

Result<book::Decided> Node::decided(Offset from, Offset end, size_t bytes_max) {
  return replica_.history().decided(from, end, bytes_max);
}

uint64_t Node::watch(Offset offset, rpc::Reply<Offset> reply) {
  const uint64_t ticket = ++last_ticket_;
  post(Watch{ticket, offset, std::move(reply)});
  return ticket;
}

void Node::unwatch(uint64_t ticket) {
  mailbox_.post(Unwatch{ticket}, /*always=*/true);
}

void Node::status(rpc::Reply<rpc::NodeStatus> reply) {
  post(AskStatus{std::move(reply)});
}

void Node::members(rpc::Reply<rpc::Members> reply) {
  post(AskMembers{std::move(reply)});
}

void Node::change(rpc::Change change, rpc::Reply<rpc::Changed> reply) {
  post(AskChange{std::move(change), std::move(reply)});
}

void Node::metrics(rpc::Reply<Metrics> reply) {
  // An overloaded node is the one whose numbers are wanted most.
  std::optional<Event> refused = mailbox_.post(AskMetrics{std::move(reply)}, /*always=*/true);
  if (!refused) return;
  std::get<AskMetrics>(*refused).reply(
      tl::unexpected(rpc::Failure{{Code::busy, name_ + " is stopping", "ask another node"}}));
}

// ---- From the threads of peers. ----

bool Node::receive(MemberId from, std::vector<raft::Message> messages) {
  {
    const std::lock_guard lock(gone_mutex_);
    if (gone_.contains(from)) return false;
  }
  if (cuts_.from(from)) return true;
  const size_t bytes = bytes_of(messages);
  if (received_bytes_ + bytes > received_bytes_max) return true;
  received_bytes_ += bytes;
  if (mailbox_.put(Received{std::move(messages), bytes})) {
    received_bytes_ -= bytes;
  } else {
    go_on(bytes <= light_bytes_max);
  }
  return true;
}

Result<rpc::EntriesGiven> Node::entries(const rpc::EntriesAsked& asked, size_t bytes_max) {
  // Who mends its log asks one question after the other, and can do nothing else before it is
  // whole.
  if (asked.term) return give(log_, Index(committed_), asked, bytes_max);
  const size_t bytes_wanted = pace_.batch_bytes(clock_.now(), bytes_max);
  rpc::EntriesGiven given = TRY(give(log_, Index(committed_), asked, bytes_wanted));
  size_t bytes = 0;
  for (const Entry& entry : given.entries) bytes += entry.bytes().size();
  given.pause = pace_.gave(clock_.now(), bytes);
  return given;
}

void Node::confirm(rpc::Reply<rpc::Leading> reply) {
  post(AskLeading{std::move(reply)});
}

std::vector<raft::Message> Node::outgoing(MemberId to, size_t bytes_max) {
  Result<std::vector<raft::Message>> messages = outbox_.take(to, bytes_max);
  if (messages && cuts_.to(to)) messages->clear();
  if (messages) return *std::move(messages);
  mailbox_.post(Failed{std::move(messages).error()}, /*always=*/true);
  return {};
}

// ---- The loop. ----

void Node::loop() {
  const Result<void> ended = turns();
  mailbox_.close();
  replica_.abandon({{Code::unreachable,
                     ended ? name_ + " is stopping" : name_ + " stopped: " + ended.error().message,
                     "ask another node, or start it again"}});
  std::vector<Event> rest;
  while (mailbox_.take(rest, Duration(0))) refuse(rest);
  if (ended) log_.save_idle();
  {
    const std::lock_guard lock(disk_mutex_);
    disk_stops_ = true;
  }
  disk_work_.notify_one();
  disk_thread_.join();
  if (hooks_.done) hooks_.done(ended);
}

/// Who asked gets an answer, whatever becomes of us: else his call would never end.
void Node::refuse(std::span<Event> events) {
  for (Event& event : events) {
    std::visit(
        [this](auto& asked) {
          if constexpr (requires { asked.taken; }) asked.taken(false);
          if constexpr (requires { asked.done; }) asked.done();
          if constexpr (requires { asked.reply; }) {
            asked.reply(tl::unexpected(
                rpc::Failure{{Code::busy, name_ + " is overloaded or stopping", "retry later"}}));
          }
        },
        event);
  }
}

Result<void> Node::turns() {
  const Now begin = now();
  turn_ = begin.instant;
  TRY(replica_.start(begin));
  follow_members();  // Whoever finds damage must know whether there are others.
  wake_ = clock_.now();
  while (mailbox_.take(events_, std::max(wake_ - clock_.now(), Duration(0)))) {
    if (failed_) {
      refuse(events_);
    } else {
      wake_ = TRY(turn());
    }
  }
  if (failed_) return tl::unexpected(*failed_);
  return {};
}

/// Has a turn taken for what was just put into the mailbox: by the loop's thread, or, where it is
/// `light` and that thread waits, here: to wake it costs more. Not where much waits to be applied,
/// since the caller has other things to do.
void Node::go_on(bool light) {
  if (!light || !light_ || !mailbox_.claim(events_)) return mailbox_.wake();
  const Result<Instant> wake = turn();
  if (!wake) {
    failed_ = wake.error();
    mailbox_.close();
  }
  mailbox_.yield(wake && *wake < wake_);
}

/// Sees to `events_`; the caller is the mailbox's taker. When the next turn is due at the latest.
Result<Instant> Node::turn() {
  const Now turn = now();
  turn_ = turn.instant;
  turn_events_ = events_.size();
  const Offset applied = replica_.history().end();
  for (size_t i = 0; i < events_.size(); ++i) {
    Result<void> handled = handle(turn, std::move(events_[i]));
    if (handled) continue;
    refuse(std::span(events_).subspan(i + 1));
    return tl::unexpected(std::move(handled).error());
  }
  Instant wake = TRY(replica_.turn(turn));
  if (log_.has_writes()) wake_disk();
  committed_ = replica_.committed().value;
  pace_.wrote(turn.instant, replica_.appended_bytes());
  light_ = log_.next_offset() - replica_.history().end() <= light_records_max;
  follow_members();
  send();
  follow_pull();
  if (const auto& wanted = replica_.pulling(); wanted && wanted->number != pull_begun_) {
    wake = std::min(wake, std::max(pull_again_, turn.instant));
  }
  see_to_hand_over();
  report();
  if (!replica_.belongs()) return fail(Code::no_such_member, name_ + " is no member any more");
  if (replica_.history().end() != applied) apply_.add(clock_.now() - turn_);
  return wake;
}

Result<void> Node::handle(Now now, Event event) {
  return std::visit(
      Overloaded{
          [&](Propose& asked) -> Result<void> {
            propose_timed(now, std::move(asked));
            return {};
          },
          [&](Read& asked) -> Result<void> {
            replica_.read(now, asked.freshness, std::move(asked.reply));
            return {};
          },
          [&](Watch& asked) -> Result<void> {
            replica_.watch(asked.ticket, asked.offset, std::move(asked.reply));
            return {};
          },
          [&](Unwatch& asked) -> Result<void> {
            replica_.unwatch(asked.ticket);
            return {};
          },
          [&](AskStatus& asked) -> Result<void> {
            asked.reply(status_now(now));
            return {};
          },
          [&](AskMembers& asked) -> Result<void> {
            asked.reply(replica_.members(now));
            return {};
          },
          [&](AskMetrics& asked) -> Result<void> {
            asked.reply(metrics_now(now));
            return {};
          },
          [&](AskChange& asked) -> Result<void> {
            replica_.change(std::move(asked.change), std::move(asked.reply));
            return {};
          },
          [&](AskLeading& asked) -> Result<void> {
            node::confirm(replica_, log_, now, std::move(asked.reply));
            return {};
          },
          [&](log::Synced& synced) -> Result<void> {
            fsync_.add(synced.took);
            return replica_.synced(now, synced.took);
          },
          [&](Received& received) -> Result<void> {
            received_bytes_ -= received.bytes;
            for (raft::Message& message : received.messages) {
              TRY(replica_.receive(now, std::move(message)));
            }
            return {};
          },
          [&](Pulled& pulled) -> Result<void> {
            replica_.pulled(pulled.number, std::move(pulled.entries), std::move(pulled.taken));
            return {};
          },
          [&](PullBroke& broke) -> Result<void> {
            replica_.pull_broke(broke.number);
            pull_again_ = now.instant + pull_patience;
            return {};
          },
          [&](HandOver& asked) -> Result<void> {
            replica_.hand_over();
            handing_over_.push_back(std::move(asked.done));
            return {};
          },
          [&](Failed& failed) -> Result<void> { return tl::unexpected(std::move(failed.error)); },
      },
      event);
}

/// What is answered without a failure was committed: in the turn that answers it.
void Node::propose_timed(Now now, Propose asked) {
  replica_.propose(std::move(asked.proposal),
                   [this, since = now.instant,
                    reply = std::move(asked.reply)](rpc::Answer<rpc::Outcome> outcome) {
                     if (outcome) commit_.add(turn_ - since);
                     reply(std::move(outcome));
                   });
}

void Node::send() {
  std::set<MemberId> to;
  for (raft::Message& message : replica_.take_messages()) {
    to.insert(message.to);
    outbox_.put(std::move(message));
  }
  for (const MemberId member : to) peers_->send(member);
}

/// Tells the streams who the others are, when that changes.
void Node::follow_members() {
  if (gone_.size() != replica_.gone().size()) {
    const std::lock_guard lock(gone_mutex_);
    gone_ = replica_.gone();
  }
  const raft::Configuration& configuration = replica_.configuration();
  if (told_configuration_ == configuration) return;
  std::vector<raft::Member> others;
  for (const raft::Member& member : configuration.members) {
    if (member.id != self_) others.push_back(member);
  }
  if (configuration.members.empty()) others = contacts_;
  alone_ = others.empty();
  std::vector<MemberId> ids;
  for (const raft::Member& member : others) ids.push_back(member.id);
  outbox_.keep(ids);
  told_configuration_ = configuration;
  cuts_.set_members(others);
  peers_->set_members(std::move(others));
}

/// Begins the stream of a pull that is wanted, or another one after the last broke.
void Node::follow_pull() {
  const std::optional<Pulling>& pulling = replica_.pulling();
  if (!pulling || pulling->number == pull_begun_ || clock_.now() < pull_again_) return;
  pull_begun_ = pulling->number;
  begin_pull(*pulling);
}

void Node::begin_pull(const Pulling& pulling) {
  // Its leader first; another, in turn, each time a stream has broken.
  std::vector<MemberId> sources = {pulling.leader};
  for (const raft::Member& member : replica_.configuration().members) {
    if (member.id != self_ && member.id != pulling.leader) sources.push_back(member.id);
  }
  const MemberId source = sources[pull_attempts_++ % sources.size()];
  if (cuts_.to(source) || cuts_.from(source)) {
    mailbox_.post(PullBroke{pulling.number}, /*always=*/true);
    return;
  }
  if (std::exchange(told_pull_, pulling.from) != pulling.from) {
    say(Level::info, fmt::format("is far behind: pulls entries {} to {}", pulling.from.value,
                                 pulling.end.value - 1));
  }
  const auto take = [this, number = pulling.number](Result<std::vector<Entry>> batch,
                                                    const rpc::Peers::More& more) {
    if (!batch || batch->empty()) {
      mailbox_.post(PullBroke{number}, /*always=*/true);
      return;
    }
    if (mailbox_.post(Pulled{number, *std::move(batch), more}, /*always=*/true)) more(false);
  };
  peers_->pull(source, {pulling.from, pulling.end, {}}, take);
}

void Node::see_to_hand_over() {
  if (handing_over_.empty()) return;
  if (replica_.leads() && (replica_.configuration().voters() > 1 || replica_.writing())) return;
  for (const std::function<void()>& done : std::exchange(handing_over_, {})) done();
}

void Node::report() {
  const bool ready = replica_.ready();
  if (ready != told_ready_) {
    told_ready_ = ready;
    if (hooks_.ready) hooks_.ready(ready);
  }
  if (replica_.term() == told_term_ && replica_.role() == told_role_) return;
  told_term_ = replica_.term();
  told_role_ = replica_.role();
  say(Level::info, fmt::format("{} in term {}", told_role_, told_term_.value));
}

}  // namespace ledger::node
