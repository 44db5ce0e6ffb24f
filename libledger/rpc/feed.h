// A stream of decided records to a client: read on gRPC's threads, one message ahead of the
// network.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "rpc/convert.h"
#include "rpc/host.h"

namespace ledger::rpc {

/// Which records a feed gives.
struct FeedRange {
  Offset from;
  std::optional<Offset> to = {};  ///< Exclusive. Absent: the end when the call began, or none.
  bool follow = false;            ///< Waits at the end for what comes later.
  bool from_future = false;       ///< `from` may lie past the end.
  std::string replay = {};        ///< The name of the replay that wants it; empty: no replay.
};

/// No records, as an answer about the place where they would be.
book::Decided empty_at(Offset first, Offset as_of);

/// Where a feed stands: which part of the range may be read. No locks, no calls: for `Feed` alone.
class FeedWindow {
 public:
  explicit FeedWindow(const FeedRange& range) : range_(range), next_(range.from) {}

  /// The range itself is wrong, whatever the log holds. Errors: `invalid_value`.
  Result<void> check() const;
  /// The node has applied [0, end). The first call fixes the end of a feed that does not follow.
  /// Errors: `out_of_range`.
  Result<void> applied(Offset end);
  void read_to(Offset next) { next_ = next; }

  const std::string& replay() const { return range_.replay; }
  Offset next() const { return next_; }
  Offset end() const { return end_; }
  /// Exclusive end of what may be read now.
  Offset limit() const;
  /// Everything asked for has been read.
  bool complete() const;

 private:
  FeedRange range_;
  Offset next_;
  Offset end_;
  bool begun_ = false;
};

/// Sends [from, to) in consecutive responses, at least one; following, until the client goes.
template <class Response>
class Feed final : public grpc::ServerWriteReactor<Response>,
                   public OpenCall,
                   public std::enable_shared_from_this<Feed<Response>> {
 public:
  /// Appends the responses that say `decided`; may be none. For an empty range it is given an empty
  /// batch.
  using Fill = std::function<void(book::Decided&& decided, std::deque<Response>& out)>;

  /// Starts the call. `bytes_max`: of records in a batch, unless one record alone is larger.
  static Feed* start(Host& host, Node& node, const FeedRange& range,
                     const Result<Freshness>& freshness, size_t bytes_max, Fill fill) {
    auto call = std::make_shared<Feed>(host, node, range, bytes_max, std::move(fill));
    call->self_ = call;
    host.add(call);
    call->begin(freshness);
    return call.get();
  }

  Feed(Host& host, Node& node, const FeedRange& range, size_t bytes_max, Fill fill)
      : host_(host), node_(node), bytes_max_(bytes_max), fill_(std::move(fill)), window_(range) {}

  void close() override {
    const auto self = this->shared_from_this();
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = host_.absent();
    end_now();
  }

  std::optional<std::pair<std::string, Offset>> replay() override {
    const std::lock_guard lock(mutex_);
    return std::pair(window_.replay(), window_.next());
  }

  void OnWriteDone(bool ok) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    if (!ok) end_ = grpc::Status::CANCELLED;
    advance(lock);
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    end_ = grpc::Status::CANCELLED;
    end_now();
  }

  void OnDone() override {
    host_.remove(this);
    std::optional<uint64_t> ticket;
    {
      const std::lock_guard lock(mutex_);
      ticket = ticket_;
    }
    if (ticket) node_.unwatch(*ticket);
    const auto last = std::move(self_);
  }

 private:
  void begin(const Result<Freshness>& freshness) {
    Result<void> checked = window_.check();
    if (checked && !freshness) checked = tl::unexpected<Error>(freshness.error());
    if (!checked) return fail_with(Failure{.error = checked.error()});
    node_.read(*freshness,
               [self = this->shared_from_this()](Answer<std::reference_wrapper<const View>> view) {
                 if (!view) return self->fail_with(view.error());
                 self->applied(view->get().book().next_offset());
               });
  }

  void fail_with(const Failure& failure) {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = to_status(failure);
    end_now();
  }

  /// On the node's loop: what follows reads the disk, so it goes elsewhere.
  void applied(Offset end) {
    on_grpc_thread([self = this->shared_from_this(), end] {
      std::unique_lock lock(self->mutex_);
      self->waiting_ = false;
      if (Result<void> fits = self->window_.applied(end); !fits && !self->end_) {
        self->end_ = to_status(fits.error());
      }
      self->advance(lock);
    });
  }

  /// Ends the call if it is to end, no write is under way and nobody is asking the node, which may
  /// go once all calls have ended.
  void end_now() {
    if (!end_ || writing_ || busy_ || finished_) return;
    finished_ = true;
    this->Finish(*end_);
  }

  /// Writes what is ready, then reads on until one more message is ready. One thread asks the node
  /// at a time; the lock is released while it does.
  void advance(std::unique_lock<std::mutex>& lock) {
    while (true) {
      if (end_) return end_now();
      write();
      if (!ready_.empty() || busy_ || waiting_) return;
      if (window_.next() < window_.limit() || !answered_) {
        fetch(lock);
      } else if (!window_.complete()) {
        wait(lock);
      } else if (!writing_) {
        end_ = grpc::Status::OK;
      } else {
        return;
      }
    }
  }

  void write() {
    if (writing_ || ready_.empty()) return;
    response_ = std::move(ready_.front());
    ready_.pop_front();
    writing_ = true;
    this->StartWrite(&response_);
  }

  void fetch(std::unique_lock<std::mutex>& lock) {
    busy_ = true;
    const Offset from = window_.next();
    const Offset limit = window_.limit();
    Result<book::Decided> decided = empty_at(from, window_.end());
    lock.unlock();
    if (from < limit) decided = node_.decided(from, limit, bytes_max_);
    std::deque<Response> ready;
    const Offset next = decided ? decided->next() : from;
    if (decided) fill_(*std::move(decided), ready);
    lock.lock();
    busy_ = false;
    if (!decided) {
      if (!end_) end_ = to_status(decided.error());
      return;
    }
    assert(next > from || from >= limit);
    window_.read_to(next);
    answered_ = true;
    for (Response& response : ready) ready_.push_back(std::move(response));
  }

  void wait(std::unique_lock<std::mutex>& lock) {
    busy_ = true;
    waiting_ = true;
    const Offset next = window_.next();
    lock.unlock();
    const uint64_t ticket =
        node_.watch(next, [self = this->shared_from_this()](const Answer<Offset>& end) {
          if (!end) return self->fail_with(end.error());
          self->applied(*end);
        });
    lock.lock();
    busy_ = false;
    ticket_ = ticket;
  }

  Host& host_;
  Node& node_;
  const size_t bytes_max_;
  const Fill fill_;
  std::shared_ptr<Feed> self_;  ///< Until gRPC is done with us.
  std::mutex mutex_;
  FeedWindow window_;
  Response response_;
  std::deque<Response> ready_;
  std::optional<uint64_t> ticket_;   ///< Of the last watch.
  std::optional<grpc::Status> end_;  ///< How the call is to end.
  bool answered_ = false;            ///< A batch was read, were it empty.
  bool busy_ = false;                ///< Somebody is asking the node.
  bool waiting_ = true;              ///< For the first read, later for a watch.
  bool writing_ = false;
  bool finished_ = false;
};

}  // namespace ledger::rpc
