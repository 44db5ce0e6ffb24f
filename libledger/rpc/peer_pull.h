// The asking side of Peer.Entries.
#pragma once

#include <grpcpp/support/client_callback.h>

#include <memory>
#include <mutex>
#include <optional>

#include "peer/v1/peer.grpc.pb.h"
#include "rpc/peer_codec.h"
#include "rpc/pending.h"

namespace ledger::rpc {

/// One stream of entries, on a connection of its own, so that a taker that makes it wait does not
/// make messages wait. One batch is read when it is asked for; what flow control lets the other
/// side send meanwhile stays in gRPC.
///
/// Threads: any.
class PullCall final : public grpc::ClientReadReactor<::peer::v1::EntriesResponse>,
                       public std::enable_shared_from_this<PullCall> {
 public:
  PullCall(EntriesAsked asked, Peers::Take take) : asked_(asked), take_(std::move(take)) {}

  /// Begins it; it has entered `pending` and leaves it as the last.
  void start(const std::string& address, const Route& route, std::shared_ptr<Pending> pending);

  /// Ends it; `take` is not called again, but may be running.
  void stop();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void more(bool go_on);
  void release();
  Result<std::vector<Entry>> entries();

  EntriesAsked asked_;  ///< What is still to come.
  const Peers::Take take_;
  std::shared_ptr<Pending> pending_;
  std::shared_ptr<PullCall> self_;  ///< Until gRPC is done with us.
  std::unique_ptr<::peer::v1::Peer::Stub> stub_;
  grpc::ClientContext context_;
  ::peer::v1::EntriesRequest request_;
  ::peer::v1::EntriesResponse response_;

  std::mutex mutex_;
  std::optional<Error> failure_;  ///< Ours, of what came.
  bool waiting_ = false;          ///< The taker has a batch and has not asked for more.
  bool reading_ = false;
  bool released_ = false;
  bool quiet_ = false;  ///< Nobody wants to hear more.
};

}  // namespace ledger::rpc
