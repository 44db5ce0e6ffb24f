// The client's side of a stream of decided records.
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

/// Messages that were received and not asked for yet.
constexpr size_t read_ahead_max = 4;

/// A node that sends nothing for so long is asked whether it is still there.
constexpr Duration read_silence_max = std::chrono::seconds(2);

/// `Kind` names the messages and says how to translate:
///
///     using Request, Response, Stub
///     Request request(Offset from, std::optional<Offset> to) const
///     static void open(Stub&, grpc::ClientContext*, const Request*,
///     grpc::ClientReadReactor<Response>*)
///
/// A lost connection is made again, to the same node or another, from the record after the last one
/// given. A node that is silent and does not answer otherwise, as one that is stopped, is left.
template <class Kind>
class ReadStream final : public Reader {
 public:
  using Request = typename Kind::Request;
  using Response = typename Kind::Response;

  /// `cluster` must outlive it.
  ReadStream(Cluster& cluster, const Range& range, Kind kind)
      : cluster_(cluster), kind_(std::move(kind)), range_(range), next_(range.from) {}

  ~ReadStream() override {
    std::unique_lock lock(state_->mutex);
    end_call(lock);
  }

  Result<std::optional<book::Decided>> next(Duration patience) override {
    cluster_.deadline().progress();  // The time before we were asked is not the node's.
    const auto until = Steady::now() + patience;
    std::unique_lock lock(state_->mutex);
    while (true) {
      if (finished_) return std::nullopt;
      if (!state_->responses.empty()) {
        Response response = state_->take();
        lock.unlock();
        book::Decided decided = TRY(take(std::move(response)));
        if (!decided.verdicts.empty()) return decided;
        lock.lock();
      } else if (!state_->call) {
        TRY(connect(lock));
      } else if (state_->call->status) {
        TRY(ended(lock));
      } else {
        const Duration left = range_.follow ? until - Steady::now() : cluster_.deadline().left();
        const Duration quiet = heard_ + read_silence_max - Steady::now();
        const bool woken = state_->changed.wait_for(lock, std::min(left, quiet),
                                                    [&] { return state_->something(); });
        if (woken) continue;
        if (quiet <= left) {
          TRY(look_after(lock));
        } else if (range_.follow) {
          return empty();
        } else {
          return timeout(lock);
        }
      }
    }
  }

 private:
  using Steady = std::chrono::steady_clock;
  class Call;
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Response> responses;
    std::shared_ptr<Call> call;

    bool something() const { return !responses.empty() || (call && call->status); }
    Response take() {
      Response response = std::move(responses.front());
      responses.pop_front();
      if (call) call->read_more();
      return response;
    }
  };

  /// One stream. Its reactions come from gRPC's threads, and take the state's mutex.
  class Call final : public grpc::ClientReadReactor<Response> {
   public:
    Call(std::shared_ptr<State> state, std::string from, std::unique_ptr<typename Kind::Stub> stub,
         Request request)
        : address(std::move(from)),
          state_(std::move(state)),
          stub_(std::move(stub)),
          request_(std::move(request)) {}

    /// Under the mutex, as all but the reactions.
    void start(std::shared_ptr<Call> self) {
      self_ = std::move(self);
      Kind::open(*stub_, &context_, &request_, this);
      this->AddHold();  // While nothing is being read, the end waits for us.
      read_more();
      this->StartCall();
    }

    void read_more() {
      if (reading_ || ending_ || cancelled_ || state_->responses.size() >= read_ahead_max) return;
      reading_ = true;
      this->StartRead(&response_);
    }

    void cancel() {
      cancelled_ = true;
      context_.TryCancel();
      if (!reading_) release();
    }

    void OnReadDone(bool ok) override {
      const std::lock_guard lock(state_->mutex);
      reading_ = false;
      if (!ok || cancelled_) return release();
      state_->responses.push_back(std::move(response_));
      state_->changed.notify_all();
      read_more();
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
    void release() {
      if (!std::exchange(ending_, true)) this->RemoveHold();
    }

    const std::shared_ptr<State> state_;
    const std::unique_ptr<typename Kind::Stub> stub_;
    const Request request_;
    std::shared_ptr<Call> self_;  ///< Until the stream has ended.
    grpc::ClientContext context_;
    Response response_;
    bool reading_ = false;
    bool ending_ = false;
    bool cancelled_ = false;  ///< Nobody asks for more: what still comes must not wait for it.
  };

  Result<book::Decided> take(Response&& response) {
    book::Decided decided = TRY(from_message(std::move(response)));
    if (decided.first != next_) {
      return fail(Code::internal,
                  "records from offset " + std::to_string(decided.first.value) + ", expected " +
                      std::to_string(next_.value),
                  "report this");
    }
    next_ = decided.next();
    // The end of a reading is the one at its beginning, were the connection made again.
    if (!range_.follow && !range_.to) range_.to = decided.as_of;
    cluster_.reached();
    cluster_.deadline().progress();
    backoff_.reset();
    heard_ = Steady::now();
    // Who follows for long needs to know where else to go.
    if (range_.follow && !std::exchange(learned_, true)) cluster_.learn_members(address_);
    return decided;
  }

  Result<void> connect(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    Result<std::string> address = cluster_.reader();
    lock.lock();
    if (!address) return tl::unexpected(std::move(address).error());
    auto call = std::make_shared<Call>(
        state_, *address, std::make_unique<typename Kind::Stub>(cluster_.channel(*address)),
        kind_.request(next_, range_.to));
    state_->call = call;
    address_ = *address;
    heard_ = Steady::now();
    call->start(call);
    return {};
  }

  /// Nothing has come for a while. Leaves a node that does not answer, if there is another.
  Result<void> look_after(std::unique_lock<std::mutex>& lock) {
    heard_ = Steady::now();
    if (!cluster_.has_choice()) return {};
    lock.unlock();
    const bool serves = cluster_.serves(address_);
    lock.lock();
    if (serves || state_->something()) return {};
    end_call(lock);
    lock.unlock();
    const Error silent{Code::timeout, address_ + " is silent"};
    Result<void> again = cluster_.retry_read({{silent, {}}, true, {}}, address_, backoff_);
    lock.lock();
    return again;
  }

  Result<void> ended(std::unique_lock<std::mutex>& lock) {
    const std::shared_ptr<Call> call = std::move(state_->call);
    if (call->status->ok()) {
      finished_ = true;
      return {};
    }
    lock.unlock();
    Result<void> again = cluster_.retry_read(from_status(*call->status), call->address, backoff_);
    lock.lock();
    return again;
  }

  book::Decided empty() const {
    book::Decided decided;
    decided.first = next_;
    decided.as_of = next_;
    return decided;
  }

  tl::unexpected<Error> timeout(std::unique_lock<std::mutex>& lock) {
    end_call(lock);
    return fail(Code::timeout,
                address_ + " did not answer within " + duration_text(cluster_.deadline().limit()),
                "raise --timeout, or ask another node with -e");
  }

  void end_call(std::unique_lock<std::mutex>& lock) {
    const std::shared_ptr<Call> call = std::move(state_->call);
    if (!call) return;
    call->cancel();
    state_->changed.wait(lock, [&] { return call->status.has_value(); });
  }

  Cluster& cluster_;
  const Kind kind_;
  Range range_;
  Offset next_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  bool finished_ = false;
  std::string address_;       ///< Of the call, or the last one.
  Steady::time_point heard_;  ///< When something came of it, or it began, or was asked after.
  bool learned_ = false;
  Backoff backoff_;
};

}  // namespace ledger::rpc
