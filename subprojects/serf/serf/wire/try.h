#pragma once

#include <type_traits>
#include <utility>

#include "serf/result.h"

namespace serf::detail {

template <class T>
T value_of(Result<T>& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace serf::detail

/// `auto x = SERF_TRY(f());` takes the value, or leaves the function with the error. Once per
/// statement; for sources of this library only.
#define SERF_TRY(...)                                                             \
  __extension__({                                                                 \
    auto try_result_ = (__VA_ARGS__);                                             \
    if (!try_result_) return tl::make_unexpected(std::move(try_result_).error()); \
    ::serf::detail::value_of(try_result_);                                        \
  })
