// What commands ask of a running supervisor: one line of JSON there, one back.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "dev/place.h"
#include "dev/state.h"

namespace ledger::dev {

struct Request {
  enum class Kind : uint8_t {
    start,
    stop,
    restart,
    kill,  ///< By `signal`; with `again` they are started once more.
    pause,
    resume,
    grow,       ///< To `count` nodes.
    partition,  ///< The cuts of each node, and no others: lines as in its file `faults`.
    heal,
    down,
  };
  Kind kind = Kind::start;
  std::vector<std::string> nodes = {};
  int signal = 0;
  bool again = false;
  size_t count = 0;
  std::map<std::string, std::vector<std::string>> cuts = {};
  Duration patience = {};  ///< How long it may take until it is done; 0: as long as it does.
};

std::string to_json(const Request& request);
/// Errors: `invalid_message`.
Result<Request> request_from_json(std::string_view text);

/// The cluster once it is done, or why it could not be.
struct Reply {
  std::optional<Error> error;
  ClusterState state;
};

std::string to_json(const Reply& reply);
std::optional<Reply> reply_from_json(std::string_view text);

/// Asks the supervisor of the cluster at `place`, and waits for its answer. While it is only
/// starting up, waits for it. Errors: `cluster_stopped`, `timeout`, and what it answers.
Result<ClusterState> ask(const Place& place, const Request& request);

}  // namespace ledger::dev
