// The tests of the simulator: mistakes that it must find.
#pragma once

#include <string>
#include <vector>

namespace ledger::sim {

/// Makes this mistake from now on. False where this build can't, or where there is no such name.
bool plant(const std::string& name);

/// Runs up to `seeds` lives for each of the mistakes named, all where none is, and prints a row
/// `NAME killed|survived SEED` for each. Returns the exit code: 0 where all were killed.
///
/// Each runs in a process of its own: a mistake may also end in an assertion, or never.
int show_mutants(const std::vector<std::string>& names, uint64_t seed, uint64_t seeds);

}  // namespace ledger::sim
