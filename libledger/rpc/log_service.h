// log.v1.Log: the log itself.
#pragma once

#include "log/v1/log.grpc.pb.h"
#include "rpc/host.h"

namespace ledger::rpc {

/// Checks and translates; the node does the rest. `host` must outlive it.
class LogService final : public ::logpb::v1::Log::CallbackService {
 public:
  explicit LogService(Host& host) : host_(host) {}

  using Context = grpc::CallbackServerContext;
  template <class Request, class Response>
  using Bidi = grpc::ServerBidiReactor<Request, Response>;

  grpc::ServerUnaryReactor* Produce(Context* context, const ::logpb::v1::ProduceRequest* request,
                                    ::logpb::v1::ProduceResponse* response) override;
  grpc::ServerUnaryReactor* Consume(Context* context, const ::logpb::v1::ConsumeRequest* request,
                                    ::logpb::v1::ConsumeResponse* response) override;
  grpc::ServerWriteReactor<::logpb::v1::ConsumeResponse>* ConsumeStream(
      Context* context, const ::logpb::v1::ConsumeRequest* request) override;
  Bidi<::logpb::v1::ProduceRequest, ::logpb::v1::ProduceResponse>* ProduceStream(
      Context* context) override;
  grpc::ServerUnaryReactor* GetServers(Context* context,
                                       const ::logpb::v1::GetServersRequest* request,
                                       ::logpb::v1::GetServersResponse* response) override;
  grpc::ServerUnaryReactor* Append(Context* context, const ::logpb::v1::AppendRequest* request,
                                   ::logpb::v1::AppendResponse* response) override;
  Bidi<::logpb::v1::AppendRequest, ::logpb::v1::AppendResponse>* AppendStream(
      Context* context) override;
  grpc::ServerWriteReactor<::logpb::v1::ReadResponse>* ReadStream(
      Context* context, const ::logpb::v1::ReadRequest* request) override;
  grpc::ServerUnaryReactor* Status(Context* context, const ::logpb::v1::StatusRequest* request,
                                   ::logpb::v1::StatusResponse* response) override;

 private:
  Host& host_;
};

}  // namespace ledger::rpc
