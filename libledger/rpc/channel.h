// What every channel that we open has in common.
#pragma once

#include <grpcpp/grpcpp.h>

#include "rpc/limits.h"

namespace ledger::rpc {

/// Arguments of a channel to a node. What a kind of channel needs besides is added by whoever opens
/// it: limits of messages, pings that keep it alive.
inline grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);  // Bounds one attempt to connect, too.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // We know what may be sent again; gRPC does not.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // Its socket closes with the channel.
  arguments.SetInt(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, read_chunk_bytes_max);
  return arguments;
}

}  // namespace ledger::rpc
