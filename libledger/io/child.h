// Processes of our own making, and how to know them again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/descriptor.h"

namespace ledger::io {

/// How a process ended.
struct Exit {
  int code = 0;    ///< Where no signal ended it.
  int signal = 0;  ///< 0: it ended by itself.
  bool core = false;

  /// `exit code 73`, `signal 11 (SIGSEGV, core dumped)`
  std::string text() const;
  friend bool operator==(const Exit&, const Exit&) = default;
};

/// `SIGKILL`, or `signal 99` for one without a name.
std::string signal_name(int number);
/// `KILL`, `SIGKILL` or `9`. Nothing for what is no signal.
std::optional<int> signal_named(std::string_view name);

struct ChildOptions {
  std::string program;                        ///< A path.
  std::vector<std::string> arguments = {};    ///< argv, the program's name first.
  std::vector<std::string> environment = {};  ///< `NAME=VALUE`, all of it.
  bool session = false;                       ///< A session of its own instead of a process group.
  int output = -1;                            ///< Becomes stdout; stdin is /dev/null.
  int errors = -1;                            ///< Becomes stderr.
  int lifeline = -1;  ///< Becomes descriptor 3; -1: none. All others are closed.
};

/// A child in a process group of its own, which is signalled and awaited without ever meaning
/// another process: by a descriptor, and by its group's number only while that can't be used again.
///
/// Threads: the one that spawned it. A child with `Lifeline` also ends with that thread.
class Child {
 public:
  /// With default signals and an empty mask. Errors: `no_such_file`, `file_permission`, `io`.
  static Result<Child> spawn(const ChildOptions& options);

  pid_t pid() const { return pid_; }
  /// Becomes readable when the process has ended.
  int descriptor() const { return process_.get(); }

  /// To the process alone, and to its whole group. Nothing where it has ended.
  void signal(int number) const;
  void signal_group(int number) const;

  /// How it ended, if it has. What is left of its group is killed first. Call it once more only
  /// after nothing.
  std::optional<Exit> reap();
  /// After `reap`: whether nobody is left in its group.
  bool group_is_empty() const;

 private:
  Child(pid_t pid, Descriptor process) : pid_(pid), process_(std::move(process)) {}

  pid_t pid_;
  Descriptor process_;  ///< A pidfd.
  bool reaped_ = false;
};

/// Reaps children that were left to us by children of ours that have ended, but none of `known`.
void reap_strangers(const std::vector<pid_t>& known);

/// A process as it can be recorded: a number alone is soon another's.
struct ProcessMark {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  ///< Since boot: field 22 of /proc/PID/stat.
  std::string program;       ///< The path of its executable.

  friend bool operator==(const ProcessMark&, const ProcessMark&) = default;
};

/// The process with this number, if there is one.
std::optional<ProcessMark> mark_of(pid_t pid);
/// Changes with each start of the system; empty where nobody tells.
std::string boot_id();

/// A descriptor that becomes readable when the process ends; none where there is no such process.
Descriptor watch_process(pid_t pid);
/// Waits until it is readable. False: `patience_ms` is over.
bool wait_readable(int descriptor, int patience_ms);

}  // namespace ledger::io
