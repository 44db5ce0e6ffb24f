// Copies the log's decisions into a database: exactly once, whatever is killed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "history/source.h"
#include "sql/target.h"

namespace ledger::sql {

/// An offset, or the first record recorded at or after a time.
using Position = std::variant<Offset, Time>;

struct Progress {
  uint64_t done = 0;  ///< Records applied by this run.
  std::optional<uint64_t> total =
      {};  ///< That it will have applied at the end; none if it follows.
  Offset next_offset;
  uint64_t lag = 0;  ///< Records that the source had and the target has not.
};

/// What to do, and whom to ask and tell meanwhile. Callbacks run on the caller's thread.
struct Job {
  /// Opens the target; called again after a lost connection.
  std::function<Result<std::unique_ptr<Target>>()> open;
  std::string name = "default";
  std::optional<Position> from = {};  ///< Only for an empty target, or where its watermark is.
  std::optional<Position> to = {};    ///< Exclusive. Without, the end as of the start.
  bool follow = false;                ///< Goes on after the end.
  size_t batch_records = 10'000;
  bool rebuild = false;  ///< Drops what is there and begins anew.
  bool raw = false;      ///< Keeps raw records; for a target that is made now.
  /// How amounts are stored in a target that is made now; an existing one must be as is asked.
  std::optional<Amounts> amounts = {};

  /// Asked between batches: true ends the run after what is complete has been committed.
  std::function<bool()> stop = [] { return false; };
  std::function<void(const Progress&)> progress = [](const Progress&) {};
  /// After a lost connection while following: waits a while and says whether to try again.
  std::function<bool(const Error&)> again = [](const Error&) { return false; };
  /// The clock that batches are closed by while following.
  std::function<Instant()> now = [] { return Instant{}; };
};

struct Summary {
  uint64_t count = 0;  ///< Records that this run applied.
  Offset next_offset;
  bool stopped = false;  ///< Ended by `stop`.
};

/// Applies records until `to`, the end, or a stop. The watermark moves in the transaction that
/// writes the rows, guarded by where it stood, so a crash at any moment costs nothing but time, and
/// what is not known after a lost answer is read back.
///
/// Errors: those of Target and Source; `database_mismatch`, `history_mismatch`, `schema_too_new`
/// and `replica_changed` before anything is written; `invalid_value` where the job does not fit the
/// target; `out_of_range`; `amount_too_large`, after all that precedes that record is committed.
Result<Summary> run(history::Source& source, const Job& job);

/// What `run` would do, after the same checks; nothing is written.
struct Plan {
  std::vector<std::string> steps;  ///< `check schema 1`, `apply 500..12534` …
  Offset from;
  Offset to;
};
Result<Plan> plan(history::Source& source, const Job& job);

/// The watermark of a target. Errors: `no_such_replay`.
Result<Watermark> status(Target& target);

}  // namespace ledger::sql
