// Sizes and times on the wire that both sides must agree on.
#pragma once

#include "base/record.h"

namespace ledger::rpc {

/// The largest message a server takes: an entry's worth of records, as packed bytes or as commands.
constexpr int request_bytes_max = 2 * static_cast<int>(entry_bytes_max);
/// The largest a client takes. Answers to commands are larger than they: a leg brings two balances.
constexpr int response_bytes_max = 32 << 20;

/// What gRPC reads from a socket at once. Left alone it goes up to 4 MiB, in blocks that malloc
/// gives back to the kernel each time.
constexpr int read_chunk_bytes_max = 256 << 10;

/// What a stream may send before it is read. Left alone it is 64 KiB and grows as gRPC measures;
/// until it has, a frame of 512 KiB costs five times the CPU, in stops and starts.
constexpr int look_ahead_bytes = 1 << 20;

/// A connection on which nothing was heard for so long is asked for a sign of life, and dropped
/// without one.
constexpr int keepalive_time_ms = 20'000;
constexpr int keepalive_timeout_ms = 10'000;

/// Members notice sooner that one of them is gone.
constexpr int peer_keepalive_time_ms = 2'000;
constexpr int peer_keepalive_timeout_ms = 2'000;
/// Pings that come faster are an attack; with room for those of members that come a little early.
constexpr int ping_interval_ms_min = 500;
static_assert(2 * ping_interval_ms_min <= peer_keepalive_time_ms);

}  // namespace ledger::rpc
