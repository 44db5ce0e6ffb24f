// What peers ask of a node, and what it asks of them. `node` implements the first, `rpc` the
// second; nothing of gRPC or protobuf stands here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "raft/engine.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// Who a node is, as it tells anybody who asks. Also a node that belongs to no cluster yet answers.
struct Introduction {
  std::string name;
  MemberId member;
  std::string address;  ///< Where it can be reached: HOST:PORT of the rpc service.
  std::string version;  ///< Of the program.
  Id cluster;           ///< Nil: it belongs to none yet.
  /// The first entry of its cluster's log, where it has it: what a founder begins with.
  std::optional<Entry> founding;
  bool expects = false;  ///< Waits to found a cluster together with the others.
};

/// Entries of a node's log in [from, end), asked for by a peer that lacks them: the committed ones;
/// and all of them, if the node's log holds entry `end` - 1 with `term`.
///
/// With `term` it is a question about that one entry: there is one answer to it, with or without
/// entries. The term may be 0, which no entry has. Without, entries follow until there are no more.
struct EntriesAsked {
  Index from;
  Index end;
  std::optional<Term> term;
};

/// A node's answer.
struct EntriesGiven {
  std::vector<Entry> entries;    ///< From `from` on and without a gap; maybe none.
  Index committed;               ///< The node's commit index.
  Match match = Match::unknown;  ///< Of entry `end` - 1; unknown where no term was said.
  /// How long the node wants to be left alone before it is asked for what follows; is not sent.
  Duration pause{};
};

/// What a leader says of itself once a majority of the others, asked after this question came, has
/// confirmed that it leads.
struct Leading {
  Term term;        ///< An entry of it is committed.
  Index committed;  ///< Its commit index.
  Index last;       ///< The last entry of its log, committed or not.
};

/// A node, as its peers see it. Threads: any.
class PeerNode {
 public:
  virtual ~PeerNode() = default;

  /// Messages of a member that came in, in order. Drops what it has no room for: consensus lives
  /// with losses. False: `from` was a member and is none any more; its stream ends with that.
  virtual bool receive(MemberId from, std::vector<raft::Message> messages) = 0;

  /// At least one entry where there is one that may be given away, then as many as fit into
  /// `bytes_max`; nothing where there is none. Blocks on the disk only.
  virtual Result<EntriesGiven> entries(const EntriesAsked& asked, size_t bytes_max) = 0;

  /// Failures: `no_leader`, `busy`, `timeout`.
  virtual void confirm(Reply<Leading> reply) = 0;

  /// What shall go to `to` next, in order, complete and about `bytes_max` together; nothing where
  /// nothing waits. One caller a member at a time. Blocks on the disk only.
  virtual std::vector<raft::Message> outgoing(MemberId to, size_t bytes_max) = 0;
};

/// Streams of messages to all the others, kept open.
///
/// Threads: any. `receive`, `outgoing` and the callbacks are called from gRPC's.
class Peers {
 public:
  struct Options {
    MemberId self;
    Id cluster;  ///< Peers of another cluster are refused, whoever called.
    /// Once each time a stream to a member opens or breaks, for the log of the node.
    std::function<void(const raft::Member&, bool up)> changed = {};
    /// Somebody refuses us because we are no member any more (PeerNode::receive said so). Once.
    std::function<void()> gone = {};
    /// Why a member that answers does not take our stream otherwise, once for each new reason:
    /// `cluster_id_mismatch`, `peer_unreachable` (another one is at that address) …
    std::function<void(const raft::Member&, const Error&)> refused = {};
  };

  /// `node` must answer until `stop` has returned.
  static std::unique_ptr<Peers> start(Options options, PeerNode& node);
  virtual ~Peers() = default;

  /// Who the others are from now on, with the addresses where they are. Streams to who is no longer
  /// named end once what waits for them is sent, or at once where they can't be reached.
  virtual void set_members(std::vector<raft::Member> others) = 0;

  /// Something waits in `outgoing` for this member. Cheap; may be called once a message.
  virtual void wake(MemberId to) = 0;

  /// The same without a change of threads, which costs 20 us, and milliseconds where all cores are
  /// busy: unless something is on its way to this member, `outgoing` is called for 64 KiB and what
  /// it gives is written before this returns. What is left follows on gRPC's threads.
  virtual void send(MemberId to) = 0;

  /// Asks for the next batch, or ends a pull (false): nothing comes after that. Once a batch, any
  /// thread, at any time: the stream waits for it.
  using More = std::function<void(bool)>;
  /// Receives a batch of consecutive entries, whole and checked, beginning where the last ended, or
  /// the failure that ended the pull; an empty batch: all that was asked for has come, or this
  /// member has no more. Must not block: two threads serve all streams of the process.
  using Take = std::function<void(Result<std::vector<Entry>>, More)>;

  /// Asks a member for entries. Failures: `unreachable`, `busy`, `cluster_id_mismatch`,
  /// `internal` (what came is not what was asked for), and what the member answers.
  virtual void pull(MemberId from, const EntriesAsked& asked, Take take) = 0;

  /// Ends all streams and pulls; nothing is called afterwards.
  virtual void stop() = 0;
};

/// Questions of a node whose log is damaged, asked one at a time, without a stream of messages.
///
/// Threads: one at a time; `stop` from any.
class Questions {
 public:
  /// Of the member `self` of this cluster.
  static std::unique_ptr<Questions> start(MemberId self, const Id& cluster);
  virtual ~Questions() = default;

  /// Each blocks up to `patience`. Failures: `unreachable`, `busy`, `timeout`,
  /// `cluster_id_mismatch`, `internal` (what came is not what was asked for), and what the member
  /// answers.
  virtual Result<EntriesGiven> entries(const raft::Member& of, const EntriesAsked& asked,
                                       Duration patience) = 0;
  virtual Result<Leading> confirm(const raft::Member& of, Duration patience) = 0;

  /// Ends what is being asked, and whatever will be.
  virtual void stop() = 0;
};

/// Asks whoever listens at `address` who it is. Blocks up to `patience`.
/// Failures: `unreachable`, `timeout`, `protocol_mismatch` (not a ledger node).
Result<Introduction> hello(const std::string& address, Duration patience);

/// Asks the leader, found from any of `addresses`, to take `self` in as a standby; harmless when it
/// is one already. Blocks up to `patience`. Failures: `unreachable`, `no_leader`,
/// `timeout`, `cluster_id_mismatch`, `name_taken`, and what else the leader refuses with.
Result<void> ask_to_join(const std::vector<std::string>& addresses, const Introduction& self,
                         Duration patience);

}  // namespace ledger::rpc
