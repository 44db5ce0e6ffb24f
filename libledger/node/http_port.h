// The http listener of a node: metrics, probes, and a page for people.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "io/clock.h"
#include "node/http_server.h"
#include "node/observations.h"

namespace ledger::node {

/// `/metrics` (Prometheus), `/healthz`, `/readyz`, `/` and its source `/status.json`.
///
/// A thread of its own looks at the node once a second; all answers are made from its last look, so
/// that whoever asks, and however often, costs the node nothing. Only while somebody looks at the
/// page, the other members are asked for their status too.
///
/// Threads: the members from one; `set_ready` from any.
class HttpPort {
 public:
  /// What is looked at, from the looking thread. `ask` answers at once, from any thread.
  struct Sources {
    std::function<void(rpc::Reply<Metrics>)> ask;
    /// The status of the nodes at some addresses, asked at the same time. May take a while.
    std::function<std::vector<Result<rpc::NodeStatus>>(const std::vector<std::string>&)> others;
    /// Adds what the loop does not know: replays, gossip.
    std::function<void(Metrics&)> complete = {};
    /// Hears of each look that the node's loop has answered: it is alive.
    std::function<void(const rpc::NodeStatus&)> looked = {};
  };

  /// Binds and serves; `/readyz` says `why_not` until there is a node. `clock` must outlive it.
  /// Errors: `address_in_use`, `invalid_value`.
  static Result<std::unique_ptr<HttpPort>> start(const std::string& listen, io::Clock& clock,
                                                 const std::string& why_not);
  ~HttpPort();
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  /// HOST:PORT with the port that was chosen.
  const std::string& address() const { return server_->address(); }

  /// Begins to look. What the sources name must outlive this object, or `stop`.
  void attach(Sources sources);
  void set_ready(bool ready);
  /// Why there is no node to ask, one line; for `/readyz`.
  void set_why_not(const std::string& why);
  /// Ends the looking; what was seen last is served on, and never again as ready.
  void stop();

 private:
  explicit HttpPort(io::Clock& clock) : clock_(clock) {}

  void look_on();
  void look();
  void look_around();
  HttpAnswer metrics();
  HttpAnswer readiness();
  HttpAnswer status_json();

  io::Clock& clock_;
  Sources sources_;

  std::mutex mutex_;  ///< Guards all down to `stops_`.
  std::condition_variable wake_;
  Observations seen_;
  std::optional<std::string> why_not_;  ///< Instead of what was seen.
  bool ready_ = false;
  std::optional<Instant> viewed_;  ///< When somebody last asked for the page's source.
  bool stops_ = false;

  std::thread thread_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace ledger::node
