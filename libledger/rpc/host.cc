#include "rpc/host.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

#include <algorithm>
#include <vector>

#include "rpc/convert.h"

namespace ledger::rpc {
namespace {

/// Clients choose the names: what is longer is nobody's metric.
constexpr size_t replay_name_bytes_max = 64;

}  // namespace

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

std::vector<std::shared_ptr<OpenCall>> Host::open() const {
  std::vector<std::shared_ptr<OpenCall>> open;
  for (const auto& [key, call] : calls_) {
    if (std::shared_ptr<OpenCall> alive = call.lock()) open.push_back(std::move(alive));
  }
  return open;
}

std::map<std::string, Offset> Host::replays() {
  std::vector<std::shared_ptr<OpenCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls = open();
  }
  std::map<std::string, Offset> replays;
  for (const std::shared_ptr<OpenCall>& call : calls) {
    const auto replay = call->replay();
    if (!replay || replay->first.empty() || replay->first.size() > replay_name_bytes_max) continue;
    const auto [known, added] = replays.insert(*replay);
    if (!added) known->second = std::min(known->second, replay->second);
  }
  return replays;
}

void Host::close() {
  std::vector<std::shared_ptr<OpenCall>> calls;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    node_.store(nullptr);
    peer_node_.store(nullptr);
    gossip_.store(nullptr);
    calls = open();
  }
  for (const std::shared_ptr<OpenCall>& call : calls) call->close();
}

}  // namespace ledger::rpc
