#include "cli/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "base/ascii.h"
#include "base/node_name.h"
#include "base/time.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

auto invalid(std::string_view where, std::string_view text, std::string_view what,
             std::string_view rule) {
  return fail(Code::invalid_value,
              fmt::format("{}: '{}' is not {}", where, escaped(text, Escape::line), what),
              std::string(rule));
}

/// Decimal digits without a leading zero, or nothing.
std::optional<uint64_t> digits(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  uint64_t factor;
};

/// Digits followed by one of `units`, the product within 63 bits.
std::optional<uint64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  const auto count = static_cast<size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  const std::optional<uint64_t> number = digits(text.substr(0, count));
  const auto unit = std::ranges::find(units, text.substr(count), &Unit::name);
  if (!number || unit == units.end()) return std::nullopt;
  if (*number > static_cast<uint64_t>(INT64_MAX) / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

constexpr auto durations = std::to_array<Unit>(
    {{"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}});

constexpr auto sizes = std::to_array<Unit>({{"", 1},
                                            {"KiB", uint64_t{1} << 10},
                                            {"MiB", uint64_t{1} << 20},
                                            {"GiB", uint64_t{1} << 30},
                                            {"TiB", uint64_t{1} << 40},
                                            {"kB", 1'000},
                                            {"KB", 1'000},
                                            {"MB", 1'000'000},
                                            {"GB", 1'000'000'000},
                                            {"TB", 1'000'000'000'000}});

constexpr std::string_view when_rule =
    "RFC 3339 (2026-02-01T09:30:00Z), a date (2026-04-01, midnight UTC), or -1h";

std::optional<Time> when(std::string_view text, Time now) {
  if (!text.starts_with('-')) return parse_time(text);
  const std::optional<uint64_t> ago = with_unit(text.substr(1), durations);
  if (!ago) return std::nullopt;
  return Time{now.ns - static_cast<int64_t>(*ago)};
}

}  // namespace

Result<uint64_t> parse_count(std::string_view where, std::string_view text, uint64_t max) {
  const std::optional<uint64_t> value = digits(text);
  if (!value) return invalid(where, text, "a count", "decimal digits without leading zero");
  if (*value > max) {
    return invalid(where, text, "a count that is allowed", fmt::format("at most {}", max));
  }
  return *value;
}

Result<Offset> parse_offset(std::string_view where, std::string_view text) {
  const std::optional<uint64_t> value = digits(text);
  if (!value || *value > offset_max) {
    return invalid(where, text, "an offset", "decimal digits without leading zero");
  }
  return Offset(*value);
}

Result<Duration> parse_duration(std::string_view where, std::string_view text) {
  if (text == "0") return Duration(0);
  const std::optional<uint64_t> value = with_unit(text, durations);
  if (!value) return invalid(where, text, "a duration", "a number and a unit: 250ms, 5s, 2m, 1h");
  return Duration(static_cast<int64_t>(*value));
}

Result<uint64_t> parse_size(std::string_view where, std::string_view text) {
  const std::optional<uint64_t> value = with_unit(text, sizes);
  if (!value) {
    return invalid(where, text, "a size",
                   "64KiB, 10MiB and 1GiB are binary, 10MB is decimal, "
                   "a plain number is bytes");
  }
  return *value;
}

Result<Time> parse_when(std::string_view where, std::string_view text, Time now) {
  const std::optional<Time> time = when(text, now);
  if (!time) return invalid(where, text, "a time", when_rule);
  return *time;
}

Result<Id> parse_uuid(std::string_view where, std::string_view text) {
  const std::optional<Id> id = parse_id(text);
  if (!id || !id->valid()) {
    return fail(Code::invalid_id,
                fmt::format("{}: '{}' is not an id", where, escaped(text, Escape::line)),
                "a UUID such as 0192f0c4-7a10-7c00-8000-4b5a5e9d1c01, not all zeros or ones");
  }
  return *id;
}

Result<Position> parse_position(std::string_view where, std::string_view text, Time now) {
  if (text == "start") return Position{};
  if (text == "end") return Position{.kind = Position::Kind::end};
  if (text.starts_with('@')) {
    const std::optional<Time> time = when(text.substr(1), now);
    if (!time) return invalid(where, text, "a position", when_rule);
    return Position{.kind = Position::Kind::time, .time = *time};
  }
  const bool before_end = text.starts_with('-');
  const std::optional<uint64_t> number = digits(before_end ? text.substr(1) : text);
  if (!number || *number > offset_max) {
    if (!text.empty() && (is_digit(text[0]) || before_end)) {
      return invalid(where, text, "an offset", "decimal digits without leading zero");
    }
    return invalid(where, text, "a position",
                   "an offset, start, end, -N (N before the end) or "
                   "@TIME");
  }
  return Position{.kind = before_end ? Position::Kind::before_end : Position::Kind::offset,
                  .number = *number};
}

std::string Endpoint::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Endpoint> parse_endpoint(std::string_view where, std::string_view text,
                                bool port_0_allowed) {
  const auto refuse = [&] {
    return invalid(where, text, "an address", "HOST:PORT, such as 127.0.0.1:17400 or [::1]:17400");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return refuse();
    }
  } else if (host.empty() || host.size() > 253 || !std::ranges::all_of(host, [](char c) {
               return is_digit(c) || is_lower(c) || is_upper(c) || c == '.' || c == '-' || c == '_';
             })) {
    return refuse();
  }
  const std::optional<uint64_t> port = digits(text.substr(colon + 1));
  if (!port || *port > 65535 || (*port == 0 && !port_0_allowed)) return refuse();
  return Endpoint{std::string(host), static_cast<uint16_t>(*port)};
}

Result<std::string> parse_choice(std::string_view where, std::string_view text,
                                 std::string_view choices) {
  for (std::string_view rest = choices; !rest.empty();) {
    const std::string_view choice = rest.substr(0, rest.find('|'));
    if (choice == text) return std::string(text);
    rest.remove_prefix(std::min(choice.size() + 1, rest.size()));
  }
  return invalid(where, text, fmt::format("one of {}", choices),
                 fmt::format("write one of {}", choices));
}

Result<std::string> parse_node_name(std::string_view where, std::string_view text) {
  if (!valid_node_name(text)) {
    return invalid(where, text, "a node name",
                   "up to 32 of a-z, 0-9 and -, not leader, followers, any-follower or all");
  }
  return std::string(text);
}

}  // namespace ledger::cli
