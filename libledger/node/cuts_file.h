// Where a node of a dev cluster is told whom it is cut off from.
#pragma once

#include "io/disk.h"
#include "node/cuts.h"
#include "node/journal.h"

namespace ledger::node {

/// Reads the file `faults` of a data directory, as it is now, into `cuts`; without the file nobody
/// is cut off. One that can't be read, or says what can't be, changes nothing. `journal` hears of
/// both.
void read_cuts(io::Disk& disk, Cuts& cuts, Journal& journal);

}  // namespace ledger::node
