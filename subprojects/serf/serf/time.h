#pragma once

#include <compare>
#include <cstdint>

namespace serf {

/// A span of time in microseconds.
struct Duration {
  int64_t us = 0;

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return {us + other.us}; }
  constexpr Duration operator-(Duration other) const { return {us - other.us}; }
  constexpr Duration operator*(int64_t factor) const { return {us * factor}; }
  constexpr double seconds() const { return static_cast<double>(us) / 1e6; }
};

constexpr Duration milliseconds(int64_t count) {
  return {count * 1'000};
}
constexpr Duration seconds(int64_t count) {
  return {count * 1'000'000};
}
constexpr Duration hours(int64_t count) {
  return seconds(count * 3'600);
}

/// A moment in microseconds since an origin that the caller chooses once; only differences count.
/// The core never asks for the time: it is told, and it never runs backwards.
struct Instant {
  int64_t us = 0;

  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration span) const { return {us + span.us}; }
  constexpr Instant operator-(Duration span) const { return {us - span.us}; }
  constexpr Duration operator-(Instant other) const { return {us - other.us}; }
};

/// Later than everything that happens.
constexpr Instant never{INT64_MAX};

}  // namespace serf
