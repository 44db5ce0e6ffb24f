// For tests: a memory node behind a real server on loopback, and a channel to it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "rpc/memory_node.h"
#include "rpc/server.h"
#include "rpc/test_ids.h"

namespace ledger::rpc {

struct Served {
  MemoryNode node;
  std::atomic<uint64_t> made = 0;  ///< Ids made by the server: test_id(1'000'000 + n).
  std::unique_ptr<RpcServer> server;
  std::shared_ptr<grpc::Channel> channel;

  explicit Served(bool attached = true) {
    server = RpcServer::start(
                 {.listen = "127.0.0.1:0", .ids = [this] { return test_id(1'000'000 + made++); }})
                 .value();
    if (attached) server->attach(node);
    channel = grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials());
  }
  ~Served() { server->stop(std::chrono::seconds(10)); }
};

/// A call's context, with a deadline that only a hanging test meets.
struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60)); }
};

}  // namespace ledger::rpc
