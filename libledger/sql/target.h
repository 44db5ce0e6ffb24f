// A database that holds one projection: what replay and verify ask of it, whichever it is.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/types.h"
#include "sql/schema.h"

namespace ledger::sql {

/// How amounts are stored. `integer` ends at 2^63 - 1 minor units, totals included.
enum class Amounts : uint8_t { numeric, integer, text };

std::string_view name(Amounts amounts);

/// The one row of `replay`: whose log the target holds, and how far.
struct Watermark {
  std::string name;  ///< A label that is checked, not a key.
  Id cluster;
  int schema_version = sql::schema_version;
  Amounts amounts = Amounts::numeric;
  Offset first_offset;        ///< Rows of earlier records were left out.
  bool raw = false;           ///< Raw records are kept.
  Offset next_offset;         ///< First offset not yet applied.
  std::optional<Id> last_id;  ///< Of record next_offset - 1; nothing while next_offset is 0.
  std::optional<Time> last_recorded;
  std::array<uint8_t, 32> state_digest{};
  int64_t age_ms = 0;  ///< Since it last moved, by the database's clock. Only read, never written.
};

/// A row as text, one form for both databases: integers and amounts in decimal, ids and times as
/// in JSON (to the database's resolution), `true` and `false`, bytes in hexadecimal. What somebody
/// else put there that has no such form stands as the database shows it.
using Cells = std::vector<std::optional<std::string>>;

/// Rows of one table in the order of its key; texts by their bytes. Lives within a transaction.
class Reader {
 public:
  virtual ~Reader() = default;
  /// False at the end.
  virtual Result<bool> next(Cells& row) = 0;
};

/// One connection to a target. Errors of all calls: `database_unreachable`, `denied`,
/// `file_permission`, `io`, `no_space`, and `database_mismatch` where the tables are not ours.
/// After an error in a transaction only `rollback` makes sense. One thread.
class Target {
 public:
  virtual ~Target() = default;

  /// For messages: `sqlite:books.db`, `postgresql://u:***@db/app`.
  virtual const std::string& display() const = 0;
  /// How a projection that is made now stores amounts, if `wanted` is what was asked for.
  virtual Amounts amounts(Amounts wanted) const = 0;
  /// What times are cut to.
  virtual Duration time_resolution() const = 0;

  /// Makes sure that nobody else writes, as long as the connection lives. Waits as the opening
  /// said. Errors: `replay_locked`.
  virtual Result<void> lock() = 0;

  enum class Access : uint8_t { read, write };
  /// Begins a transaction: one snapshot for reading, or the one writer. Errors: `replay_locked`.
  virtual Result<void> begin(Access access) = 0;
  /// Errors: `unknown_outcome` when the connection went while it was under way.
  virtual Result<void> commit() = 0;
  /// Never fails: what is left of a broken connection has no effect.
  virtual void rollback() = 0;

  /// The watermark, or nothing in an empty target. Errors: `database_mismatch` where others'
  /// tables stand or there is not exactly one row, `schema_too_new`.
  virtual Result<std::optional<Watermark>> look() = 0;
  virtual Result<std::unique_ptr<Reader>> read(const Table& table) = 0;

  /// Makes all tables and the row of `replay`.
  virtual Result<void> create(const Watermark& watermark) = 0;
  /// Takes away what `create` made, and nothing else.
  virtual Result<void> drop() = 0;

  /// Moves the watermark to `to`, if it stands at `from` and is of the same name and cluster.
  /// False, and nothing changed, where it does not.
  virtual Result<bool> move(Offset from, const Watermark& to) = 0;
  /// Adds new rows. Errors: `row_refused` with the offset, where the target has such a row.
  virtual Result<void> insert(const Rows& rows) = 0;
  /// Adds or replaces rows of `balances`, each account at most once.
  virtual Result<void> merge(const Rows& balances) = 0;

  /// Whether the database still answers, asked beside the call that is under way, for about
  /// `limit`. A statement may rightly take longer than any limit; a server that is stopped, or
  /// behind a dead link, looks the same from within the call. Any thread.
  virtual bool answers(Duration /*limit*/) const { return true; }
  /// Makes the call that is under way fail, and all later ones: `database_unreachable`, or
  /// `unknown_outcome` of a commit. Any thread.
  virtual void abandon() {}
};

/// How a target is opened.
struct Opening {
  bool postgres = false;
  std::string address;            ///< A path, or a libpq URI.
  std::string display;            ///< The same without passwords, for messages.
  std::string schema = "ledger";  ///< PostgreSQL only.
  std::string name = "default";   ///< Of the replay, for others that wait.
  bool write = false;
  bool create = false;                      ///< SQLite: make the file if it is not there.
  Duration connect_timeout{5'000'000'000};  ///< 0: none.
  Duration lock_timeout{5'000'000'000};
  /// The clock that `connect_timeout` is measured by.
  std::function<Instant()> now = [] { return Instant{}; };
  /// Hears what the driver itself says about errors, for -vv; may be empty.
  std::function<void(std::string_view)> debug = {};
};

/// `row_refused` for row `i`, with its offset and table.
Error row_refused(const Rows& rows, size_t i);

/// Opens a file. Errors besides those of Target: `no_such_file`.
Result<std::unique_ptr<Target>> open_sqlite(Opening opening);

}  // namespace ledger::sql
