// What a running node takes over from a configuration that has changed.
#pragma once

#include "node/journal.h"
#include "node/start_options.h"

namespace ledger::node {

/// Reads how the node would be started now, and takes over the level of the log; says what else is
/// another, and needs a restart. What can't be read, or can't be meant, changes nothing.
void reload(const StartOptions& started, Journal& journal);

}  // namespace ledger::node
