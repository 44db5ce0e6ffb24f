// What a program that talks to a cluster needs: synchronous, and without a word of protobuf.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/types.h"
#include "book/book.h"
#include "rpc/gossip_port.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// How long a client waits for others.
struct Patience {
  enum class Kind : uint8_t {
    whole,     ///< `limit` bounds everything from the making of the client on.
    progress,  ///< `limit` bounds the time that one waits while nothing comes.
    endless,   ///< Nothing is bounded; connections are tried again for ever.
  };
  Kind kind = Kind::whole;
  Duration limit = std::chrono::seconds(5);
};

struct ClientOptions {
  std::vector<std::string> endpoints;  ///< HOST:PORT of some members; at least one.
  Patience patience;
  /// Steps (level 1) and gRPC's own texts (level 2), for people who ask for them. Any thread.
  std::function<void(int level, const std::string& text)> verbose = {};
};

/// An address that was asked, and what came of it.
struct Tried {
  std::string name;  ///< The node's, if it answered.
  std::string address;
  bool ok = false;
  std::string result;  ///< `candidate, term 9`; `refused`.
};

/// A money command; as a record it must pass `book::check`. The id is its idempotency key.
struct Command {
  Id id;
  std::optional<Offset> expect_offset = {};
  std::optional<Time> valid_until = {};
  std::string meta = {};
  std::variant<book::Asset, book::Account, book::Transact> body;
};

/// What became of the commands of one request.
struct Posted {
  std::vector<book::Decision> decisions;  ///< One a command, unless `refused`.
  struct Refused {
    uint32_t index = 0;
    book::RequestError error;
  };
  std::optional<Refused> refused;  ///< Nothing of the request was written.
};

/// What became of the records of one submission.
struct Appended {
  Term term;
  Time recorded;                     ///< Of the last; 0 where none is new.
  std::vector<Offset> offsets;       ///< Of a duplicate or id conflict: the first record's.
  std::vector<uint32_t> duplicates;  ///< Positions.
  std::vector<uint32_t> refused;     ///< Positions; their verdict is not ok.
};

/// Writes that are under way on one stream, answered in order. What a lost stream leaves unanswered
/// goes to the next leader under the same ids, so nothing is written twice.
///
/// Threads: one calls `submit` and `close`, one (the same, or another) calls `next`, which does the
/// work of finding leaders; while nobody is in `next` the stream that stands goes on by itself.
template <class Submission, class Answer>
class Writer {
 public:
  virtual ~Writer() = default;

  /// Hands over what is to be written, and waits while the window is full; one submission is always
  /// taken. With one thread for both sides, ask `has_room` first.
  virtual void submit(Submission submission) = 0;
  /// Whether `submit` of `count` items would not wait.
  virtual bool has_room(size_t count) const = 0;
  /// No more will come.
  virtual void close() = 0;
  /// The answer to the oldest unanswered submission; nothing after `close` and the last answer.
  ///
  /// Errors end the writer. `unknown_outcome`: the oldest may have been written or not; ask again
  /// with the same id. `unreachable`, `no_leader`, `no_quorum`, `busy`, `no_space`: it was not.
  /// `invalid_…`, `too_large`: it can't be. Of later submissions nothing is known.
  virtual Result<std::optional<Answer>> next() = 0;
  /// True if an answer waits, so that `next` would not.
  virtual bool has_answer() const = 0;
};

/// Records, packed one after the other, sizes first, raw, checked, at most entry_bytes_max.
struct Packed {
  std::string records;
  uint32_t count = 0;
};
using Appender = Writer<Packed, Appended>;
using Poster = Writer<std::vector<Command>, Posted>;

/// Records as they come from a node, in offset order, without gaps, across lost connections.
class Reader {
 public:
  virtual ~Reader() = default;
  /// The next records; nothing at the end. When following, an empty batch where none come for
  /// `patience`, so that the caller can look up.
  /// Errors: `out_of_range`, `unreachable`, `no_leader`, `timeout`, `corrupt_segment` …
  virtual Result<std::optional<book::Decided>> next(Duration patience) = 0;
};

struct Range {
  Offset from;
  std::optional<Offset> to = {};  ///< Exclusive. Absent: the end when the reading begins, or none.
  bool follow = false;            ///< Goes on with what is appended later.
  Freshness freshness = {};
};

template <class T>
struct AsOf {
  T value;
  Offset as_of;  ///< Exclusive: the records below it are in the answer.
};

struct AccountAnswer {
  book::AccountRow row;
  std::string meta;
};

