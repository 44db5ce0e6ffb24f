// The rpc listener of a node.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "rpc/gossip_port.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::rpc {

struct ServerOptions {
  std::string listen;       ///< HOST:PORT; port 0 lets the kernel choose.
  bool reflection = true;   ///< On loopback only, whatever this says.
  std::function<Id()> ids;  ///< Makes ids for records that come without one. Any thread.
  /// Who this node is, now; any thread. Without it, peers are told `busy`.
  std::function<Introduction()> introduce = {};
};

/// log.v1.Log, ledger.v1.Ledger, cluster.v1.Cluster, peer.v1.Peer, health and reflection on one
/// address.
///
/// Until `attach` and from `stop` on every call but health and a peer's hello ends with `busy`.
/// Health "" is SERVING from the start, `ledger.ready` when `set_ready` says so.
///
/// Threads: gRPC's own; the members here from one thread, `set_ready` from any.
class RpcServer {
 public:
  /// Binds and serves. Errors: `address_in_use` (whatever keeps the address from being bound),
  /// `invalid_value`.
  static Result<std::unique_ptr<RpcServer>> start(const ServerOptions& options);
  virtual ~RpcServer() = default;

  /// HOST:PORT with the port that was chosen.
  virtual const std::string& address() const = 0;

  /// Sends calls to `node`, which must answer until `stop` has returned.
  virtual void attach(Node& node) = 0;
  /// The same for the streams of peers. They are taken from members of the cluster that
  /// `introduce` names, and refused where they lead to another member than it.
  virtual void attach_peer(PeerNode& node) = 0;
  /// The node's gossip; also before there is a node, which may find its cluster by it.
  virtual void attach_gossip(GossipPort& gossip) = 0;

  /// How many streams were refused because they led to another cluster or member.
  virtual uint64_t peers_refused() const = 0;

  /// The replays that read decisions here, by name, and the offset that each is given next.
  virtual std::map<std::string, Offset> replays() = 0;

  virtual void set_ready(bool ready) = 0;

  /// Takes no more calls, ends the streams that follow, gives the others `grace` to end by
  /// themselves and cancels the rest. Returns once no call is left.
  virtual void stop(Duration grace) = 0;
};

/// Where gRPC's own texts go; until the first call, nowhere. For very verbose callers.
void set_grpc_log(std::function<void(const std::string&)> sink);

}  // namespace ledger::rpc
