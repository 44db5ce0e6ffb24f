// ledger-sim: run simulated clusters, seed after seed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <optional>

#include "sim/consensus.h"
#include "sim/life.h"
#include "sim/mutants.h"
#include "sim/telling.h"

using namespace ledger;
using namespace ledger::sim;

namespace {

/// Somebody wants it to end: the seed under way is finished, and the totals are printed.
volatile std::sig_atomic_t told_to_stop = 0;

/// So many of its last steps are printed of a life that goes wrong.
constexpr size_t steps_told = 200;

using Narrate = std::function<void(const std::string&)>;

struct Options {
  std::string program;
  uint64_t seed = 1;
  uint64_t seeds = 1;
  std::optional<double> seconds;
  bool consensus = false;
  std::vector<unsigned> without;
  std::string mistake;
  bool planted = false;
  std::vector<std::string> mistakes;
  bool narrate = false;
  size_t last = 0;
  bool quiet = false;
  bool forever = false;
};

/// What one seed came to.
struct Run {
  uint64_t hash = 0;
  std::optional<std::string> violation;
  Duration simulated{};
  Counts counts;
};

template <class Any>
Any scenario(const Options& options, uint64_t seed, const Narrate& narrate) {
  Any scenario;
  scenario.seed = seed;
  if (options.seconds) {
    scenario.trouble = Duration(static_cast<int64_t>(*options.seconds * 1e9));
  }
  for (unsigned guard : options.without) scenario.guards_left_out |= 1u << guard;
  scenario.narrate = narrate;
  return scenario;
}

Run run_seed(const Options& options, uint64_t seed, const Narrate& narrate) {
  if (options.consensus) {
    Report report = run_consensus(scenario<Scenario>(options, seed, narrate));
    return {report.hash, report.violation, report.simulated, std::move(report.counts)};
  }
  Told told = live(scenario<Life>(options, seed, narrate));
  return {told.hash, told.violation, told.simulated, std::move(told.counts)};
}

/// What to type to see all of it.
std::vector<std::string> replay(const Options& options, uint64_t seed) {
  std::vector<std::string> words = {options.program, "--narrate", "--seed", std::to_string(seed)};
  if (options.consensus) words.emplace_back("--consensus");
  if (options.seconds) {
    words.insert(words.end(), {"--seconds", std::to_string(*options.seconds)});
  }
  for (unsigned guard : options.without) {
    words.insert(words.end(), {"--without", std::to_string(guard)});
  }
  if (!options.mistake.empty()) words.insert(words.end(), {"--mistake", options.mistake});
  return words;
}

/// `seed 7 fails: ` and why, and how to see it again.
std::string verdict(const Options& options, uint64_t seed, const std::string& why) {
  std::string text = "seed " + std::to_string(seed) + " fails: " + why + "\nreplay:";
  for (const std::string& word : replay(options, seed)) text += ' ' + word;
  return text + '\n';
}

/// One seed; where it goes wrong, its last steps, the verdict and the way to see all.
Run try_seed(const Options& options, uint64_t seed) {
  Telling telling(options.narrate ? options.last : steps_told);
  const Narrate narrate = [&telling](const std::string& line) { telling.add(line); };
  std::vector<std::string> again = replay(options, seed);
  again.insert(again.end(), {"--last", std::to_string(steps_told)});
  const Testament testament =
      options.narrate
          ? Testament(&telling, verdict(options, seed, "the program died: stderr says of what"), {})
          : Testament(nullptr, {}, std::move(again));
  Run result = run_seed(options, seed, options.narrate ? narrate : Narrate());
  if (!options.quiet) {
    std::cout << "seed " << seed << " trace " << std::hex << result.hash << std::dec << std::endl;
  }
  if (!result.violation) return result;
  if (!options.narrate) run_seed(options, seed, narrate);
  std::cout << std::flush;
  telling.print();
  std::cout << verdict(options, seed, *result.violation) << std::flush;
  return result;
}

int run(const Options& options) {
  Counts totals;
  double simulated = 0;
  uint64_t failed = 0;
  uint64_t done = 0;
  for (uint64_t seed = options.seed; !told_to_stop && (options.forever || done < options.seeds);
       ++seed, ++done) {
    const Run result = try_seed(options, seed);
    if (result.violation) ++failed;
    for (const auto& [what, count] : result.counts) totals[what] += count;
    simulated += std::chrono::duration<double>(result.simulated).count();
  }
  std::cout << done << " seeds, " << simulated << " s simulated, " << totals["acknowledged"]
            << " commits, faults";
  for (const auto& [what, count] : totals) {
    std::string key = what;
    std::ranges::replace(key, ' ', '_');
    std::cout << ' ' << key << '=' << count;
  }
  std::cout << '\n';
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Run simulated clusters of whole nodes and check every step");
  Options options;
  options.program = argv[0];
  app.add_option("--seed", options.seed, "First seed");
  app.add_option("--seeds", options.seeds, "How many seeds; with --planted, for each at most");
  app.add_option("--seconds", options.seconds, "Virtual seconds of trouble a seed");
  app.add_flag("--consensus", options.consensus, "Consensus only: engines without log and book");
  app.add_option("--without", options.without, "Guards of consensus to leave out, by number");
  app.add_flag("--narrate", options.narrate, "Print every step");
  app.add_option("--last", options.last,
                 "With --narrate: print so many steps before a failure only");
  app.add_flag("--quiet", options.quiet, "Print failing seeds and the totals only");
  app.add_flag("--forever", options.forever, "Go on until told to stop");
  app.add_option("--mistake", options.mistake, "Make this mistake");
  app.add_flag("--planted", options.planted,
               "Make one mistake after the other and say which seed shows it");
  app.add_option("mistakes", options.mistakes, "Which, with --planted; all where none is named");
  CLI11_PARSE(app, argc, argv);
  if (options.planted) return show_mutants(options.mistakes, options.seed, options.seeds);
  std::signal(SIGINT, [](int) { told_to_stop = 1; });
  std::signal(SIGTERM, [](int) { told_to_stop = 1; });
  if (!options.mistake.empty() && !plant(options.mistake)) {
    std::cerr << "no such mistake, or not in this build: " << options.mistake << '\n';
    return 64;
  }
  return run(options);
}
