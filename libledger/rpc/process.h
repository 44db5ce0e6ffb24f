// What gRPC needs of the process it runs in.
#pragma once

namespace ledger::rpc {

/// Once before any other use of gRPC; more calls do nothing. Keeps gRPC and protobuf from writing
/// to stderr, and malloc from giving memory back between two messages.
void prepare_process();

}  // namespace ledger::rpc
