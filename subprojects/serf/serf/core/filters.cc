#include "serf/core/filters.h"

#include <re2/re2.h>

#include <algorithm>

namespace serf {
namespace {

constexpr int64_t expression_memory_max = 1 << 20;

bool tag_matches(const wire::TagFilter& filter, const wire::Tags& tags) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(expression_memory_max);
  const re2::RE2 expression(filter.expr, options);
  auto tag = tags.find(filter.tag);
  return expression.ok() &&
         re2::RE2::PartialMatch(tag == tags.end() ? std::string() : tag->second, expression);
}

bool matches(View filter, const std::string& name, const wire::Tags& tags) {
  if (filter.starts_with('\x00')) {
    const auto names = wire::decode<wire::NodeFilter>(filter.substr(1));
    return names && std::ranges::find(*names, name) != names->end();
  }
  if (filter.starts_with('\x01')) {
    const auto tag = wire::decode<wire::TagFilter>(filter.substr(1));
    return tag && tag_matches(*tag, tags);
  }
  return false;
}

}  // namespace

bool filters_match(const std::vector<wire::Blob>& filters, const std::string& name,
                   const wire::Tags& tags) {
  return std::ranges::all_of(filters,
                             [&](const wire::Blob& filter) { return matches(filter, name, tags); });
}

}  // namespace serf
