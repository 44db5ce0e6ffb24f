// For tests of PostgreSQL targets: one server for all cases of a program.
#pragma once

#include "sql/checks.h"
#include "sql/open.h"
#include "sql/postgres_server.h"

namespace ledger::sql {

/// Its database is empty.
inline PostgresServer& server() {
  static PostgresServer one;
  one.sql("DROP SCHEMA IF EXISTS ledger CASCADE; DROP SCHEMA IF EXISTS other CASCADE");
  return one;
}

inline Job job_for(const PostgresServer& postgres) {
  Job job;
  job.open = [&postgres] { return open_target(postgres.opening(true), ""); };
  return job;
}

inline std::string counts(const PostgresServer& postgres) {
  return row_counts([&](const std::string& sql) { return postgres.sql(sql); });
}

inline Lines differences(const PostgresServer& postgres, ScriptedSource& source,
                         bool fast = false) {
  return differences(*open_target(postgres.opening(false), "").value(), source, fast);
}

}  // namespace ledger::sql
