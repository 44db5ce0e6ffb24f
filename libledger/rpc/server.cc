#include "rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "rpc/address.h"
#include "rpc/cluster_service.h"
#include "rpc/host.h"
#include "rpc/ledger_service.h"
#include "rpc/limits.h"
#include "rpc/log_service.h"
#include "rpc/peer_service.h"
#include "rpc/process.h"

namespace ledger::rpc {
namespace {

constexpr char ready_service[] = "ledger.ready";
constexpr int calls_per_connection_max = 1000;
constexpr int handshake_timeout_ms = 10'000;
constexpr int idle_connection_ms_max = 600'000;

/// Reflection is a plugin of every server in the process, so one without takes it out.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

void set_limits(grpc::ServerBuilder& builder) {
  // Without this a second server on the same port starts happily and takes half of the clients.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(request_bytes_max);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, read_chunk_bytes_max);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, look_ahead_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, calls_per_connection_max);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, handshake_timeout_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_time_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_timeout_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             ping_interval_ms_min);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, idle_connection_ms_max);
}

class GrpcServer final : public RpcServer {
 public:
  GrpcServer(const ServerOptions& options, Address address)
      : host_(options.ids),
        log_(host_),
        ledger_(host_),
        cluster_(host_),
        peer_(host_, options.introduce),
        address_(std::move(address)) {}
  ~GrpcServer() override {
    if (server_) stop({});
  }

  Result<void> listen(bool reflection) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    set_limits(builder);
    if (!reflection) builder.SetOption(std::make_unique<WithoutReflection>());
    int port = 0;
    builder.AddListeningPort(address_.text(), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&log_);
    builder.RegisterService(&ledger_);
    builder.RegisterService(&cluster_);
    builder.RegisterService(&peer_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      server_.reset();
      return tl::unexpected<Error>(why_not_bound(address_, "rpc address"));
    }
    address_.port = static_cast<uint16_t>(port);
    text_ = address_.text();
    set_ready(false);
    return {};
  }

  const std::string& address() const override { return text_; }
  void attach(Node& node) override { host_.attach(node); }
  void attach_peer(PeerNode& node) override { host_.attach_peer(node); }
  void attach_gossip(GossipPort& gossip) override { host_.attach_gossip(gossip); }
  uint64_t peers_refused() const override { return peer_.refused(); }
  std::map<std::string, Offset> replays() override { return host_.replays(); }
  void set_ready(bool ready) override {
    const std::lock_guard lock(ready_mutex_);
    // A node may become ready while its server stops: nobody is to be told any more.
    if (stopping_) return;
    server_->GetHealthCheckService()->SetServingStatus(ready_service, ready);
  }

  void stop(Duration grace) override {
    if (!server_) return;
    set_ready(false);
    {
      const std::lock_guard lock(ready_mutex_);
      stopping_ = true;
    }
    host_.close();
    server_->Shutdown(gpr_time_from_nanos(grace.count(), GPR_TIMESPAN));
    server_->Wait();
    server_.reset();
  }

 private:
  Host host_;
  LogService log_;
  LedgerService ledger_;
  ClusterService cluster_;
  PeerService peer_;
  Address address_;
  std::string text_;
  std::mutex ready_mutex_;
  bool stopping_ = false;  ///< Under the mutex; from then on `server_` is `stop`'s alone.
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<RpcServer>> RpcServer::start(const ServerOptions& options) {
  const Address address = TRY(parse_address(options.listen));
  if (!is_loopback(address)) {
    return fail(Code::invalid_value,
                "rpc address " + address.text() + " is not on loopback, and there is no TLS",
                "listen on 127.0.0.1 or ::1");
  }
  prepare_process();
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto server = std::make_unique<GrpcServer>(options, address);
  TRY(server->listen(options.reflection));
  return server;
}

}  // namespace ledger::rpc
