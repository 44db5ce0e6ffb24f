// A client's view of the cluster: addresses, connections, and who leads.
#pragma once

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rpc/client.h"
#include "rpc/convert.h"
#include "rpc/deadline.h"

namespace ledger::rpc {

/// A node that answered, and what it said.
struct Found {
  std::string address;  ///< Where we asked: it may call itself otherwise.
  NodeStatus status;
};

/// How long a node may say nothing before the others are asked whether it is still the one to ask.
constexpr Duration silence_max = std::chrono::seconds(1);

/// Whether the same call may be made again after this failure, to the same node or another.
bool may_retry(Code code);

/// The wait before the next try: 50 ms, then twice as long each time, up to 200 ms, so that a new
/// leader is found soon after its election.
class Backoff {
 public:
  /// Waits, or says that the deadline leaves no time for another try.
  bool pause(const Deadline& deadline) {
    const Duration wait = std::exchange(wait_, std::min<Duration>(2 * wait_, wait_max));
    if (wait + try_min >= deadline.left()) return false;
    deadline.pause(wait);
    return true;
  }
  void reset() { *this = {}; }

  /// What the last try was told, if it was told anything.
  std::optional<Error> last = {};

 private:
  static constexpr std::chrono::milliseconds wait_max{200};
  /// A try with less time than this would end without an answer, and so without certainty.
  static constexpr std::chrono::milliseconds try_min{50};
  Duration wait_ = std::chrono::milliseconds(50);
};

/// Threads: any.
class Cluster {
 public:
  explicit Cluster(ClientOptions options);

  Deadline& deadline() { return deadline_; }
  std::shared_ptr<grpc::Channel> channel(const std::string& address);
  void say(int level, const std::string& text) const;
  std::vector<Tried> tried() const;

  /// The leader: the one known, or one looked for until the deadline.
  /// Errors: `unreachable` (at once, where nobody could be reached yet), `no_leader`, `no_quorum`.
  Result<Found> leader();
  /// The known one is none any more, or can't be reached; `instead` may be, if not empty.
  void lost_leader(const std::string& instead);
  /// Whether somebody else leads in a later term than `leader` did. Asks all, for a moment.
  bool is_superseded(const Found& leader);
  /// The leader, or where there is none the one who knows most of those that answer.
  /// Errors: `unreachable`.
  Result<Found> anyone();

  /// Where reads go: the one endpoint until it is lost; else a node that follows and is not far
  /// behind. Errors: `unreachable`.
  Result<std::string> reader();
  /// What each says of itself, asked at the same time.
  std::vector<Result<NodeStatus>> statuses_of(const std::vector<std::string>& addresses,
                                              Duration limit);
  /// Whether there is more than one address to ask.
  bool has_choice() const;
  /// Whether the node at `address` answers, and follows somebody. One try, for a moment.
  bool serves(const std::string& address);
  /// Asks the node at `address` who else there is, should it be lost.
  void learn_members(const std::string& address);
  /// A read from `address` has failed: nothing where it should be tried again, after the pause that
  /// this takes and perhaps elsewhere; else the error to give up with.
  Result<void> retry_read(Failed failed, const std::string& address, Backoff& backoff);

  /// Somebody has answered a call of this client.
  void reached();
  bool was_reached() const;

  /// The error for a failed call to `address`: with its name where gRPC has no better words.
  Error explain(Failed failed, const std::string& address) const;
  /// The same of a call that is not made again: also says why nobody answers there.
  Error explain_once(Failed failed, const std::string& address) const;

 private:
  struct Probe;
  struct Survey;

  enum class Wanted : uint8_t { leader, anyone };
  Result<Found> find(Wanted wanted);
  std::vector<std::string> addresses() const;
  std::shared_ptr<Survey> begin_survey(const std::vector<std::string>& addresses, Duration limit);
  /// Asks every known address for its status, all at the same time, until a leader has answered.
  std::vector<Found> survey(Duration limit);
  void add_tried(const std::string& address, const tl::expected<NodeStatus, Failed>& answer);
  void learn(const std::string& address);  ///< Under the mutex.
  std::optional<Found> best_leader(const std::vector<Found>& found) const;
  Error no_leader(const std::vector<Found>& found) const;
  bool somebody_is_silent() const;
  Error unreachable() const;  ///< Says what was tried.

  const ClientOptions options_;
  Deadline deadline_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::string> learned_;   ///< Addresses beside the endpoints, in order of discovery.
  std::vector<raft::Member> members_;  ///< As a node that answered knew them; empty: not known.
  std::vector<Tried> tried_;
  std::optional<Found> leader_;
  std::string reader_;
  bool reader_lost_ = false;  ///< The one endpoint is no longer the first choice.
  bool reached_ = false;
};

}  // namespace ledger::rpc
