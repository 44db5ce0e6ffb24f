#include "sql/json_value.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace ledger::sql {
namespace {

using nlohmann::json;

/// One form for all ways to write a number: `-12e-1` for -1.20. Nothing for what is none.
std::optional<std::string> canonical_number(std::string_view text) {
  std::string digits;
  int64_t exponent = 0;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto take_digits = [&] {
    size_t count = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; ++count) {
      digits += text[0];
      text.remove_prefix(1);
    }
    return count;
  };
  const bool zero_first = text.starts_with('0');
  const size_t whole = take_digits();
  if (whole == 0 || (zero_first && whole > 1)) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const size_t decimals = take_digits();
    if (decimals == 0) return std::nullopt;
    exponent = -static_cast<int64_t>(decimals);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+')) text.remove_prefix(1);
    int32_t power = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), power);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    exponent += power;
  }
  if (!text.empty()) return std::nullopt;
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  for (; digits.ends_with('0'); digits.pop_back()) ++exponent;
  return (negative ? "-" : "") + digits + "e" + std::to_string(exponent);
}

/// The text with its numbers as strings in one form, since no parser keeps numbers of any length:
/// "n" in front tells them from other strings, which get an "s".
std::optional<std::string> without_numbers(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      out += "\"s";
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        out += text[i];
        if (text[i] == '\\' && i + 1 < text.size()) out += text[++i];
      }
      out += '"';
      ++i;
    } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
      const size_t end = std::min(text.find_first_not_of("+-.0123456789eE", i), text.size());
      const std::optional<std::string> number = canonical_number(text.substr(i, end - i));
      if (!number) return std::nullopt;
      out += "\"n" + *number + '"';
      i = end;
    } else {
      out += text[i++];
    }
  }
  return out;
}

void drop_nulls(json& value) {
  if (value.is_object()) {
    for (auto member = value.begin(); member != value.end();) {
      member = member->is_null() ? value.erase(member) : std::next(member);
    }
  }
  if (value.is_structured()) {
    for (json& part : value) drop_nulls(part);
  }
}

std::optional<json> parse(std::string_view text) {
  const std::optional<std::string> rewritten = without_numbers(text);
  if (!rewritten) return std::nullopt;
  json value = json::parse(*rewritten, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  drop_nulls(value);
  return value;
}

}  // namespace

bool same_json(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const std::optional<json> left = parse(a);
  return left && left == parse(b);
}

}  // namespace ledger::sql
