// Where requests knock: answers that the node is not there yet, or not any more, until it is.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "rpc/ports.h"

namespace ledger::node {

/// The listeners are bound before the log is opened, so requests may come before there is a node.
///
/// Threads: any.
class Door : public rpc::Node {
 public:
  explicit Door(std::string name) : name_(std::move(name)) {}

  /// Lets requests through to `node`, which is kept alive while one is being handed over.
  void open(std::shared_ptr<rpc::Node> node);
  /// Lets none through any more.
  void close() { open(nullptr); }

  void propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) override;
  void read(const rpc::Freshness& freshness,
            rpc::Reply<std::reference_wrapper<const rpc::View>> reply) override;
  Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) override;
  uint64_t watch(Offset offset, rpc::Reply<Offset> reply) override;
  void unwatch(uint64_t ticket) override;
  void status(rpc::Reply<rpc::NodeStatus> reply) override;
  void servers(rpc::Reply<std::vector<rpc::Server>> reply) override;

 private:
  std::shared_ptr<rpc::Node> node() const;
  rpc::Failure closed() const;

  const std::string name_;
  mutable std::mutex mutex_;
  std::shared_ptr<rpc::Node> node_;
};

}  // namespace ledger::node
