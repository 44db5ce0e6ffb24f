// ledger-sim: run simulated clusters, seed after seed.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "sim/consensus.h"

using namespace ledger;
using namespace ledger::sim;

namespace {

struct Options {
  uint64_t seed = 1;
  uint64_t seeds = 1;
  double seconds = 30;
  std::vector<unsigned> without;
  bool narrate = false;
  bool quiet = false;
  bool planted = false;
};

Scenario scenario_of(const Options& options, uint64_t seed) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.trouble = Duration(static_cast<int64_t>(options.seconds * 1e9));
  for (unsigned guard : options.without) scenario.guards_left_out |= 1u << guard;
  if (options.narrate) {
    scenario.narrate = [](const std::string& line) { std::cout << line << '\n'; };
  }
  return scenario;
}

/// Leaves out one guard after the other, all or those named, and says which seed shows it. Guard 8
/// is of use only where guard 10 is left out; raft/guards_test.cc shows it.
int run_planted(Options options) {
  std::vector<unsigned> guards = options.without;
  for (unsigned guard = 1; options.without.empty() && guard <= 16; ++guard) {
    if (guard != 8) guards.push_back(guard);
  }
  int survived = 0;
  for (unsigned guard : guards) {
    options.without = {guard};
    std::optional<uint64_t> killed;
    for (uint64_t seed = options.seed; !killed && seed < options.seed + options.seeds; ++seed) {
      if (run_consensus(scenario_of(options, seed)).violation) killed = seed;
    }
    std::cout << "guard_" << guard << ' ' << (killed ? "killed " : "survived ")
              << killed.value_or(options.seed + options.seeds - 1) << std::endl;
    if (!killed) ++survived;
  }
  return survived == 0 ? 0 : 1;
}

int run(const Options& options) {
  Counts totals;
  double simulated = 0;
  uint64_t failed = 0;
  for (uint64_t seed = options.seed; seed < options.seed + options.seeds; ++seed) {
    const Report report = run_consensus(scenario_of(options, seed));
    if (!options.quiet) {
      std::cout << "seed " << seed << " trace " << std::hex << report.hash << std::dec << '\n';
    }
    if (report.violation) {
      ++failed;
      std::cout << "seed " << seed << " fails: " << *report.violation << '\n';
    }
    for (const auto& [what, count] : report.counts) totals[what] += count;
    simulated += std::chrono::duration<double>(report.simulated).count();
  }
  std::cout << options.seeds << " seeds, " << simulated << " s simulated, "
            << totals["acknowledged"] << " commits, faults";
  for (const auto& [what, count] : totals) std::cout << ' ' << what << '=' << count;
  std::cout << '\n';
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Run simulated clusters, consensus only, and check every step");
  Options options;
  app.add_option("--seed", options.seed, "First seed");
  app.add_option("--seeds", options.seeds, "How many seeds");
  app.add_option("--seconds", options.seconds, "Virtual seconds of trouble a seed");
  app.add_option("--without", options.without, "Guards to leave out, by number");
  app.add_flag("--narrate", options.narrate, "Print every step");
  app.add_flag("--quiet", options.quiet, "Print failing seeds and the totals only");
  app.add_flag("--planted", options.planted, "Leave out each guard in turn, up to --seeds each");
  CLI11_PARSE(app, argc, argv);
  return options.planted ? run_planted(options) : run(options);
}
