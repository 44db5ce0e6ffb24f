// A unary call that may wait for long.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <utility>

#include "rpc/host.h"

namespace ledger::rpc {

/// Ends when the node answers, when who asked has gone, or when the server stops: whichever comes
/// first. What the node says later is dropped.
template <class Response>
class PatientCall final : public grpc::ServerUnaryReactor,
                          public OpenCall,
                          public std::enable_shared_from_this<PatientCall<Response>> {
 public:
  /// `response` is gRPC's, and there until the call is done.
  static std::shared_ptr<PatientCall> start(Host& host, Response* response) {
    auto call = std::make_shared<PatientCall>(host, response);
    call->self_ = call;
    host.add(call);
    return call;
  }

  PatientCall(Host& host, Response* response) : host_(host), response_(response) {}

  /// Any thread. Calls `fill(response)` for the status, unless the call has ended.
  template <class Fill>
  void answer(Fill fill) {
    if (!ended_.test_and_set()) this->Finish(fill(*response_));
  }
  void fail(const grpc::Status& status) {
    answer([&](Response&) { return status; });
  }

  void close() override { fail(host_.absent()); }
  void OnCancel() override { fail(grpc::Status::CANCELLED); }
  void OnDone() override {
    host_.remove(this);
    const std::shared_ptr<PatientCall> self = std::move(self_);
  }

 private:
  Host& host_;
  Response* const response_;
  std::shared_ptr<PatientCall> self_;  ///< Until gRPC is done with it.
  std::atomic_flag ended_;
};

}  // namespace ledger::rpc