struct TransactionAnswer {
  book::Decision decision;
  std::string record;  ///< Bytes without the size.
};

/// Finds the leader for writes; reads go to the one endpoint, or, of several, to one that is not
/// the leader. Failures to reach anybody carry what was tried in `tried()`.
///
/// Threads: one, beside those of its writers and readers, which it must outlive.
class Client {
 public:
  /// Errors: `invalid_value`.
  static Result<std::unique_ptr<Client>> create(ClientOptions options);
  virtual ~Client() = default;

  /// The addresses asked last, and what came of it: for an error's report.
  virtual std::vector<Tried> tried() const = 0;

  /// Of the leader, which is looked for; its clock is what `valid_until` is counted from.
  /// Errors: `unreachable`, `no_leader`, `no_quorum`.
  virtual Result<NodeStatus> leader() = 0;
  /// Of the node that reads go to.
  virtual Result<NodeStatus> status() = 0;
  /// Of the node at `address`, whoever it is: one try.
  virtual Result<NodeStatus> status_of(const std::string& address) = 0;
  /// Of many, asked at the same time; each is given up after a while that leaves time for more.
  virtual std::vector<Result<NodeStatus>> statuses_of(
      const std::vector<std::string>& addresses) = 0;
  /// The exclusive end of what is applied at `address`, after a linearizable read there, which only
  /// a leader with a quorum or one who follows it can answer. One try.
  virtual Result<Offset> end_of(const std::string& address) = 0;

  /// Who belongs to the cluster: as the leader knows it, or where there is none the one who knows
  /// most of those that answer. Errors: `unreachable`.
  virtual Result<Members> members() = 0;
  /// The same as the node at `address` knows it. One try.
  virtual Result<Members> members_of(const std::string& address) = 0;
  /// Tells the node at `address` to contact these gossip addresses. One try, within the deadline.
  /// Errors: `peer_unreachable`, `cluster_id_mismatch`, `config_invalid` (it does not gossip).
  virtual Result<Met> meet(const std::string& address,
                           const std::vector<std::string>& addresses) = 0;
  /// Asks the leader for a change, but `add`, until it is done or the deadline has come.
  ///
  /// Errors: `unknown_outcome`: it may have been made or may still be; ask again, that is safe.
  /// `unreachable`, `no_leader`, `no_quorum`, `busy`: nothing was done. `no_such_member`,
  /// `quorum_guard`, `member_alive`, `target_behind`.
  virtual Result<Changed> change(const Change& change) = 0;

  /// Whether the node at `address` says that it can serve: health `ledger.ready`. One try.
  virtual Result<bool> is_ready(const std::string& address) = 0;

  /// At most `window` records under way, and at least one submission.
  virtual std::unique_ptr<Appender> append(size_t window) = 0;
  /// At most `window` commands under way, and at least one submission.
  virtual std::unique_ptr<Poster> post(size_t window) = 0;
  /// One request and its answer.
  virtual Result<Posted> post(std::vector<Command> commands) = 0;

  /// Every record with its verdict, without details.
  virtual std::unique_ptr<Reader> read(const Range& range) = 0;
  /// The same with details; `name` is for the node's metrics.
  virtual std::unique_ptr<Reader> decisions(const Range& range, const std::string& name) = 0;

  /// Exclusive end of what is applied.
  virtual Result<Offset> end(const Freshness& freshness) = 0;
  /// The first offset recorded at or after `time`, or the end.
  virtual Result<Offset> find(Time time) = 0;
  /// Id and time of a record. Errors: `out_of_range`.
  virtual Result<std::pair<Id, Time>> identify(Offset offset) = 0;

  /// Errors of both: `no_such_account`.
  virtual Result<AsOf<AccountAnswer>> account(const Id& id, const Freshness& freshness) = 0;
  virtual Result<AsOf<AccountAnswer>> account(const std::string& name,
                                              const Freshness& freshness) = 0;
  /// By name; `prefix` in whole parts.
  virtual Result<AsOf<std::vector<book::AccountRow>>> accounts(const std::string& prefix,
                                                               bool nonzero,
                                                               const Freshness& freshness) = 0;
  virtual Result<AsOf<std::vector<book::AssetRow>>> assets(const Freshness& freshness) = 0;
  /// Nothing where the id is not recorded.
  virtual Result<AsOf<std::optional<TransactionAnswer>>> transaction(
      const Id& id, const Freshness& freshness) = 0;
};

}  // namespace ledger::rpc
