// For tests: a member that is nothing but its streams.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "rpc/peer_ports.h"
#include "rpc/server.h"
#include "rpc/test_ids.h"

namespace ledger::rpc {

/// Says what it is told to, and remembers what it hears. `wait` gives up after a minute, which only
/// a hanging test meets.
class MemoryPeer final : public PeerNode {
 public:
  void say(MemberId to, raft::Message message) {
    const std::lock_guard lock(mutex_);
    waiting_[to].push_back(std::move(message));
  }
  void set_log(std::vector<Entry> log) {
    const std::lock_guard lock(mutex_);
    log_ = std::move(log);
  }
  void set_match(Match match) {
    const std::lock_guard lock(mutex_);
    match_ = match;
  }
  void set_leading(const Leading& leading) {
    const std::lock_guard lock(mutex_);
    leading_ = leading;
  }
  /// What `entries` answers from now on, if anything.
  void fail_entries(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    entries_error_ = std::move(error);
  }
  /// Waits until `condition` holds; it is looked at again whenever something was heard.
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return condition(*this); });
  }
  /// Streams, as `Peers::Options` are told of them.
  void note_change(const raft::Member& member, bool up) {
    const std::lock_guard lock(mutex_);
    if (up) ++opened[member.id];
    if (!up) ++broken[member.id];
    changed_.notify_all();
  }
  void note_refusal(const Error& error) {
    const std::lock_guard lock(mutex_);
    refusals.push_back(error);
    changed_.notify_all();
  }
  void note_gone() {
    const std::lock_guard lock(mutex_);
    ++told_gone;
    changed_.notify_all();
  }
  std::vector<raft::Message> take_heard() {
    const std::lock_guard lock(mutex_);
    return std::exchange(heard, {});
  }

  // Under the mutex, so within `wait`.
  std::vector<raft::Message> heard;
  std::map<MemberId, int> opened;
  std::map<MemberId, int> broken;
  std::vector<Error> refusals;
  std::vector<EntriesAsked> asked;
  int told_gone = 0;
  MemberId stranger;  ///< No member any more.
  Duration pause{};   ///< After each batch of entries; set before they are asked for.
  size_t not_taken(MemberId to) { return waiting_[to].size(); }

  // ---- PeerNode. ----

  bool receive(MemberId from, std::vector<raft::Message> messages) override {
    const std::lock_guard lock(mutex_);
    if (from == stranger) return false;
    for (raft::Message& message : messages) heard.push_back(std::move(message));
    changed_.notify_all();
    return true;
  }

  Result<EntriesGiven> entries(const EntriesAsked& range, size_t bytes_max) override {
    const std::lock_guard lock(mutex_);
    asked.push_back(range);
    changed_.notify_all();
    if (entries_error_) return tl::unexpected(*entries_error_);
    std::vector<Entry> given;
    size_t bytes = 0;
    for (Index index = range.from; index < range.end && index.value <= log_.size(); ++index) {
      const Entry& entry = log_[index.value - 1];
      bytes += entry.bytes().size();
      if (!given.empty() && bytes > bytes_max) break;
      given.push_back(entry);
    }
    return EntriesGiven{std::move(given), Index(log_.size()), match_, pause};
  }

  void confirm(Reply<Leading> reply) override {
    const std::lock_guard lock(mutex_);
    if (leading_) return reply(*leading_);
    reply(tl::unexpected(Failure{{Code::no_leader, "it does not lead"}}));
  }

  std::vector<raft::Message> outgoing(MemberId to, size_t bytes_max) override {
    const std::lock_guard lock(mutex_);
    std::deque<raft::Message>& queue = waiting_[to];
    std::vector<raft::Message> given;
    size_t bytes = 0;
    while (!queue.empty() && (given.empty() || bytes < bytes_max)) {
      if (const auto* append = std::get_if<raft::AppendEntries>(&queue.front().body)) {
        for (const Entry& entry : append->entries) bytes += entry.bytes().size();
      }
      given.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    changed_.notify_all();
    return given;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<MemberId, std::deque<raft::Message>> waiting_;
  std::vector<Entry> log_;
  std::optional<Error> entries_error_;
  Match match_ = Match::unknown;
  std::optional<Leading> leading_;
};

/// Such a member with its server and its peers.
struct PeerSide {
  const MemberId id;
  const Id cluster;
  MemoryPeer node;
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<Peers> peers;

  explicit PeerSide(uint64_t number, Id of = test_id(7), bool attached = true)
      : id(number), cluster(of) {
    serve("127.0.0.1:0", attached);
    peers = Peers::start(
        {.self = id,
         .cluster = cluster,
         .changed = [this](const raft::Member& member, bool up) { node.note_change(member, up); },
         .gone = [this] { node.note_gone(); },
         .refused = [this](const raft::Member&, const Error& error) { node.note_refusal(error); }},
        node);
  }
  ~PeerSide() {
    peers->stop();
    if (server) server->stop({});
  }

  void serve(const std::string& listen, bool attached = true) {
    server = RpcServer::start({.listen = listen,
                               .ids = {},
                               .introduce =
                                   [this] {
                                     Introduction self;
                                     self.name = name();
                                     self.member = id;
                                     self.cluster = cluster;
                                     return self;
                                   }})
                 .value();
    if (attached) server->attach_peer(node);
  }
  std::string name() const { return "n" + std::to_string(id.value); }
  raft::Member member() const { return {id, raft::Standing::voter, name(), server->address()}; }

  /// A message to `to` that is told from others by `round`.
  raft::Message probe(MemberId to, uint64_t round) const {
    raft::Message message{id, to, Term(3), 1, 2, 3, {}};
    message.body = raft::ReadProbe{round};
    return message;
  }
  void send(MemberId to, uint64_t round) {
    node.say(to, probe(to, round));
    peers->wake(to);
  }
};

/// Entries 1 to `count`, each of one record's worth of `bytes`.
inline std::vector<Entry> test_entries(uint64_t count, size_t bytes) {
  std::vector<Entry> entries;
  for (uint64_t i = 1; i <= count; ++i) {
    std::string payload = "entry " + std::to_string(i) + " ";
    payload.resize(bytes, 'x');
    entries.push_back({Index(i), Term(1 + i / 100), EntryKind::records, Offset(i - 1), 1,
                       Time{int64_t(1000 * i)}, 1,
                       std::make_shared<const std::string>(std::move(payload))});
  }
  return entries;
}

}  // namespace ledger::rpc
