// From what a user types to an open target.
#pragma once

#include <memory>
#include <string>

#include "sql/target.h"

namespace ledger::sql {

/// `postgresql://…`, a libpq URI, or `sqlite:PATH`; `schema` is PostgreSQL's. Fills address,
/// display and schema. Errors: `invalid_value`.
Result<Opening> parse_target(const std::string& text, const std::string& schema);

/// The text with passwords as `***`.
std::string redacted(std::string text);

/// Opens either. A PostgreSQL target is served by the module postgres.so, which is loaded here:
/// from beside the program, else from `driver_directory`, which is taken from there if relative.
/// Errors: those of Target; `no_such_file`, `driver_missing`.
Result<std::unique_ptr<Target>> open_target(const Opening& opening,
                                            const std::string& driver_directory);

}  // namespace ledger::sql
