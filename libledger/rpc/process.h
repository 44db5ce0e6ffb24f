// What gRPC needs of the process it runs in.
#pragma once

namespace ledger::rpc {

/// Once before any other use of gRPC; more calls do nothing. Keeps gRPC and protobuf from writing
/// to stderr, unless gRPC aborts, and malloc from giving memory back between two messages.
void prepare_process();

/// Before the first call with a callback in this process; more calls do nothing. gRPC 1.51 ends the
/// threads that call back with the last channel that was used so, and whoever lets go of that one
/// waits for them: if it is one of these threads itself, the process aborts. So one such channel is
/// kept for good.
void keep_callback_threads();

}  // namespace ledger::rpc
