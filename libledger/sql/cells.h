// Values as text: what SQLite stores, and the one form in which rows are compared and shown.
#pragma once

#include <string>

#include "sql/schema.h"

namespace ledger::sql {

constexpr size_t id_text_bytes = 36;
constexpr size_t time_text_bytes = 30;

/// Writes the 36 characters of `id` to `to`.
void write_id(char* to, const Id& id);

/// Writes times as `2026-01-01T00:00:21.000000000Z`, and remembers the second it wrote last, since
/// the next one is mostly the same.
class TimeWriter {
 public:
  /// Writes the 30 characters to `to`.
  void write(char* to, Time time);

 private:
  int64_t second_ = INT64_MIN;
  char prefix_[20] = {};
};

std::string hex(Bytes bytes);

/// The text of a value that is there. A time is cut to `resolution`, 1 ns or 1 µs, and has nine or
/// six decimals.
std::string cell(const Value& value, Type type, Duration resolution);

}  // namespace ledger::sql
