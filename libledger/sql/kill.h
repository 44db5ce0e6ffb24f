// For tests: a projector in a process of its own, that can be killed.
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace ledger::sql {

/// sql-replay-child, which is built beside the tests.
inline std::string replay_child() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sql-replay-child";
}

/// How many times to kill: LEDGER_KILLS, or so many.
inline int kill_count(int otherwise) {
  const char* asked = std::getenv("LEDGER_KILLS");
  return asked == nullptr ? otherwise : std::atoi(asked);
}

/// Microseconds from 8 ms to a second, as often short as long: a run takes tens of milliseconds, or
/// hundreds where the machine is busy.
inline std::string kill_moment(std::mt19937_64& random) {
  const uint64_t octave = 1 << (13 + random() % 7);
  return std::to_string(octave + random() % octave);
}

/// Runs a program to its end; its status as waitpid gives it.
inline int run_child(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  int status = -1;
  if (posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return -1;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return status;
}

}  // namespace ledger::sql
