// The flags of `node start`, and the keys of the configuration file behind them.
#pragma once

#include "cli/context.h"
#include "node/process.h"

namespace ledger::cli {

/// Errors: `usage` for what is missing or can't be meant together, `invalid_value`,
/// `config_invalid` where the value stands in the file, `not_built`.
Result<node::StartOptions> start_options(const Context& context);

}  // namespace ledger::cli
