// Sizes and times on the wire that both sides must agree on.
#pragma once

#include "base/record.h"

namespace ledger::rpc {

/// The largest message a server takes: an entry's worth of records, as packed bytes or as commands.
constexpr int request_bytes_max = 2 * static_cast<int>(entry_bytes_max);
/// The largest a client takes. Answers to commands are larger than they: a leg brings two balances.
constexpr int response_bytes_max = 32 << 20;

/// A connection on which nothing was heard for so long is asked for a sign of life, and dropped
/// without one.
constexpr int keepalive_time_ms = 20'000;
constexpr int keepalive_timeout_ms = 10'000;

}  // namespace ledger::rpc
