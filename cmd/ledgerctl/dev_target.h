// Which dev cluster a command about a cluster talks to, where nobody says.
#pragma once

#include "cli/context.h"

namespace ledger::cli {

/// Puts the addresses of the dev cluster that is named, or of the only one that runs, in the place
/// of the default endpoint. Does nothing where endpoints were given.
/// Errors: `no_such_dev`, `cluster_stopped`, `ambiguous_target`, `invalid_name`.
Checked<void> find_dev_endpoints(Settings& settings, const Command& command);

}  // namespace ledger::cli
