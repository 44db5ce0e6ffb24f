// `ledgerctl segment dump`, and what it shares with `segment verify`.
#pragma once

#include "cli/command.h"
#include "log/damage.h"
#include "offline.h"

namespace ledger::cli {

Command dump_command();

/// The failure that a torn tail is: exit 1.
Failure torn_failure(const LogPath& path, const log::TornTail& torn);

}  // namespace ledger::cli
