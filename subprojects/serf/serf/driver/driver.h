#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "serf/driver/sockets.h"
#include "serf/node.h"

namespace serf {

/// Nonces from the system's generator.
class SystemNonces : public wire::Nonces {
 public:
  wire::Nonce draw() override;
};

/// A member on real sockets and the real clock: the whole library in one object. It starts no
/// thread; the caller's thread runs it.
///
///     auto driver = serf::Driver::open(config).value();
///     driver.command(serf::Join{{peer}});
///     while (!driver.node().stopped()) {
///       auto notices = driver.run_once(serf::seconds(1));
///       …
///     }
///
/// Threads: one runs everything; only `interrupt` may come from another.
class Driver {
 public:
  /// Binds the address of the configuration, or `bind` if others reach us by another, and starts.
  /// Port 0 takes a free port and advertises it.
  ///
  /// Errors: `io` when the port is taken; `invalid` for a configuration no cluster would accept.
  static Result<Driver> open(Config config, std::optional<Address> bind = std::nullopt);

  /// Gives the member a command. Its notices come from the next `run_once`.
  void command(Event event);

  /// Waits until something is due, at most `timeout`, does it, and returns what there is to tell.
  ///
  /// Errors: `io`, see Sockets::wait.
  Result<std::vector<Notice>> run_once(Duration timeout);

  /// Makes `run_once` return soon. Any thread.
  void interrupt() { sockets_.interrupt(); }

  const Node& node() const { return *node_; }
  /// For a loop that watches other things too; `run_once` with zero timeout when it is readable, or
  /// at `wake()`.
  int fd() const { return sockets_.fd(); }
  Instant wake() const { return wake_; }

  /// For tests: what comes in is lost if the first returns true, what goes out if the second does.
  void set_filter(std::function<bool(const Event&)> in, std::function<bool(const Action&)> out);

 private:
  Driver(std::unique_ptr<SystemNonces> nonces, Sockets sockets, std::unique_ptr<Node> node)
      : nonces_(std::move(nonces)), sockets_(std::move(sockets)), node_(std::move(node)) {}

  void carry_out(Effects effects);

  std::unique_ptr<SystemNonces> nonces_;
  Sockets sockets_;
  std::unique_ptr<Node> node_;
  std::vector<Notice> notices_;
  Instant wake_{};
  std::function<bool(const Event&)> drop_in_;
  std::function<bool(const Action&)> drop_out_;
};

}  // namespace serf
