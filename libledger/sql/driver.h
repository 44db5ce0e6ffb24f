// The border of the module postgres.so: one function, and only our own types in it.
#pragma once

#include "base/error.h"
#include "sql/target.h"

/// Connects, or says in `error` why not. The target's code is the module's, which stays loaded.
/// The number is that of this border: a module of another build with other types has another name
/// for it, and is not taken.
extern "C" ledger::sql::Target* ledgerctl_postgres_target_1(const ledger::sql::Opening* opening,
                                                            ledger::Error* error);

namespace ledger::sql {

constexpr const char* driver_file = "postgres.so";
constexpr const char* driver_function = "ledgerctl_postgres_target_1";
using DriverFunction = decltype(&ledgerctl_postgres_target_1);

}  // namespace ledger::sql
