#include "rpc/host.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

#include <vector>

#include "rpc/convert.h"

namespace ledger::rpc {

void on_grpc_thread(std::function<void()> work) {
  // gRPC offers its executor by alarms only. One is its own object until it has rung.
  struct Hop {
    grpc::Alarm alarm;
    std::function<void()> work;
  };
  Hop* hop = new Hop{{}, std::move(work)};
  hop->alarm.Set(gpr_inf_past(GPR_CLOCK_MONOTONIC), [hop](bool) {
    hop->work();
    delete hop;
  });
}

grpc::Status Host::absent() const {
  return to_status(absent_error());
}

Error Host::absent_error() const {
  return {Code::busy, "the node is starting or stopping", "ask again later"};
}

void Host::add(const std::shared_ptr<OpenCall>& call) {
  bool closed = false;
  {
    const std::lock_guard lock(mutex_);
    closed = closed_;
    calls_.emplace(call.get(), call);
  }
  if (closed) call->close();
}

void Host::remove(const OpenCall* call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

void Host::close() {
  std::vector<std::shared_ptr<OpenCall>> open;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    node_.store(nullptr);
    peer_node_.store(nullptr);
    gossip_.store(nullptr);
    for (const auto& [key, call] : calls_) {
      if (std::shared_ptr<OpenCall> alive = call.lock()) open.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<OpenCall>& call : open) call->close();
}

}  // namespace ledger::rpc
