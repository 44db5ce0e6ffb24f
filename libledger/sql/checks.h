// For tests: what a replay and a check of it say.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "sql/scripted_source.h"
#include "sql/testing.h"
#include "sql/verify.h"

namespace ledger::sql {

using Lines = std::vector<std::string>;

/// The code of a result that must be an error.
inline Code code_of(const auto& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

/// What a check says, line by line; the last is the count.
inline Lines differences(Target& target, ScriptedSource& source, bool fast = false) {
  Lines lines;
  Check how;
  how.fast = fast;
  how.differs = [&](const Difference& difference) { lines.push_back(difference.text()); };
  const Result<Report> report = verify(target, source, how);
  if (!report) return {std::string(name(report.error().code)) + ": " + report.error().message};
  lines.push_back(std::to_string(report->differences));
  return lines;
}

inline Lines differences(const Scratch& scratch, ScriptedSource& source, bool fast = false) {
  return differences(*open_sqlite(scratch.opening(false)).value(), source, fast);
}

/// A replay into the file.
inline Job job_for(const Scratch& scratch, Amounts amounts = Amounts::text) {
  Job job;
  job.open = [&scratch] { return open_sqlite(scratch.opening(true)); };
  job.amounts = amounts;
  return job;
}

/// Rows of `assets accounts balances transactions transfers rejections records`, by a function that
/// runs SQL.
inline std::string row_counts(const auto& sql) {
  std::string out;
  for (size_t i = 0; i < table_count; ++i) {
    out +=
        (i == 0 ? "" : " ") + sql("SELECT count(*) FROM " + std::string(table(TableName(i)).name));
  }
  return out;
}

inline std::string counts(const Scratch& scratch) {
  return row_counts([&](const std::string& sql) { return shell(scratch, sql); });
}

inline std::string watermark(const Scratch& scratch) {
  return shell(scratch, "SELECT next_offset FROM replay");
}

}  // namespace ledger::sql
