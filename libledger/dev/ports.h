// Which ports a development cluster gets.
#pragma once

#include "base/result.h"
#include "dev/plan.h"

namespace ledger::dev {

/// Binds every port of nodes `first`… of the plan for a moment, without sharing any.
/// Errors: `address_in_use`, with who has it.
Result<void> check_ports(const Plan& plan, size_t first);

/// Moves the base of a cluster that has not begun, by 100 and up to 20 times, until all its ports
/// are free, and none is another cluster's that only rests. Errors: `address_in_use`.
Result<void> choose_ports(Plan& plan, const std::vector<Plan>& others);

}  // namespace ledger::dev
