// One file a noun; each tells the table what it is.
#pragma once

#include "cli/command.h"

namespace ledger::cli {

Noun node_noun();
Noun member_noun();
Noun log_noun();
Noun asset_noun();
Noun account_noun();
Noun tx_noun();
Noun replay_noun();
Noun segment_noun();
Noun dev_noun();
Noun health_noun();
Noun completion_noun();
Noun bench_noun();
Noun version_noun();
Noun help_noun();

}  // namespace ledger::cli
