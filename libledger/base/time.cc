#include "base/time.h"

#include <charconv>
#include <cstdio>

namespace ledger {
namespace {

constexpr int64_t second = 1'000'000'000;

std::string format_seconds(Time time) {
  using namespace std::chrono;
  int64_t whole = time.ns / second;
  if (time.ns % second < 0) --whole;
  const sys_seconds at{seconds(whole)};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", int{date.year()},
                unsigned{date.month()}, unsigned{date.day()},
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::string nine_decimals(Time time) {
  int64_t fraction = time.ns % second;
  if (fraction < 0) fraction += second;
  char text[16];
  std::snprintf(text, sizeof text, "%09d", static_cast<int>(fraction));
  return text;
}

/// Takes exactly `digits` decimal digits from the front of `text`.
std::optional<int> take_digits(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  int value = 0;
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  using namespace std::chrono;
  const auto y = take_digits(text, 4);
  if (!y || !take_char(text, '-')) return std::nullopt;
  const auto m = take_digits(text, 2);
  if (!m || !take_char(text, '-')) return std::nullopt;
  const auto d = take_digits(text, 2);
  if (!d) return std::nullopt;
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                            day{static_cast<unsigned>(*d)}};
  if (!date.ok() || *y < 1678 || *y > 2261) return std::nullopt;
  return sys_days(date);
}

std::optional<Duration> take_clock(std::string_view& text) {
  const auto h = take_digits(text, 2);
  if (!h || *h > 23 || !take_char(text, ':')) return std::nullopt;
  const auto m = take_digits(text, 2);
  if (!m || *m > 59 || !take_char(text, ':')) return std::nullopt;
  const auto s = take_digits(text, 2);
  if (!s || *s > 59) return std::nullopt;
  int64_t fraction = 0;
  if (take_char(text, '.')) {
    int64_t scale = second;
    size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      if (++digits > 9) return std::nullopt;
      scale /= 10;
      fraction += (text.front() - '0') * scale;
      text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
  }
  return std::chrono::hours(*h) + std::chrono::minutes(*m) + std::chrono::seconds(*s) +
         Duration(fraction);
}

std::optional<Duration> take_zone(std::string_view& text) {
  if (take_char(text, 'Z') || take_char(text, 'z')) return Duration(0);
  const bool west = !text.empty() && text.front() == '-';
  if (!take_char(text, west ? '-' : '+')) return std::nullopt;
  const auto h = take_digits(text, 2);
  if (!h || *h > 23 || !take_char(text, ':')) return std::nullopt;
  const auto m = take_digits(text, 2);
  if (!m || *m > 59) return std::nullopt;
  const Duration east = std::chrono::hours(*h) + std::chrono::minutes(*m);
  return west ? -east : east;
}

}  // namespace

std::string format_time(Time time) {
  std::string out = format_seconds(time);
  std::string fraction = nine_decimals(time);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (!fraction.empty()) out += "." + fraction;
  return out + "Z";
}

std::string format_time_full(Time time) {
  return format_seconds(time) + "." + nine_decimals(time) + "Z";
}

std::optional<Time> parse_time(std::string_view text) {
  const auto date = take_date(text);
  if (!date) return std::nullopt;
  const Duration day = date->time_since_epoch();
  if (text.empty()) return Time{day.count()};
  if (!take_char(text, 'T') && !take_char(text, 't')) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  return Time{(day + *clock - *zone).count()};
}

}  // namespace ledger
