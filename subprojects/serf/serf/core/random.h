#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace serf {

/// Choices that follow from a seed. Not for secrets.
///
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
  }

  /// 0 to bound - 1; bound is at least 1.
  uint64_t below(uint64_t bound) { return next() % bound; }

  /// 0 up to, but not, 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

  /// Moves up to `count` random values to the front and drops the rest.
  template <class T>
  void choose(std::vector<T>& values, size_t count) {
    for (size_t i = 0; i < count && i + 1 < values.size(); ++i) {
      std::swap(values[i], values[i + below(values.size() - i)]);
    }
    if (values.size() > count) values.resize(count);
  }

 private:
  uint64_t state_;
};

}  // namespace serf
