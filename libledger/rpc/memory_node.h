// For tests: a node whose log is a vector and whose consensus is its word.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "book/memory_past.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// A configuration of voters with the ids 1, 2, 3 … that `leader` leads; 0: nobody.
inline Members members_of(const std::vector<std::pair<std::string, std::string>>& named,
                          uint64_t leader = 1) {
  Members members;
  for (const auto& [name, address] : named) {
    const MemberId id(members.all.size() + 1);
    members.all.push_back({{id, raft::Standing::voter, name, address}, {}, {}});
  }
  members.term = Term(1);
  members.leader = MemberId(leader);
  members.self = MemberId(1);
  return members;
}

/// Decides with the real book, on a loop thread of its own, and can be told to fail. Every proposal
/// is an entry. Its clock stands at `start` and moves 1 us an entry.
class MemoryNode final : public Node {
 public:
  static constexpr Time start{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z

  MemoryNode() : loop_([this] { run(); }) {}
  ~MemoryNode() override { stop(); }
  MemoryNode(const MemoryNode&) = delete;
  MemoryNode& operator=(const MemoryNode&) = delete;

  // ---- What a test may tell it. ----

  /// Answers what waits and ends the loop; later calls fail.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      stopped_ = true;
      held_ = false;
    }
    wake_.notify_all();
    loop_.join();
  }
  /// Proposals wait until `hold(false)`.
  void hold(bool held) {
    {
      const std::lock_guard lock(mutex_);
      held_ = held;
    }
    wake_.notify_all();
  }
  /// What writes and linearizable reads get from now on, if anything.
  void fail_with(std::optional<Failure> failure) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
  }
  /// The next proposal is written, and its answer is this failure.
  void lose_next_answer(Failure failure) {
    const std::lock_guard lock(mutex_);
    lost_ = std::move(failure);
  }
  void set_status(NodeStatus status) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
  }
  void set_members(Members members) {
    const std::lock_guard lock(mutex_);
    members_ = std::move(members);
  }
  /// What changes are answered with; with nothing they wait for `answer_changes`.
  void on_change(std::function<std::optional<Answer<Changed>>(const Change&)> decide) {
    const std::lock_guard lock(mutex_);
    on_change_ = std::move(decide);
  }
  size_t waiting_changes() const {
    const std::lock_guard lock(mutex_);
    return changes_.size();
  }
  void answer_changes(const Answer<Changed>& answer) {
    std::unique_lock lock(mutex_);
    const std::vector<Reply<Changed>> waiting = std::exchange(changes_, {});
    lock.unlock();
    for (const Reply<Changed>& reply : waiting) reply(answer);
  }
  /// Writes a record, size first, that nobody here proposed, as a follower does.
  void follow(std::string packed) {
    std::promise<void> written;
    post([&] {
      std::unique_lock lock(mutex_);
      write({.packed = std::move(packed), .count = 1});
      const std::vector<Reply<Offset>> fired = fire();
      const Offset end(records_.size());
      lock.unlock();
      for (const Reply<Offset>& watch : fired) watch(end);
      written.set_value();
    });
    written.get_future().wait();
  }
  size_t watchers() const {
    const std::lock_guard lock(mutex_);
    return watches_.size();
  }
  size_t waiting_proposals() const {
    const std::lock_guard lock(mutex_);
    return proposals_.size();
  }

  // ---- Node. ----

  void propose(Proposal proposal, Reply<Outcome> reply) override {
    std::optional<Failure> failure;
    {
      const std::lock_guard lock(mutex_);
      failure = failure_;
      if (stopped_) failure = gone();
      if (!failure) proposals_.emplace_back(std::move(proposal), std::move(reply));
    }
    wake_.notify_all();
    if (failure) reply(tl::unexpected(*failure));
  }

  void read(const Freshness& freshness, Reply<std::reference_wrapper<const View>> reply) override {
    post([this, freshness, reply = std::move(reply)] {
      std::optional<Failure> failure;
      {
        const std::lock_guard lock(mutex_);
        if (freshness.kind == Freshness::Kind::linearizable) failure = failure_;
      }
      if (failure) return reply(tl::unexpected(*failure));
      if (freshness.kind == Freshness::Kind::at_least &&
          freshness.at_least >= book_.next_offset()) {
        return reply(tl::unexpected(Failure{{Code::timeout, "not applied in time"}, {}}));
      }
      const MemoryView view(*this);
      reply(std::cref<const View>(view));
    });
  }

  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) override {
    const std::lock_guard lock(mutex_);
    if (from >= Offset(records_.size())) return fail(Code::out_of_range, "no such offset");
    book::Decided decided;
    decided.first = from;
    decided.as_of = Offset(records_.size());
    for (Offset at = from; at < end && at.value < records_.size(); ++at) {
      const Stored& stored = records_[at.value];
      if (at > from && decided.records.size() + stored.bytes.size() > bytes_max) break;
      put_varint(decided.records, stored.bytes.size());
      decided.records += stored.bytes;
      decided.verdicts.push_back(static_cast<char>(stored.code));
      if (stored.code != 0 && stored.code != book::duplicate_mark) {
        decided.details.push_back(stored.detail);
      }
      if (at == from || stored.entry != records_[at.value - 1].entry) {
        decided.runs.push_back({0, stored.recorded, Term(1), 1});
      }
      ++decided.runs.back().count;
    }
    return decided;
  }

  uint64_t watch(Offset offset, Reply<Offset> reply) override {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = ++tickets_;
    if (const Offset end(records_.size()); end > offset) {
      lock.unlock();
      reply(end);
    } else {
      watches_.emplace(ticket, Watch{offset, std::move(reply)});
    }
    return ticket;
  }
  void unwatch(uint64_t ticket) override {
    const std::lock_guard lock(mutex_);
    watches_.erase(ticket);
  }

  void status(Reply<NodeStatus> reply) override {
    post([this, reply = std::move(reply)] {
      NodeStatus status;
      {
        const std::lock_guard lock(mutex_);
        status = status_;
      }
      status.next_offset = status.committed = status.applied = book_.next_offset();
      status.digest = book_.digest();
      status.clock = now_;
      reply(std::move(status));
    });
  }
  void members(Reply<Members> reply) override {
    post([this, reply = std::move(reply)] {
      std::unique_lock lock(mutex_);
      Members members = members_;
      lock.unlock();
      reply(std::move(members));
    });
  }
  void change(Change change, Reply<Changed> reply) override {
    post([this, change = std::move(change), reply = std::move(reply)] {
      std::unique_lock lock(mutex_);
      const auto decide = on_change_;
      lock.unlock();
      const std::optional<Answer<Changed>> answer = decide(change);
      if (answer) return reply(*answer);
      lock.lock();
      changes_.push_back(reply);
    });
  }

 private:
  struct Stored {
    std::string bytes;
    uint64_t entry = 0;
    Time recorded;
    uint8_t code = 0;
    book::Detail detail;
  };
  struct Watch {
    Offset offset;
    Reply<Offset> reply;
  };
  class MemoryView final : public View {
   public:
    explicit MemoryView(MemoryNode& node) : node_(node) {}
    const book::Book& book() const override { return node_.book_; }
    Result<std::optional<Transaction>> transaction(const Id& id) const override {
      const std::optional<Offset> offset = node_.past_.find(id);
      if (!offset) return std::nullopt;
      const Stored& stored = node_.records_[offset->value];
      book::Verdict verdict{.code = *book::code_numbered(stored.code)};
      verdict.duplicate = true;  // Balances of now would not belong to the answer.
      verdict.first = *offset;
      verdict.detail = stored.detail;
      Transaction found{book::decide(node_.book_, {*offset, stored.recorded, 1},
                                     view_record(stored.bytes), verdict),
                        stored.bytes};
      found.decision.verdict.duplicate = false;
      return found;
    }

   private:
    MemoryNode& node_;
  };

  static Failure gone() { return {{Code::unknown_outcome, "the node stopped", "ask again"}, {}}; }

  void post(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_all();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock,
                 [this] { return stopped_ || !tasks_.empty() || (!held_ && !proposals_.empty()); });
      if (!tasks_.empty()) {
        const std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        lock.lock();
      } else if (!held_ && !proposals_.empty()) {
        auto [proposal, reply] = std::move(proposals_.front());
        proposals_.pop_front();
        const std::optional<Failure> lost = std::exchange(lost_, std::nullopt);
        Outcome outcome = write(proposal);
        std::vector<Reply<Offset>> fired = fire();
        const Offset end(records_.size());
        lock.unlock();
        for (const Reply<Offset>& watch : fired) watch(end);
        if (lost) {
          reply(tl::unexpected(*lost));
        } else {
          reply(std::move(outcome));
        }
        lock.lock();
      } else {
        break;
      }
    }
    for (auto& [ticket, watch] : std::exchange(watches_, {})) {
      lock.unlock();
      watch.reply(tl::unexpected(gone()));
      lock.lock();
    }
  }

  Outcome write(const Proposal& proposal) {
    Outcome outcome;
    outcome.term = Term(1);
    now_.ns += 1000;
    ++entries_;
    uint32_t written = 0;
    Cursor cursor(proposal.packed);
    for (uint32_t i = 0; i < proposal.count; ++i) {
      const RecordView record = view_record(*take_record(cursor));
      book::Verdict verdict;
      Stamp first;
      if (const std::optional<Offset> known = past_.find(record.id)) {
        const Stored& stored = records_[known->value];
        first = {*known, stored.recorded, 1};
        verdict.first = *known;
        if (auto field = book::difference(view_record(stored.bytes), record)) {
          verdict.code = book::Code::id_conflict;
          verdict.detail.first_offset = *known;
          verdict.detail.field = *field;
        } else {
          verdict.code = *book::code_numbered(stored.code);
          verdict.detail = stored.detail;
          verdict.duplicate = true;
        }
      } else {
        first = {book_.next_offset(), now_ + Duration(written++), 1};
        verdict = book_.apply(first, record, past_);
        past_.add(record, verdict);
        records_.push_back({std::string(record.bytes), entries_, first.recorded,
                            static_cast<uint8_t>(verdict.code), verdict.detail});
        outcome.recorded = first.recorded;
      }
      outcome.offsets.push_back(first.offset);
      if (verdict.duplicate) outcome.duplicates.push_back(i);
      if (verdict.code != book::Code::ok) outcome.refused.push_back(i);
      if (proposal.decisions) {
        outcome.decisions.push_back(book::decide(book_, first, record, verdict));
      }
    }
    return outcome;
  }

  std::vector<Reply<Offset>> fire() {
    std::vector<Reply<Offset>> fired;
    std::erase_if(watches_, [&](auto& item) {
      if (Offset(records_.size()) <= item.second.offset) return false;
      fired.push_back(std::move(item.second.reply));
      return true;
    });
    return fired;
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::deque<std::pair<Proposal, Reply<Outcome>>> proposals_;
  std::map<uint64_t, Watch> watches_;
  uint64_t tickets_ = 0;
  bool stopped_ = false;
  bool held_ = false;
  std::optional<Failure> failure_;
  std::optional<Failure> lost_;
  NodeStatus status_{.node = "n1",
                     .member = MemberId(1),
                     .role = "leader",
                     .leader = {},
                     .term = Term(1),
                     .first_offset = {},
                     .next_offset = {},
                     .committed = {},
                     .applied = {},
                     .segments = 1,
                     .bytes = 0,
                     .digest = {},
                     .clock = {},
                     .cluster = Id{{1, 2, 3}},
                     .ready = true,
                     .version = "0.0.0-test"};
  Members members_;
  std::function<std::optional<Answer<Changed>>(const Change&)> on_change_ = [](const Change&) {
    return Changed();
  };
  std::vector<Reply<Changed>> changes_;  ///< Asked for and not answered.
  std::vector<Stored> records_;  ///< The loop writes, under the mutex; others read under it.
  uint64_t entries_ = 0;
  Time now_ = start;
  book::Book book_;
  book::MemoryPast past_;
  std::thread loop_;  ///< Last: it uses all of the above.
};

}  // namespace ledger::rpc
