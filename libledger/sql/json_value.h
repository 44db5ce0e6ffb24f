// JSON compared by value.
#pragma once

#include <string_view>

namespace ledger::sql {

/// Whether two JSON texts say the same: the order of names and blanks don't matter, numbers count
/// by value (exactly, however long), a member that is null counts as absent. Texts that are no JSON
/// are the same only if they are equal.
bool same_json(std::string_view a, std::string_view b);

}  // namespace ledger::sql
