// Clients that record what they ask and what they are told, and ask again.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "sim/witness.h"
#include "sim/world.h"

namespace ledger::sim {

/// Several clients, each with one request at a time. They write raw records and transfers in small
/// batches, repeat the same ids with any member until they are told, sometimes give up and come
/// back later, try ids of others on purpose, and read in every way from anybody.
class Clients {
 public:
  explicit Clients(World& world);

  /// From now on they are at it.
  void begin();

  /// One record more, from nobody who waits for anything else.
  void write_one() {
    write(fresh(1), 4, believed_, [] {});
  }
  /// A linearizable read from this member; `done` with whether it was answered in time.
  void read_one(Machine& machine, std::function<void(bool)> done);

 private:
  using Done = std::function<void()>;

  void next(size_t client);
  Batch setup();
  Batch fresh(size_t count);
  Batch conflict();
  std::string raw(const Id& id);
  std::string transfer(const Id& id);
  Id fresh_id();

  /// Sends `batch` up to `attempts` times, first to `to` where it is known.
  void write(const Batch& batch, size_t attempts, MemberId to, Done done);
  void write_to(Machine& machine, const Batch& batch, size_t attempts, Done done);
  void tell_answer(const Machine& machine, const Batch& batch,
                   const rpc::Answer<rpc::Outcome>& answer);
  void tell_read(const Machine& machine, Offset end, Offset covers);
  void read(Done done);
  void read_from(Machine& machine, const rpc::Freshness& freshness, std::function<void(bool)> done);
  void page(Done done);
  Machine* target(MemberId to);
  Duration trip();

  World& world_;
  Random& random_;
  MemberId believed_;  ///< Who was last said to lead.
  uint64_t ids_ = 0;
  bool is_set_up_ = false;
  std::vector<Id> accounts_;
  std::deque<Batch> unsettled_;  ///< Given up, and perhaps written.
  std::deque<Batch> settled_;    ///< Acknowledged lately.
};

}  // namespace ledger::sim
