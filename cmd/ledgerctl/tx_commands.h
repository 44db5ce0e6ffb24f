// The verbs of `ledgerctl tx` that have a file of their own.
#pragma once

#include "cli/context.h"

namespace ledger::cli {

Outcome tx_post(Context& context);
/// `tx post -`: one transaction a line from stdin.
Outcome tx_post_lines(Context& context);

}  // namespace ledger::cli
