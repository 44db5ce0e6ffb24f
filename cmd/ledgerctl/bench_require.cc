#include "bench_require.h"

#include <fmt/format.h>

#include <array>

#include "cli/text.h"
#include "cli/values.h"

namespace ledger::cli {
namespace {

constexpr std::array<std::string_view, 8> names = {"p50", "p90",   "p99",  "p99.9",
                                                   "max", "ops/s", "MB/s", "errors"};
/// Longer ones first: one begins another.
constexpr std::array<std::pair<std::string_view, Requirement::Relation>, 5> relations = {{
    {"<=", Requirement::Relation::at_most},
    {">=", Requirement::Relation::at_least},
    {"<", Requirement::Relation::less},
    {">", Requirement::Relation::more},
    {"=", Requirement::Relation::equal},
}};

}  // namespace

bool Requirement::holds(double value) const {
  switch (relation) {
    case Relation::less:
      return value < bound;
    case Relation::at_most:
      return value <= bound;
    case Relation::more:
      return value > bound;
    case Relation::at_least:
      return value >= bound;
    case Relation::equal:
      break;
  }
  return value == bound;
}

std::string_view Requirement::name() const {
  return names[static_cast<size_t>(what)];
}

std::string Requirement::text(double value) const {
  if (is_latency()) return fmt::format("{:.3g} ms", value);
  return what == What::mb_per_second ? fmt::format("{:.2f}", value) : fmt::format("{:.0f}", value);
}

std::string Requirement::bound_text() const {
  for (const auto& [sign, meant] : relations) {
    if (meant == relation) return fmt::format("{} {}", sign, text(bound));
  }
  return text(bound);
}

Result<Requirement> parse_requirement(std::string_view where, std::string_view text) {
  const auto wrong = [&] {
    return fail(Code::invalid_value,
                fmt::format("{}: '{}' is no requirement", where, escaped(text, Escape::line)),
                "such as p99<20ms, ops/s>=10000, errors=0");
  };
  const size_t at = text.find_first_of("<>=");
  if (at == std::string_view::npos) return wrong();
  Requirement requirement;
  size_t known = 0;
  while (known < names.size() && names[known] != text.substr(0, at)) ++known;
  if (known == names.size()) return wrong();
  requirement.what = static_cast<Requirement::What>(known);
  for (const auto& [sign, relation] : relations) {
    if (!text.substr(at).starts_with(sign)) continue;
    requirement.relation = relation;
    const std::string_view bound = text.substr(at + sign.size());
    if (requirement.is_latency()) {
      const Duration duration = TRY(parse_duration(where, bound));
      requirement.bound = static_cast<double>(duration.count()) / 1e6;
    } else {
      requirement.bound = static_cast<double>(TRY(parse_count(where, bound, UINT32_MAX)));
    }
    return requirement;
  }
  return wrong();
}

}  // namespace ledger::cli
