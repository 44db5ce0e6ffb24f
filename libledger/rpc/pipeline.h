// A stream both ways whose requests are answered one by one, in order, many under way at a time.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "rpc/convert.h"
#include "rpc/host.h"

namespace ledger::rpc {

/// What one stream may have under way. Beyond it nothing is read, so the client's flow control
/// stops it.
constexpr size_t pipeline_requests_max = 64;
constexpr size_t pipeline_bytes_max = 16 << 20;

/// Reads requests, has them served in their order, and writes each answer once those before it are
/// written. After the first failure nothing more is served, what came before it is answered, and
/// the stream ends with its status. It ends well when the client has said its last and all is
/// answered.
template <class Request, class Response>
class Pipeline final : public grpc::ServerBidiReactor<Request, Response>,
                       public OpenCall,
                       public std::enable_shared_from_this<Pipeline<Request, Response>> {
 public:
  /// Called once, by any thread.
  using Done = std::function<void(tl::expected<Response, grpc::Status>)>;
  using Serve = std::function<void(Request&&, Done)>;

  static Pipeline* start(Host& host, Serve serve) {
    auto call = std::make_shared<Pipeline>(host, std::move(serve));
    call->self_ = call;
    host.add(call);
    call->begin();
    return call.get();
  }

  Pipeline(Host& host, Serve serve) : host_(host), serve_(std::move(serve)) {}

  void close() override {
    const auto self = this->shared_from_this();
    const std::lock_guard lock(mutex_);
    closed_ = true;
    advance();
  }

  void OnReadDone(bool ok) override {
    Slot* slot = nullptr;
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      if (!ok) last_read_ = true;
      if (!ok || stopped()) return advance();
      slot = &slots_.emplace_back();
      slot->bytes = request_.ByteSizeLong();
      bytes_ += slot->bytes;
      serving_ = true;  // Keeps the next read from overtaking this request.
    }
    serve_(std::move(request_),
           [self = this->shared_from_this(), slot](tl::expected<Response, grpc::Status> answer) {
             self->answered(*slot, std::move(answer));
           });
    const std::lock_guard lock(mutex_);
    serving_ = false;
    advance();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) cancelled_ = true;
    advance();
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    advance();
  }

  void OnDone() override {
    host_.remove(this);
    const auto last = std::move(self_);
  }

 private:
  struct Slot {
    size_t bytes = 0;
    std::optional<tl::expected<Response, grpc::Status>> answer;
  };

  void begin() {
    const std::lock_guard lock(mutex_);
    advance();
  }

  void answered(Slot& slot, tl::expected<Response, grpc::Status> answer) {
    const std::lock_guard lock(mutex_);
    if (!answer) failed_ = true;
    slot.answer = std::move(answer);
    advance();
  }

  bool stopped() const { return failed_ || closed_ || cancelled_ || finished_; }

  /// Starts whatever may be started now. Under the mutex: gRPC never calls back from within a
  /// start.
  void advance() {
    if (finished_) return;
    if (cancelled_) return finish(grpc::Status::CANCELLED);
    if (!writing_ && !slots_.empty() && slots_.front().answer) {
      tl::expected<Response, grpc::Status>& answer = *slots_.front().answer;
      if (!answer) return finish(answer.error());
      response_ = *std::move(answer);
      bytes_ -= slots_.front().bytes;
      slots_.pop_front();
      writing_ = true;
      this->StartWrite(&response_);
    }
    if (!reading_ && !serving_ && !last_read_ && !stopped() &&
        slots_.size() < pipeline_requests_max && bytes_ < pipeline_bytes_max) {
      reading_ = true;
      this->StartRead(&request_);
    }
    if (slots_.empty() && !serving_) {
      if (last_read_) return finish(grpc::Status::OK);
      if (closed_) return finish(host_.absent());
    }
  }

  void finish(const grpc::Status& status) {
    if (writing_ || finished_) return;  // The end of the write comes here again.
    finished_ = true;
    this->Finish(status);
  }

  Host& host_;
  const Serve serve_;
  std::shared_ptr<Pipeline> self_;  ///< Until gRPC is done with us; answers may come later still.
  std::mutex mutex_;
  Request request_;
  Response response_;
  std::deque<Slot> slots_;  ///< Requests without a written answer, in order.
  size_t bytes_ = 0;        ///< Of them.
  bool reading_ = false;
  bool serving_ = false;
  bool writing_ = false;
  bool last_read_ = false;
  bool failed_ = false;
  bool closed_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
};

}  // namespace ledger::rpc
