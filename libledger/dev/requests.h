// What was asked of the supervisor and is not done yet.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "dev/control.h"
#include "dev/fleet.h"
#include "io/local_socket.h"

namespace ledger::dev {

/// Connections, and the one request that each makes: begun when it comes, answered when it is done
/// or its patience is over. Who hangs up is forgotten; what he began goes on.
class Requests {
 public:
  struct Hooks {
    std::function<ClusterState()> state;
    std::function<void()> down;  ///< Somebody asks for the end of all.
  };

  Requests(io::LocalListener listener, Fleet& fleet, io::Clock& clock, Hooks hooks)
      : listener_(std::move(listener)), fleet_(fleet), clock_(clock), hooks_(std::move(hooks)) {}

  /// What to poll for reading.
  std::vector<int> descriptors() const;
  /// Takes what has come.
  void take();
  /// Answers whose request is done, or over.
  void settle();
  /// When the first one is over.
  std::optional<Instant> wake() const;
  /// Answers all that wait for the end.
  void finish(const std::optional<Error>& error);

 private:
  struct Target {
    std::string name;
    uint64_t starts = 0;  ///< Of the node when the request came.
    uint64_t readies = 0;
  };
  struct One {
    explicit One(io::LocalStream from) : stream(std::move(from)) {}
    io::LocalStream stream;
    std::optional<Request> request;
    std::vector<Target> targets;
    std::optional<Instant> deadline;
    bool over = false;
  };

  void begin(One& one, const std::string& line);
  Result<void> act(One& one);
  Result<void> act_on(const Request& request, Member& member);
  Result<void> cut(One& one);
  /// Nothing while it is not done.
  std::optional<Result<void>> outcome(const One& one);
  std::optional<Result<void>> outcome(const Request& request, const Target& target);
  Error too_late(const One& one);
  void answer(One& one, const Result<void>& result);

  io::LocalListener listener_;
  Fleet& fleet_;
  io::Clock& clock_;
  const Hooks hooks_;
  std::list<One> all_;
};

}  // namespace ledger::dev
