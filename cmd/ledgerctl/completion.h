// What a shell may offer for the word at the cursor.
#pragma once

#include <string>
#include <vector>

namespace ledger::cli {

/// `ledgerctl __complete WORD…`: the words after the program's name up to the cursor, the last one
/// unfinished and perhaps empty. Lines of a candidate, a tab and what it is; none where a file name
/// is wanted. From the table of commands and local files alone: no network, no gRPC.
std::string complete(const std::vector<std::string>& words);

}  // namespace ledger::cli
