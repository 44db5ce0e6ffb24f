// Text for people: escapes, tables, times, and names that were nearly right.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace ledger::cli {

enum class Escape : uint8_t {
  value,  ///< C escapes for all that is not printable UTF-8, and for the backslash.
  line,   ///< The same, but a backslash stands for itself: for names and messages.
};

/// `text` on one line, without a byte that could move a terminal: \n, \t, \xNN.
std::string escaped(std::string_view text, Escape escape);

bool valid_utf8(std::string_view text);

/// Rows under a header in capitals, aligned, two spaces apart, no borders, `-` for an empty cell.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  /// As many cells as the header has.
  void add(std::vector<std::string> cells);

  /// The lines, each with its newline, cut to `width` columns where that is not 0.
  std::string text(size_t width) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// `name  value` lines, the values aligned.
std::string name_values(const std::vector<std::pair<std::string, std::string>>& rows);

/// Local time to the second with its offset from UTC: `2026-02-01T10:30:00+01:00`.
std::string local_time(Time time);

/// `0.1 s`, `3.1 s`, `2m 5s`.
std::string seconds_text(Duration duration);

/// The candidate at the smallest edit distance from `word`, if that is 2 or less (and less than the
/// word's length).
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace ledger::cli
