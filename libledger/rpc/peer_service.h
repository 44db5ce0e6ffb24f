// peer.v1.Peer: what the other members of the cluster ask.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "peer/v1/peer.grpc.pb.h"
#include "rpc/host.h"
#include "rpc/peer_codec.h"

namespace ledger::rpc {

/// Checks where a stream leads and every frame of it; the node does the rest. `host` must outlive
/// it.
class PeerService final : public ::peer::v1::Peer::CallbackService {
 public:
  using Introduce = std::function<Introduction()>;

  /// Without `introduce` there is nobody here yet, whatever is asked.
  PeerService(Host& host, Introduce introduce) : host_(host), introduce_(std::move(introduce)) {}

  /// Streams that led to another cluster or another member than this.
  uint64_t refused() const { return refused_; }

  using Context = grpc::CallbackServerContext;

  grpc::ServerUnaryReactor* Hello(Context* context, const ::peer::v1::HelloRequest* request,
                                  ::peer::v1::HelloResponse* response) override;
  grpc::ServerBidiReactor<::peer::v1::MessagesRequest, ::peer::v1::MessagesResponse>* Messages(
      Context* context) override;
  grpc::ServerWriteReactor<::peer::v1::EntriesResponse>* Entries(
      Context* context, const ::peer::v1::EntriesRequest* request) override;
  grpc::ServerUnaryReactor* Confirm(Context* context, const ::peer::v1::ConfirmRequest* request,
                                    ::peer::v1::ConfirmResponse* response) override;

 private:
  class Incoming;

  /// A route that leads here, or why none does.
  Result<Route> check(const ::peer::v1::Route& route);
  /// Makes `call` the one stream of its sender.
  void replace(const std::shared_ptr<Incoming>& call, MemberId from);

  Host& host_;
  const Introduce introduce_;
  std::atomic<uint64_t> refused_ = 0;
  std::mutex mutex_;
  std::map<MemberId, std::weak_ptr<Incoming>> incoming_;
};

}  // namespace ledger::rpc
