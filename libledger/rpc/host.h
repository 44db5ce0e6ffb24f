// What the services of one server share: the node, and the calls that are open.
#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/gossip_port.h"
#include "rpc/intake.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// A stream that may be open for long, and must end when the server stops.
class OpenCall {
 public:
  virtual ~OpenCall() = default;
  /// Ends the call with UNAVAILABLE as soon as what it has begun is done. Any thread.
  virtual void close() = 0;
  /// Of a replay: its name, and what it was not given yet. Any thread.
  virtual std::optional<std::pair<std::string, Offset>> replay() { return std::nullopt; }
};

/// Runs `work` soon on one of gRPC's threads: for what may wait on the disk.
void on_grpc_thread(std::function<void()> work);

/// Threads: any.
class Host {
 public:
  explicit Host(IdSource ids) : ids_(std::move(ids)) {}

  /// The node, unless it is not there yet or goes.
  Node* node() const { return node_.load(); }
  /// The node as its peers see it, likewise.
  PeerNode* peer_node() const { return peer_node_.load(); }
  /// `node` must outlive every call.
  void attach(Node& node) { node_.store(&node); }
  void attach_peer(PeerNode& node) { peer_node_.store(&node); }
  /// The node's gossip, where it has one. It must outlive every call.
  GossipPort* gossip() const { return gossip_.load(); }
  void attach_gossip(GossipPort& gossip) { gossip_.store(&gossip); }
  const IdSource& ids() const { return ids_; }

  /// The status of every call while there is no node: nothing was done, and it may be asked again.
  grpc::Status absent() const;
  Error absent_error() const;

  void add(const std::shared_ptr<OpenCall>& call);
  void remove(const OpenCall* call);
  /// The replays that are open, by name; of two with one name the one that is further behind.
  std::map<std::string, Offset> replays();
  /// From now on there is no node, and open streams end.
  void close();

 private:
  const IdSource ids_;
  std::atomic<Node*> node_ = nullptr;
  std::atomic<PeerNode*> peer_node_ = nullptr;
  std::atomic<GossipPort*> gossip_ = nullptr;

  std::vector<std::shared_ptr<OpenCall>> open() const;  ///< Under the mutex.

  std::mutex mutex_;
  bool closed_ = false;
  std::map<const OpenCall*, std::weak_ptr<OpenCall>> calls_;
};

}  // namespace ledger::rpc
