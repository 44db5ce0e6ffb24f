// The client's side of a stream of writes: a window, answers in order, and a way to go on when the
// stream is lost.
#pragma once

#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "rpc/cluster.h"

namespace ledger::rpc {

/// `Kind` names the messages and says how to translate:
///
///     using Request, Response, Submission, Answer, Stub
///     static constexpr const char* what                        `record`
///     static size_t count(const Submission&)
///     static Request encode(Submission&&)
///     static Result<Answer> decode(Response&&, size_t count)
///     static void open(Stub&, grpc::ClientContext*, grpc::ClientBidiReactor<Request, Response>*)
template <class Kind>
class WriteStream final : public Writer<typename Kind::Submission, typename Kind::Answer> {
 public:
  using Request = typename Kind::Request;
  using Response = typename Kind::Response;
  using Submission = typename Kind::Submission;
  using Answer = typename Kind::Answer;

  /// `cluster` must outlive it.
  WriteStream(Cluster& cluster, size_t window) : cluster_(cluster), window_(window) {}

  ~WriteStream() override {
    std::unique_lock lock(state_->mutex);
    end_call(lock);
  }

  void submit(Submission submission) override {
    const size_t count = Kind::count(submission);
    auto item = std::make_shared<Item>(Item{Kind::encode(std::move(submission)), count});
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return failed_ || fits(count); });
    if (failed_) return;  // `next` says why.
    if (state_->items.empty()) cluster_.deadline().progress();
    state_->items.push_back(std::move(item));
    state_->under_way += count;
    if (state_->call) state_->call->write_more();
    state_->changed.notify_all();
  }

  bool has_room(size_t count) const override {
    const std::lock_guard lock(state_->mutex);
    return failed_ || fits(count);
  }

  void close() override {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    if (state_->call) state_->call->write_more();
    state_->changed.notify_all();
  }

  bool has_answer() const override {
    const std::lock_guard lock(state_->mutex);
    return !state_->answers.empty();
  }

  Result<std::optional<Answer>> next() override {
    cluster_.deadline().progress();  // The time before we were asked is not the node's.
    std::unique_lock lock(state_->mutex);
    while (true) {
      if (!state_->answers.empty()) return take_answer(lock);
      if (failed_) return tl::unexpected(*failed_);
      if (state_->items.empty()) {
        if (state_->closed) return std::nullopt;
        state_->changed.wait(lock);
      } else if (!state_->call) {
        connect(lock);
      } else if (state_->call->status) {
        lost(lock);
      } else if (cluster_.deadline().passed()) {
        end_call(lock);
        if (state_->answers.empty()) give_up(timeout());
      } else {
        wait(lock);
      }
    }
  }

 private:
  struct Item {
    Request request;
    size_t count = 0;
    bool sent = false;       ///< On the present stream.
    bool uncertain = false;  ///< An earlier stream may have written it.
  };
  class Call;
  /// Shared with the call that is open, under its mutex.
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::shared_ptr<Item>> items;  ///< Unanswered, in order.
    std::deque<std::pair<Response, size_t>> answers;
    size_t under_way = 0;  ///< Sum of the counts of items and answers.
    size_t unsent = 0;     ///< The first item that the present stream was not given.
    bool closed = false;
    std::shared_ptr<Call> call;
  };

  /// One stream. Its reactions come from gRPC's threads, and take the state's mutex.
  class Call final : public grpc::ClientBidiReactor<Request, Response> {
   public:
    Call(std::shared_ptr<State> state, std::string to, std::unique_ptr<typename Kind::Stub> stub)
        : address(std::move(to)), state_(std::move(state)), stub_(std::move(stub)) {}

    /// Under the mutex, as all but the reactions.
    void start(std::shared_ptr<Call> self) {
      self_ = std::move(self);
      Kind::open(*stub_, &context_, this);
      this->StartRead(&response_);
      write_more();
      this->StartCall();
    }

    void write_more() {
      if (writing_ || ending_) return;
      if (state_->unsent < state_->items.size()) {
        item_ = state_->items[state_->unsent++];
        item_->sent = true;
        writing_ = true;
        this->StartWrite(&item_->request);
      } else if (state_->closed && !said_last_) {
        said_last_ = true;
        this->StartWritesDone();
      }
    }

    void cancel() { context_.TryCancel(); }

    void OnReadDone(bool ok) override {
      const std::lock_guard lock(state_->mutex);
      if (!ok || state_->items.empty() || state_->unsent == 0) {
        ending_ = true;  // From here on nothing may be started: the end may come at any time.
        if (ok) context_.TryCancel();  // An answer to nothing.
        return;
      }
      state_->answers.emplace_back(std::move(response_), state_->items.front()->count);
      state_->items.pop_front();
      --state_->unsent;
      state_->changed.notify_all();
      this->StartRead(&response_);
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(state_->mutex);
      writing_ = false;
      if (ok) write_more();
    }
    void OnDone(const grpc::Status& ended) override {
      const auto self = std::move(self_);
      const std::shared_ptr<State> state = state_;
      const std::lock_guard lock(state->mutex);
      status = ended;
      state->changed.notify_all();
    }

    const std::string address;
    std::optional<grpc::Status> status;  ///< Once it has ended.

   private:
    const std::shared_ptr<State> state_;
    const std::unique_ptr<typename Kind::Stub> stub_;
    std::shared_ptr<Call> self_;  ///< Until the stream has ended.
    grpc::ClientContext context_;
    std::shared_ptr<Item> item_;  ///< Being written.
    Response response_;
    bool writing_ = false;
    bool said_last_ = false;
    bool ending_ = false;
  };

  bool fits(size_t count) const {
    return state_->under_way == 0 || state_->under_way + count <= window_;
  }

  Result<std::optional<Answer>> take_answer(std::unique_lock<std::mutex>& lock) {
    auto [response, count] = std::move(state_->answers.front());
    state_->answers.pop_front();
    state_->under_way -= count;
    state_->changed.notify_all();
    lock.unlock();
    cluster_.deadline().progress();
    backoff_.reset();
    return Kind::decode(std::move(response), count);
  }

  /// Until something comes. A leader that says nothing for a while may have stopped, or be cut off,
  /// and its connection stand: if another leads by now, what is unanswered goes there.
  void wait(std::unique_lock<std::mutex>& lock) {
    const auto something = [&] { return !state_->answers.empty() || state_->call->status; };
    const Duration patience = std::min<Duration>(silence_max, cluster_.deadline().left());
    if (state_->changed.wait_for(lock, patience, something)) return;
    if (cluster_.deadline().passed()) return;
    lock.unlock();
    const bool superseded = cluster_.is_superseded(*leader_);
    lock.lock();
    if (!superseded || something()) return;
    cluster_.say(1, state_->call->address + " is silent, and another node leads");
    end_call(lock);
    cluster_.lost_leader({});
  }

  void connect(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    Result<Found> leader = cluster_.leader();
    lock.lock();
    if (!leader) return give_up(std::move(leader).error());
    leader_ = *leader;
    auto call = std::make_shared<Call>(
        state_, leader->address,
        std::make_unique<typename Kind::Stub>(cluster_.channel(leader->address)));
    state_->call = call;
    state_->unsent = 0;
    call->start(call);
  }

  /// The stream has ended with requests unanswered: what does its status say of them?
  void lost(std::unique_lock<std::mutex>& lock) {
    const std::shared_ptr<Call> call = std::move(state_->call);
    Failed failed = from_status(*call->status);
    if (call->status->ok())
      failed = {{{Code::unreachable, "the stream ended early"}, {}}, false, {}};
    const Code code = failed.failure.error.code;
    // A ledger's own refusal is about the oldest; what was sent after it may be on its way.
    const bool refused = failed.ours && code != Code::unknown_outcome;
    for (const std::shared_ptr<Item>& item : state_->items) {
      if (item->sent && !(refused && item == state_->items.front())) item->uncertain = true;
      item->sent = false;
    }
    const std::string instead = failed.failure.leader;
    Error error = cluster_.explain(std::move(failed), call->address);
    if (exit_code(code) == 64) {  // Wrong in itself: it was never written.
      failed_ = std::move(error);
      return state_->changed.notify_all();
    }
    // While nobody knows what became of the oldest, another try may still tell.
    if (!may_retry(code) && !state_->items.front()->uncertain) return give_up(std::move(error));
    cluster_.say(1, error.message + ": looking for the leader");
    cluster_.lost_leader(instead);
    backoff_.last = error;
    lock.unlock();
    const bool time_left = backoff_.pause(cluster_.deadline());
    lock.lock();
    if (!time_left) give_up(std::move(error));
  }

  void end_call(std::unique_lock<std::mutex>& lock) {
    if (!state_->call) return;
    const std::shared_ptr<Call> call = state_->call;
    call->cancel();
    state_->changed.wait(lock, [&] { return call->status.has_value(); });
    for (const std::shared_ptr<Item>& item : state_->items) item->uncertain |= item->sent;
    last_address_ = call->address;
    state_->call.reset();
  }

  Error timeout() const {
    if (backoff_.last) return *backoff_.last;
    return {Code::timeout,
            last_address_ + " did not answer within " + duration_text(cluster_.deadline().limit()),
            "raise --timeout"};
  }

  /// Ends the writer with `error`, unless what is oldest may have been written all the same.
  void give_up(Error error) {
    if (state_->items.front()->uncertain) {
      error = {Code::unknown_outcome,
               std::string(Kind::what) +
                   " was sent and may or may not have been written: " + error.message,
               "repeat it with the same id: that is safe"};
    }
    failed_ = std::move(error);
    state_->changed.notify_all();
  }

  Cluster& cluster_;
  const size_t window_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::optional<Error> failed_;  ///< Under the state's mutex, as all below.
  std::optional<Found> leader_;  ///< Who has the call, if there is one.
  std::string last_address_;
  Backoff backoff_;
};

}  // namespace ledger::rpc
