// A cluster for the time of a measurement: nodes as child processes over a temporary directory.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace ledger::cli {

/// Nodes on loopback at free ports, with data that goes when this goes. They end with this process,
/// however it ends, and have process groups of their own, so that Ctrl-C reaches this process
/// first.
class Throwaway {
 public:
  /// Starts `count` nodes of `program` and waits until all listen; they form their cluster in a
  /// moment. Call it from the main thread, before any other begins (gRPC's included): it forks.
  /// Errors: `io`, `not_ready` where a node ends or does not listen.
  static Result<std::unique_ptr<Throwaway>> start(const std::string& program, size_t count);
  /// SIGTERM to all, and SIGKILL to whoever is there ten seconds later.
  ~Throwaway();
  Throwaway(const Throwaway&) = delete;
  Throwaway& operator=(const Throwaway&) = delete;

  /// The rpc address of each.
  const std::vector<std::string>& endpoints() const { return endpoints_; }
  /// The data directory of each.
  std::string directory(size_t node) const;
  /// Nothing while all run; else which one ended, and the last line it wrote.
  Result<void> check() const;

  /// User and system time of all so far.
  double cpu_seconds() const;
  /// Resident memory of the first.
  double rss_mb() const;

 private:
  explicit Throwaway(std::string work) : work_(std::move(work)) {}
  Result<void> wait_until_listening() const;
  Result<void> spawn(const std::string& program, size_t node, const std::string& peers);

  std::string work_;
  std::vector<std::string> endpoints_;
  std::vector<pid_t> pids_;
};

}  // namespace ledger::cli
