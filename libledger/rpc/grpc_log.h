// Keeps gRPC from writing to our stderr.
#pragma once

namespace ledger::rpc {

/// Once before any other use of gRPC; more calls do nothing.
void silence_grpc();

}  // namespace ledger::rpc
