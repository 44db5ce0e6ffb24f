// Readers that wait until the state is fresh enough, or has moved on.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "rpc/ports.h"

namespace ledger::node {

/// Reads and watches, by what they wait for: an offset, an index, or the index that the leader
/// grants to all linearizable reads that were asked for together.
///
/// Threads: the loop's.
class Readers {
 public:
  using ReadReply = rpc::Reply<std::reference_wrapper<const rpc::View>>;

  /// Answers once the records before `offset` are applied; with `timeout` at `deadline`.
  void read(Offset offset, Instant deadline, ReadReply reply);
  /// Answers once the entry at `index` is applied; likewise.
  void read(Index index, Instant deadline, ReadReply reply);

  /// A linearizable read: waits for the next `question`, its grant, and what that says.
  void ask(Instant deadline, ReadReply reply);
  /// A token, never given before, for all that asked since the last one; nothing where nobody did.
  std::optional<uint64_t> question();
  /// Those of the question with this token wait for the entry at `index`.
  void grant(uint64_t token, Index index);
  void lose(uint64_t token, const rpc::Failure& failure);

  /// Answers once the applied end is beyond `offset`.
  void watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply);
  void unwatch(uint64_t ticket);

  /// Answers all for whom `applied`, and the records before `end`, are enough, and all whose time
  /// is up.
  void advance(Index applied, Offset end, const rpc::View& view, Instant now);

  void fail_all(const rpc::Failure& failure);

  /// When `advance` must be called even if nothing moves, or earlier; nothing where no read waits.
  std::optional<Instant> next_deadline() const;

  size_t count() const {
    return asking_.size() + questioned_ + by_offset_.size() + by_index_.size() + watches_.size();
  }

 private:
  struct Read {
    Instant deadline;
    ReadReply reply;
  };
  struct Watch {
    uint64_t ticket;
    rpc::Reply<Offset> reply;
  };

  template <class Position>
  using Reads = std::multimap<Position, Read>;

  template <class Position>
  static void answer(Reads<Position>& reads, Position end, const rpc::View& view);
  template <class Position>
  void expire(Reads<Position>& reads, Instant now, const char* what, uint64_t end);
  void expire_all(Index applied, Offset end, Instant now);

  std::vector<Read> take_question(uint64_t token);

  std::vector<Read> asking_;
  std::map<uint64_t, std::vector<Read>> questions_;  ///< By token.
  size_t questioned_ = 0;                            ///< Reads in `questions_`.
  uint64_t last_token_ = 0;
  Reads<Offset> by_offset_;
  Reads<Index> by_index_;
  std::multimap<Offset, Watch> watches_;
  static constexpr Instant never{INT64_MAX};
  /// No read of `by_offset_` and `by_index_` ends before: many may wait, and turns are many.
  Instant earliest_ = never;
};

}  // namespace ledger::node
