// What a node may be called.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/ascii.h"

namespace ledger {

constexpr size_t node_name_bytes_max = 32;

/// `[a-z0-9][a-z0-9-]{0,31}`, and none of the words that select nodes.
constexpr bool valid_node_name(std::string_view name) {
  constexpr std::array<std::string_view, 4> selectors = {"leader", "followers", "any-follower",
                                                         "all"};
  const auto plain = [](char c) { return is_lower(c) || is_digit(c); };
  return !name.empty() && name.size() <= node_name_bytes_max && plain(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '-'; }) &&
         std::ranges::find(selectors, name) == selectors.end();
}

}  // namespace ledger
