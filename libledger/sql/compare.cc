#include "sql/compare.h"

#include <charconv>

#include "base/int128.h"
#include "sql/cells.h"
#include "sql/json_value.h"

namespace ledger::sql {
namespace {

constexpr size_t shown_bytes_max = 120;

std::optional<std::string> shown(const std::optional<std::string>& cell, Type type,
                                 unsigned scale) {
  if (!cell) return std::nullopt;
  if (type == Type::amount) {
    if (const std::optional<Int128> minor = parse_amount(*cell, 0)) {
      return format_amount(*minor, scale);
    }
  }
  if (cell->size() <= shown_bytes_max) return cell;
  // Not inside a character.
  size_t end = shown_bytes_max;
  while (end > 0 && (static_cast<uint8_t>((*cell)[end]) & 0xc0) == 0x80) --end;
  return cell->substr(0, end) + "…";
}

/// A number of any sign, or nothing.
std::optional<int64_t> number(const std::optional<std::string>& cell) {
  if (!cell) return std::nullopt;
  int64_t value = 0;
  const char* end = cell->data() + cell->size();
  const auto parsed = std::from_chars(cell->data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

std::string Difference::text() const {
  const std::string at = table + " " + key;
  if (column.empty()) return at + (log ? ": missing in replica" : ": not in the log");
  return at + " " + column + ": log " + log.value_or("null") + ", replica " +
         replica.value_or("null") + (note.empty() ? "" : " (" + note + ")");
}

Comparison::Comparison(const Table& table, Duration resolution, std::unique_ptr<Reader> reader,
                       Tell tell, Label label)
    : table_(&table),
      resolution_(resolution),
      reader_(std::move(reader)),
      tell_(std::move(tell)),
      label_(std::move(label)) {}

Result<Comparison> Comparison::open(Target& target, const Table& table, Tell tell, Label label) {
  std::unique_ptr<Reader> reader = TRY(target.read(table));
  Comparison out(table, target.time_resolution(), std::move(reader), std::move(tell),
                 std::move(label));
  TRY(out.read());
  return out;
}

Result<void> Comparison::read() {
  if (!found_) found_.emplace();
  const bool there = TRY(reader_->next(*found_));
  if (!there) found_.reset();
  return {};
}

int Comparison::order(const Cells& a, const Cells& b) const {
  for (size_t i = 0; i < table_->key; ++i) {
    const std::optional<int64_t> left = number(a[i]);
    const std::optional<int64_t> right = number(b[i]);
    const bool numbers = table_->columns[i].type != Type::text &&
                         table_->columns[i].type != Type::id && left && right;
    const auto order =
        numbers ? *left <=> *right : std::strong_ordering(a[i].value_or("") <=> b[i].value_or(""));
    if (order != 0) return order < 0 ? -1 : 1;
  }
  return 0;
}

Result<void> Comparison::expect(std::span<const Value> row) {
  wanted_.resize(row.size());
  for (size_t i = 0; i < row.size(); ++i) {
    if (std::holds_alternative<std::monostate>(row[i])) {
      wanted_[i].reset();
    } else {
      wanted_[i] = cell(row[i], table_->columns[i].type, resolution_);
    }
  }
  while (found_ && order(*found_, wanted_) < 0) {
    tell_row(*found_, false);
    TRY(read());
  }
  if (!found_ || order(*found_, wanted_) != 0) {
    tell_row(wanted_, true);
    return {};
  }
  if (*found_ != wanted_) compare(wanted_);
  return read();
}

Result<void> Comparison::end() {
  while (found_) {
    tell_row(*found_, false);
    TRY(read());
  }
  return {};
}

void Comparison::compare(const Cells& wanted) {
  const Labels labels = label_(wanted);
  for (size_t i = table_->key; i < wanted.size(); ++i) {
    const Column& column = table_->columns[i];
    const std::optional<std::string>& found = (*found_)[i];
    if (found == wanted[i]) continue;
    if (column.type == Type::json && found && wanted[i] && same_json(*found, *wanted[i])) continue;
    // A balance is easier to look up in the log by its version.
    std::string note;
    for (size_t v = 0; column.type == Type::amount && v < wanted.size(); ++v) {
      if (table_->columns[v].name != "version" || (*found_)[v] != wanted[v]) continue;
      note = "version " + wanted[v].value_or("") + " in both";
    }
    tell_({std::string(table_->name), labels.key, std::string(column.name),
           shown(wanted[i], column.type, labels.scale), shown(found, column.type, labels.scale),
           note});
  }
}

void Comparison::tell_row(const Cells& row, bool in_log) const {
  Difference out{std::string(table_->name), label_(row).key, ""};
  (in_log ? out.log : out.replica) = "a row";
  tell_(out);
}

}  // namespace ledger::sql
