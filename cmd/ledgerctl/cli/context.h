// What a command is given to work with.
#pragma once

#include "cli/args.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/settings.h"

namespace ledger::cli {

/// One run of one command. Lives in main.
class Context {
 public:
  const Command& command;
  const Args& args;
  const Settings& settings;
  Out& out;
  Report& report;

  bool json() const { return settings.json; }
};

}  // namespace ledger::cli
