#include "sim/mutants.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <iostream>
#include <optional>

#include "base/planted.h"
#include "sim/consensus.h"
#include "sim/life.h"

namespace ledger::sim {
namespace {

/// A life of a few seconds ends within this, or hangs.
constexpr unsigned life_seconds_max = 120;

/// A mistake, and the runs that shall show it.
struct Mutant {
  std::string name;
  std::optional<std::string> (*violation)(const Mutant&, uint64_t seed);
  unsigned guard = 0;
};

#ifdef LEDGER_PLANTED
std::optional<std::string> in_life(const Mutant&, uint64_t seed) {
  Life life;
  life.seed = seed;
  return live(life).violation;
}
#endif

std::optional<std::string> in_consensus(const Mutant& mutant, uint64_t seed) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.guards_left_out = 1u << mutant.guard;
  return run_consensus(scenario).violation;
}

std::vector<Mutant> all_mutants() {
  std::vector<Mutant> all;
#ifdef LEDGER_PLANTED
  for (size_t i = 1; i < mistake_names.size(); ++i) {
    all.push_back({std::string(mistake_names[i]), in_life});
  }
#endif
  // Guard 8 is of use only where guard 10 is left out; raft/guards_test.cc shows it.
  for (unsigned guard = 1; guard <= 16; ++guard) {
    if (guard == 8) continue;
    all.push_back({"guard_" + std::to_string(guard), in_consensus, guard});
  }
  return all;
}

/// What a child says before each seed, and when it has found one.
struct Word {
  uint64_t seed = 0;
  bool killed = false;
};

[[noreturn]] void try_seeds(const Mutant& mutant, uint64_t first, uint64_t count, int out) {
  // Quietly: how it ends is told by the last word.
  for (const int signal : {SIGABRT, SIGSEGV, SIGALRM}) std::signal(signal, SIG_DFL);
  close(STDERR_FILENO);
  if (mutant.guard == 0 && !plant(mutant.name)) _exit(2);
  const auto say = [out](const Word& word) {
    if (write(out, &word, sizeof word) != sizeof word) _exit(1);
  };
  for (uint64_t seed = first; seed < first + count; ++seed) {
    say({seed, false});
    alarm(life_seconds_max);
    if (mutant.violation(mutant, seed)) {
      say({seed, true});
      _exit(0);
    }
  }
  _exit(0);
}

/// The seed that shows it; nothing where none does.
std::optional<uint64_t> killing_seed(const Mutant& mutant, uint64_t first, uint64_t count) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    try_seeds(mutant, first, count, ends[1]);
  }
  close(ends[1]);
  Word last;
  Word word;
  while (read(ends[0], &word, sizeof word) == sizeof word) last = word;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool died = WIFSIGNALED(status);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return std::nullopt;
  return last.killed || died ? std::optional(last.seed) : std::nullopt;
}

}  // namespace

bool plant([[maybe_unused]] const std::string& name) {
#ifdef LEDGER_PLANTED
  const auto found = std::ranges::find(mistake_names, name);
  if (found == mistake_names.end()) return false;
  planted_mistake = static_cast<Mistake>(found - mistake_names.begin());
  return true;
#else
  return false;
#endif
}

int show_mutants(const std::vector<std::string>& names, uint64_t seed, uint64_t seeds) {
  size_t survived = 0;
  size_t shown = 0;
  for (const Mutant& mutant : all_mutants()) {
    if (!names.empty() && std::ranges::find(names, mutant.name) == names.end()) continue;
    ++shown;
    const std::optional<uint64_t> killed = killing_seed(mutant, seed, seeds);
    std::cout << mutant.name << (killed ? " killed " : " survived ")
              << killed.value_or(seed + seeds - 1) << std::endl;
    if (!killed) ++survived;
  }
  std::cout << shown << " planted, " << survived << " survived\n";
  return survived == 0 && shown >= names.size() ? 0 : 1;
}

}  // namespace ledger::sim
