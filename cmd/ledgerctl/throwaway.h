// A cluster for the time of a measurement: nodes as child processes over a temporary directory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/child.h"
#include "io/lifeline.h"

namespace ledger::cli {

/// Nodes on loopback at free ports, with data that goes when this goes. They end with this process,
/// however it ends, and have process groups of their own, so that Ctrl-C reaches this process
/// first.
class Throwaway {
 public:
  /// Starts `count` nodes of `program` and waits until all listen; they form their cluster in a
  /// moment. Call it from the main thread: they end with the thread that started them.
  /// Errors: those of Child::spawn; `io`, `not_ready` where a node ends or does not listen.
  static Result<std::unique_ptr<Throwaway>> start(const std::string& program, size_t count);
  /// SIGTERM to all, and SIGKILL to whoever is there ten seconds later.
  ~Throwaway();
  Throwaway(const Throwaway&) = delete;
  Throwaway& operator=(const Throwaway&) = delete;

  /// Ends one that runs, by SIGTERM.
  void stop(size_t node);
  /// Over the same data, at the same address; returns when it listens. For the thread that called
  /// `start`. Errors: as `start`.
  Result<void> start_again(size_t node);

  /// The rpc address of each.
  const std::vector<std::string>& endpoints() const { return endpoints_; }
  /// The data directory of each.
  std::string directory(size_t node) const;
  /// Nothing while all run that were not stopped; else which one ended, and the last line it wrote.
  Result<void> check() const;

  /// User and system time so far of all that run.
  double cpu_seconds() const;
  /// Resident memory of the first; 0 where it is stopped.
  double rss_mb() const;

 private:
  Throwaway(std::string work, io::Lifeline lifeline)
      : work_(std::move(work)), lifeline_(std::move(lifeline)) {}
  Result<void> wait_until_listening() const;
  Result<io::Child> spawn(size_t node) const;

  std::string work_;
  std::string program_;
  std::string peers_;
  std::vector<std::string> endpoints_;
  io::Lifeline lifeline_;
  std::vector<std::optional<io::Child>> children_;  ///< Nothing: stopped.
};

/// User and system time of this process so far.
double own_cpu_seconds();

}  // namespace ledger::cli
