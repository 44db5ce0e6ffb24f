#include "node/node.h"

#include <fmt/format.h>

#include <utility>

namespace ledger::node {
namespace {

constexpr size_t mailbox_events_max = 16'384;
/// How long after it was found full the disk is tried again.
constexpr Duration full_disk_patience = std::chrono::seconds(1);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Node::Node(Self self, log::Log& log, std::unique_ptr<raft::Engine> engine, io::Clock& clock,
           Hooks hooks)
    : log_(log),
      clock_(clock),
      hooks_(std::move(hooks)),
      name_(self.name),
      mailbox_(mailbox_events_max),
      replica_(std::move(self), log, std::move(engine)) {}

Node::~Node() {
  stop();
}

void Node::start() {
  disk_thread_ = std::thread([this] { drain(); });
  loop_thread_ = std::thread([this] { loop(); });
}

void Node::stop() {
  mailbox_.close();
  if (loop_thread_.joinable()) loop_thread_.join();
}

// ---- From any thread. ----

template <class Asked>
void Node::post(Asked asked) {
  std::optional<Event> refused = mailbox_.post(Event(std::move(asked)));
  if (!refused) return;
  std::get<Asked>(*refused).reply(tl::unexpected(
      rpc::Failure{{Code::busy, name_ + " is overloaded or stopping", "retry later"}}));
}

void Node::propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) {
  post(Propose{std::move(proposal), std::move(reply)});
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

// ---- The loop. ----

void Node::loop() {
  const Result<void> ended = turns();
  mailbox_.close();
  replica_.abandon({{Code::unreachable,
                     ended ? name_ + " is stopping" : name_ + " stopped: " + ended.error().message,
                     "ask another node, or start it again"}});
  std::vector<Event> rest;
  while (mailbox_.take(rest, Duration(0))) {
    for (Event& event : rest) {
      std::visit(
          [this](auto& asked) {
            if constexpr (requires { asked.reply; }) {
              asked.reply(tl::unexpected(
                  rpc::Failure{{Code::busy, name_ + " is overloaded or stopping", "retry later"}}));
            }
          },
          event);
    }
  }
  if (ended) log_.save_idle();
  {
    const std::lock_guard lock(disk_mutex_);
    disk_stops_ = true;
  }
  disk_work_.notify_one();
  disk_thread_.join();
  if (hooks_.done) hooks_.done(ended);
}

Result<void> Node::turns() {
  TRY(replica_.start(now()));
  std::vector<Event> events;
  Instant wake = clock_.now();
  for (;;) {
    const Duration patience = std::max(wake - clock_.now(), Duration(0));
    if (!mailbox_.take(events, patience)) return {};
    const Now turn = now();
    for (Event& event : events) TRY(handle(turn, std::move(event)));
    wake = TRY(replica_.turn(turn));
    if (log_.has_writes()) wake_disk();
    report();
  }
}

Result<void> Node::handle(Now now, Event event) {
  return std::visit(
      Overloaded{
          [&](Propose& asked) -> Result<void> {
            replica_.propose(std::move(asked.proposal), std::move(asked.reply));
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
            asked.reply(replica_.status(now));
            return {};
          },
          [&](AskMembers& asked) -> Result<void> {
            asked.reply(replica_.members());
            return {};
          },
          [&](AskChange& asked) -> Result<void> {
            replica_.change(std::move(asked.change), std::move(asked.reply));
            return {};
          },
          [&](log::Synced& synced) -> Result<void> { return replica_.synced(now, synced); },
          [&](DiskFailed& failed) -> Result<void> {
            return tl::unexpected(std::move(failed.error));
          },
      },
      event);
}

void Node::report() {
  const bool ready = replica_.ready();
  if (ready != told_ready_) {
    told_ready_ = ready;
    if (hooks_.ready) hooks_.ready(ready);
  }
  if (!hooks_.tell) return;
  if (replica_.term() == told_term_ && replica_.role() == told_role_) return;
  told_term_ = replica_.term();
  told_role_ = replica_.role();
  hooks_.tell(Level::info, fmt::format("{} in term {}", told_role_, told_term_.value));
}

// ---- The disk. ----

void Node::wake_disk() {
  {
    const std::lock_guard lock(disk_mutex_);
    disk_has_work_ = true;
  }
  disk_work_.notify_one();
}

void Node::drain() {
  for (;;) {
    bool stops = false;
    {
      std::unique_lock lock(disk_mutex_);
      const auto woken = [this] { return disk_has_work_ || disk_stops_; };
      // With nothing to write, the next segment is prepared piece by piece; a full disk is tried
      // again now and then.
      if (log_.waits_for_room() || !log_.has_room(0)) {
        disk_work_.wait_for(lock, full_disk_patience, woken);
      } else if (!log_.has_preparation()) {
        disk_work_.wait(lock, woken);
      }
      disk_has_work_ = false;
      stops = disk_stops_;
    }
    if (stops && (!log_.has_writes() || log_.waits_for_room())) return;
    const Instant before = clock_.now();
    Result<log::Synced> synced = log_.drain();
    if (!synced) {
      mailbox_.post(DiskFailed{synced.error()}, /*always=*/true);
      return;
    }
    if (synced->index == Index()) continue;
    synced->took = clock_.now() - before;
    mailbox_.post(*synced, /*always=*/true);
  }
}

}  // namespace ledger::node
