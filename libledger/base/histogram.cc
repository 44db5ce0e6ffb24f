#include "base/histogram.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace ledger {

void Histogram::add(const Histogram& other) {
  for (size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram rest;
  for (size_t i = 0; i < buckets; ++i) rest.counts_[i] = counts_[i] - earlier.counts_[i];
  rest.count_ = count_ - earlier.count_;
  rest.sum_ns_ = sum_ns_ - earlier.sum_ns_;
  return rest;
}

uint64_t Histogram::count_below(unsigned exponent) const {
  assert(exponent >= unit_bits && exponent <= 40);
  const size_t end = bucket(uint64_t{1} << exponent);
  uint64_t count = 0;
  for (size_t i = 0; i < end; ++i) count += counts_[i];
  return count;
}

Duration Histogram::quantile(double q) const {
  if (count_ == 0) return Duration(0);
  const auto wanted = std::clamp<uint64_t>(
      static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_))), 1, count_);
  uint64_t seen = 0;
  size_t at = 0;
  while ((seen += counts_[at]) < wanted) ++at;
  const auto [from, end] = bounds(at);
  return (from + end) / 2;
}

std::pair<Duration, Duration> Histogram::bounds(size_t bucket) {
  const auto start = [](size_t at) {
    if (at < 1u << parts_bits) return Duration(static_cast<int64_t>(at << unit_bits));
    const size_t exponent = (at >> parts_bits) - 1;
    return Duration(static_cast<int64_t>(((at & 15) + 16) << exponent << unit_bits));
  };
  return {start(bucket), start(bucket + 1)};
}

}  // namespace ledger
