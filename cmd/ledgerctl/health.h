// Asking whether a cluster can commit, for other commands than `health`.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace ledger::cli {

/// What `health --nodes N` asks of the cluster with these members, within `limit`. An error says
/// why it is not healthy. Threads: any.
Checked<void> ask_health(const Context& context, const std::vector<std::string>& endpoints,
                         size_t nodes, Duration limit);

}  // namespace ledger::cli
