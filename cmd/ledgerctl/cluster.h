// How a command talks to its cluster.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "cli/context.h"
#include "cli/values.h"
#include "io/system_clock.h"
#include "names.h"
#include "rpc/client.h"
#include "rpc/deadline.h"

namespace ledger::cli {

/// A client for the command's endpoints, which may take as long as `deadline` says.
Checked<std::unique_ptr<rpc::Client>> connect(Context& context, Deadline deadline);
/// The same for commands that follow: connections are tried for ever.
Checked<std::unique_ptr<rpc::Client>> connect_endless(Context& context);

/// The time that a command has which asks again and again, begun now.
rpc::Deadline waiting(const Context& context);

/// The error with the addresses that were tried, where nobody could be reached or nobody leads.
Failure with_tried(Error error, const rpc::Client& client);

/// What the client answered, its error with the addresses that were tried.
template <class T>
Checked<T> asked(const rpc::Client& client, Result<T> result) {
  if (!result) return tl::unexpected(with_tried(std::move(result).error(), client));
  return *std::move(result);
}

/// Until when a write may still be applied: the cluster's clock, the command's timeout, and 5 s. So
/// a write whose answer was lost can't happen by surprise.
class ValidUntil {
 public:
  /// Asks the leader for its clock. Nothing is limited with `--timeout 0`.
  static Checked<ValidUntil> ask(Context& context, rpc::Client& client, Deadline deadline);

  /// For a write that is made now.
  std::optional<Time> now();

 private:
  std::optional<Duration> ahead_;  ///< From our monotonic clock to the moment, as a time.
  io::SystemClock clock_;
};

/// Makes ids, version 7. One thread.
class IdMaker {
 public:
  Id make();

 private:
  io::SystemClock clock_;
  io::SystemRandom random_;
  std::array<uint8_t, 4000> chance_{};
  size_t used_ = sizeof chance_;
};

/// Accounts as the cluster knows them; what was once found is remembered. Threads: any.
class ClusterNames : public Names {
 public:
  /// `client` must outlive it.
  ClusterNames(rpc::Client& client, const rpc::Freshness& freshness)
      : client_(client), freshness_(freshness) {}

  Checked<const Known*> find(const Id& id) override;
  Checked<const Known*> find(std::string_view name) override;
  /// Nothing for an asset that is not defined.
  Checked<std::optional<unsigned>> scale(const std::string& asset);

  /// A row that was read anyway.
  Checked<const Known*> add(const book::AccountRow& row);

 private:
  Checked<const Known*> remember(const book::AccountRow& row);
  Checked<std::optional<unsigned>> scale_locked(const std::string& asset);

  rpc::Client& client_;
  const rpc::Freshness freshness_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Known>> by_id_;  ///< By the 16 bytes.
  std::unordered_map<std::string, const Known*> by_name_;
  std::unordered_map<std::string, unsigned> scales_;
};

/// `--at-least` and `--stale`, and the flags themselves.
Checked<rpc::Freshness> read_freshness(const Context& context);
std::vector<Flag> with_read_flags(std::vector<Flag> flags);

/// The offset that a position means in this cluster. A distance that is longer than the log is its
/// start.
Checked<Offset> place(rpc::Client& client, const rpc::Freshness& freshness,
                      const Position& position);

/// The failure that a request which can't enter the log is.
Failure request_failure(const book::RequestError& error);

/// The decision about one command that was posted alone.
Checked<book::Decision> post_one(rpc::Client& client, rpc::Command command);

/// The refusal of a command that is no transaction.
Failure refusal(const book::Decision& decision, Kind kind, Names& names);

/// `already recorded at offset 17`
void note_duplicate(Context& context, Offset offset);

/// The failure with what a retry needs to know, where nobody knows whether the write happened.
/// `hint`: what to type, where that is not the same command with `--id`.
Failure with_retry(Failure failure, const Id& id, std::optional<Time> valid_until,
                   std::string hint = {});

}  // namespace ledger::cli
