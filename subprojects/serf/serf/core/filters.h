#pragma once

#include <string>
#include <vector>

#include "serf/wire/serf_messages.h"

namespace serf {

/// Whether a query is for the member of that name and tags: all filters must match. Regular
/// expressions are RE2's, unanchored, on the value of a tag, which is empty if missing; a filter
/// that cannot be read excludes. RE2 takes linear time and bounded memory, whatever the expression.
bool filters_match(const std::vector<wire::Blob>& filters, const std::string& name,
                   const wire::Tags& tags);

}  // namespace serf
