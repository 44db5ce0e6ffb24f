// The verbs of `ledgerctl log`, each of a file.
#pragma once

#include "cli/context.h"
#include "record_row.h"

namespace ledger::cli {

Outcome log_append(Context& context);
Outcome log_read(Context& context);
Outcome log_tail(Context& context);

/// `--values` and `-0`, which win over an output that was not chosen on the line itself.
Checked<RecordPrinter::Form> form_of(const Context& context);

}  // namespace ledger::cli
