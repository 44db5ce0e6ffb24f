// One file a noun; each tells the table what it is.
#pragma once

#include "cli/command.h"

namespace ledger::cli {

Noun version_noun();
Noun help_noun();

}  // namespace ledger::cli
