// What the services ask of a node. `node` implements it; nothing of gRPC or protobuf stands here.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "base/types.h"
#include "book/book.h"
#include "book/verdict.h"
#include "raft/configuration.h"

namespace ledger::rpc {

/// A failure and, where somebody else should have been asked, that member's rpc address.
struct Failure {
  Error error;
  std::string leader = {};
};

template <class T>
using Answer = tl::expected<T, Failure>;

/// Called exactly once, from the node's loop or from the caller's own thread before the asking call
/// returns. Must not block.
template <class T>
using Reply = std::function<void(Answer<T>)>;

/// Records to write, checked (`book::check`) and packed one after the other, sizes first.
struct Proposal {
  std::string packed;  ///< At most entry_bytes_max: fits one entry.
  uint32_t count = 0;
  bool decisions = false;  ///< Whether `Outcome::decisions` is wanted.
};

/// What became of a proposal, record by record, in its order. Every record is on a majority of
/// disks and applied.
struct Outcome {
  Term term;
  Time recorded;                     ///< Of the last record that has an offset of its own here.
  std::vector<Offset> offsets;       ///< Of a duplicate or id conflict: the first record's.
  std::vector<uint32_t> duplicates;  ///< Positions in the proposal.
  std::vector<uint32_t> refused;     ///< Positions; their verdict is not ok.
  std::vector<book::Decision> decisions;  ///< One a record, if asked for.
};

/// How fresh a read must be.
struct Freshness {
  enum class Kind : uint8_t { linearizable, at_least, stale };
  Kind kind = Kind::linearizable;
  Offset at_least;  ///< The record that must have been applied.
};

/// The node's state as of one offset; valid during the call it is given to.
class View {
 public:
  virtual ~View() = default;
  virtual const book::Book& book() const = 0;

  struct Transaction {
    book::Decision decision;
    std::string record;  ///< Bytes without the size.
  };
  /// The first record with this id and what was decided, if there is one. Errors: `io`,
  /// `corrupt_segment`.
  virtual Result<std::optional<Transaction>> transaction(const Id& id) const = 0;
};

struct NodeStatus {
  std::string node;
  MemberId member;
  std::string role;    ///< leader, follower, candidate, mending.
  std::string leader;  ///< Its rpc address; empty when unknown.
  Term term;
  Offset first_offset;
  Offset next_offset;  ///< Appended here.
  Offset committed;    ///< Exclusive ends, all three.
  Offset applied;
  uint64_t segments = 0;
  uint64_t bytes = 0;
  std::optional<book::Digest> digest;  ///< As of `applied`.
  Time clock;  ///< max(our clock, log time): what `valid_until` is held against.
  Id cluster;
  bool ready = false;         ///< Has a leader and has applied what was committed when it started.
  std::string version;        ///< Of the program.
  std::string no_space = {};  ///< Why it refuses writes; empty while its disk has room.
  std::string http = {};      ///< HOST:PORT of its http port.
  std::string mending = {};   ///< Its log is damaged: what it is about. Empty: it is not.
};

/// A member as gossip knows it. What it says of itself in its tags is proven by nothing.
struct GossipMember {
  enum class State : uint8_t { unknown, alive, suspect, failed, leaving, left };
  std::string name;
  std::string address;  ///< HOST:PORT of its gossip.
  State state = State::unknown;
  // Of its tags.
  bool ledger = false;      ///< `role=ledger`.
  MemberId member;          ///< `id`; 0: there is none, or it is malformed.
  std::string cluster;      ///< `cluster`, a UUID; empty: it belongs to none.
  std::string rpc_address;  ///< `rpc_addr`; empty: none, or malformed.
  std::string version;

  friend bool operator==(const GossipMember&, const GossipMember&) = default;
};

/// `alive`, `suspect`, `failed`, `leaving`, `left`, `unknown`.
std::string_view word(GossipMember::State state);

/// The configuration in force, and what the leader knows of its members.
struct Members {
  struct One {
    raft::Member member;
    /// The rest is known to the leader alone; a time of 0: nothing was heard since it leads.
    Time heard;
    Index held;  ///< What it is known to have on disk.
  };
  std::vector<One> all;
  Term term;
  MemberId leader;       ///< 0: not known.
  MemberId self;         ///< Who answers; its own address is the one it has now.
  Index end;             ///< Last index of the log of who answers.
  bool settled = false;  ///< The answer is the leader's, and the configuration is committed.
  // By the gossip of who answers; nothing where it does not gossip.
  std::vector<GossipMember> gossip = {};  ///< By name.
  uint64_t gossip_unreadable = 0;         ///< Packets and streams that no key has opened.
};

/// A change of who belongs to the cluster, or of who leads it. Each may be asked again: what has
/// been done already is answered as done.
struct Change {
  enum class Kind : uint8_t {
    add,       ///< Take a newcomer in as standby; it is made a voter when it has caught up.
    leave,     ///< Take out a member that is alive; it is told, and stops.
    remove,    ///< Take out a dead one.
    replace,   ///< Wait until `member` has caught up, make it a voter, take out the one `named`.
    transfer,  ///< Hand leadership to the one `named`; empty: to the best of the others.
  };
  Kind kind = Kind::add;
  MemberId member;      ///< add, replace: the newcomer. Others: the target, or 0 for `name`.
  std::string name;     ///< add: the newcomer's. Others: the target's, or its id in hexadecimal.
  std::string address;  ///< add: the newcomer's rpc address.
  bool force = false;   ///< leave, remove, replace: don't ask whether a majority is left.
};

struct Changed {
  raft::Member subject;  ///< Who was added, taken out, or leads now.
  std::string before;    ///< transfer: who led; replace: who was replaced.
  Term term;
  bool already = false;  ///< Nothing was left to do.
};

/// A node, as its services see it. Threads: any; replies come from the loop.
class Node {
 public:
  virtual ~Node() = default;

  /// Writes and decides. Failures: `no_leader` (with `leader` where it is known), `busy`,
  /// `no_space`, `unknown_outcome` (the node stopped or lost its term before the answer was sure).
  virtual void propose(Proposal proposal, Reply<Outcome> reply) = 0;

  /// Waits until the state is fresh enough, then calls `reply` with the state, on the loop.
  /// Failures: `no_leader`, `busy`, `timeout`, `out_of_range`.
  virtual void read(const Freshness& freshness,
                    Reply<std::reference_wrapper<const View>> reply) = 0;

  /// Decided records from `from` on: at least one if `from` is before `end`, then as many as fit
  /// into `bytes_max`. `end` is an offset that was applied when some read said so. Any thread;
  /// blocks on the disk only. Errors: `out_of_range`, `corrupt_segment`, `io`.
  virtual Result<book::Decided> decided(Offset from, Offset end, size_t bytes_max) = 0;

  /// Calls `reply` with the applied end once it is beyond `offset`. Returns a ticket to take the
  /// wish back, after which `reply` will not be called (it may be running).
  virtual uint64_t watch(Offset offset, Reply<Offset> reply) = 0;
  virtual void unwatch(uint64_t ticket) = 0;

  virtual void status(Reply<NodeStatus> reply) = 0;
  virtual void members(Reply<Members> reply) = 0;

  /// Answers when the change is committed and applied, however long that takes: who asks gives up
  /// by himself and may ask again. Failures: `no_leader` (with `leader`; also where the leader had
  /// to hand over first), `busy` while another change runs, `no_such_member`, `name_taken`,
  /// `quorum_guard`, `member_alive`, `target_behind`, `cluster_id_mismatch`.
  virtual void change(Change change, Reply<Changed> reply) = 0;
};

}  // namespace ledger::rpc
