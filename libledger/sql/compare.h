// Rows that should be in a table, held against those that are.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sql/target.h"

namespace ledger::sql {

/// One thing that is not as the log says. Texts are for people: amounts in major units, long ones
/// cut.
struct Difference {
  std::string table;
  std::string key;                          ///< An offset, an offset and leg, a name.
  std::string column;                       ///< Empty: the whole row.
  std::optional<std::string> log = {};      ///< Nothing: null, or no such row.
  std::optional<std::string> replica = {};  ///< The same.
  std::string note = {};                    ///< `version 12 in both`

  /// `transfers 43/0 amount: log 50.00, replica 5.00`
  std::string text() const;
};

/// What a difference is shown with; the log knows better than the replica.
struct Labels {
  std::string key;
  unsigned scale = 0;  ///< Of the row's amounts.
};

/// Walks over a table in the order of its key, beside the rows that should be there.
class Comparison {
 public:
  using Tell = std::function<void(const Difference&)>;
  /// How to show a row, whether it is the log's or the replica's.
  using Label = std::function<Labels(const Cells&)>;

  /// `target` is within a transaction and must outlive this.
  static Result<Comparison> open(Target& target, const Table& table, Tell tell, Label label);

  /// The next row that should be there; keys only rise.
  Result<void> expect(std::span<const Value> row);
  /// No more rows should be there.
  Result<void> end();

 private:
  Comparison(const Table& table, Duration resolution, std::unique_ptr<Reader> reader, Tell tell,
             Label label);
  Result<void> read();
  /// Negative where the key of `a` comes first.
  int order(const Cells& a, const Cells& b) const;
  void compare(const Cells& wanted);
  void tell_row(const Cells& row, bool in_log) const;

  const Table* table_;
  Duration resolution_;
  std::unique_ptr<Reader> reader_;
  Tell tell_;
  Label label_;
  std::optional<Cells> found_;  ///< The row that the reader stands at.
  Cells wanted_;
};

}  // namespace ledger::sql
