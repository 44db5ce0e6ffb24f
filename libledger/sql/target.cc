#include "sql/target.h"

namespace ledger::sql {

std::string_view name(Amounts amounts) {
  switch (amounts) {
    case Amounts::numeric:
      return "numeric";
    case Amounts::integer:
      return "integer";
    case Amounts::text:
      return "text";
  }
  return "numeric";
}

Error row_refused(const Rows& rows, size_t i) {
  // In every table that has one, the offset is the only column of this name.
  std::string at;
  for (size_t c = 0; c < rows.table->columns.size(); ++c) {
    const std::string_view column = rows.table->columns[c].name;
    if (column != "log_offset" && column != "last_offset") continue;
    at = "offset " + std::to_string(std::get<int64_t>(rows.row(i)[c])) + ": ";
  }
  return {Code::row_refused,
          at + "the database refused a row in '" + std::string(rows.table->name) + "'",
          "see `replay verify`"};
}

}  // namespace ledger::sql
