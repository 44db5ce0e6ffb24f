// What `bench` lets a cluster do, and how long it takes for that.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "cli/context.h"
#include "rpc/client.h"

namespace ledger::cli {

/// Clients that each have one request under way.
struct Load {
  enum class Kind : uint8_t { append, read, tx };
  Kind kind = Kind::append;
  size_t clients = 8;
  size_t size = 256;  ///< Bytes of a record's body; of append and read.
  size_t batch = 1;   ///< Records of a request.
  Duration duration = std::chrono::seconds(10);
  std::optional<uint64_t> requests;  ///< Instead of the duration.
  /// Requests a second, of all clients together. Each is counted from the moment it was due, so a
  /// stall is felt by all that should have been made in it.
  std::optional<uint64_t> rate;
};

struct Measured {
  Histogram latency;  ///< Of requests that were answered well.
  Duration longest{};
  Duration elapsed{};
  uint64_t records = 0;
  uint64_t bytes = 0;  ///< Of their bodies.
  uint64_t errors = 0;
  std::optional<Error> first_error;
};

/// Makes what the load needs: an asset and accounts, or records to read. Repeating it is harmless.
/// `client` goes to the same cluster.
Checked<void> prepare(const Load& load, rpc::Client& client);

/// Runs the load, each client over a connection of its own, until it is done or a signal comes.
/// Errors: those of a cluster that answers nothing of it.
Checked<Measured> measure(Context& context, const Load& load,
                          const std::vector<std::string>& endpoints, const rpc::Patience& patience);

}  // namespace ledger::cli
