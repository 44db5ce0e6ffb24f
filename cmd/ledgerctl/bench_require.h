// What `bench --require` takes: `p99<20ms`.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ledger::cli {

struct Requirement {
  enum class What : uint8_t { p50, p90, p99, p999, max, per_second, mb_per_second, errors };
  enum class Relation : uint8_t { less, at_most, more, at_least, equal };
  What what = What::p99;
  Relation relation = Relation::less;
  double bound = 0;  ///< Milliseconds where it is about latency.

  bool holds(double value) const;
  bool is_latency() const { return what <= What::max; }
  /// `p99`
  std::string_view name() const;
  /// A value of this kind: `31 ms`.
  std::string text(double value) const;
  /// `< 20 ms`
  std::string bound_text() const;
};

/// Errors: `invalid_value`.
Result<Requirement> parse_requirement(std::string_view where, std::string_view text);

}  // namespace ledger::cli
