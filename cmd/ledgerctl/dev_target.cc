#include "dev_target.h"

#include <fmt/format.h>

#include "dev.h"

namespace ledger::cli {
namespace {

/// Of all that are known; one whose lock can't be looked at does not run for us.
std::vector<dev::Place> running_places() {
  std::vector<dev::Place> places;
  for (dev::Place& place : dev::known_places()) {
    if (place.runs().value_or(false)) places.push_back(std::move(place));
  }
  return places;
}

auto ambiguous(const std::vector<dev::Place>& places) {
  std::string names;
  for (const dev::Place& place : places) names += (names.empty() ? "" : ", ") + place.name();
  return fail(Code::ambiguous_target, fmt::format("{} dev clusters run: {}", places.size(), names),
              "choose with --dev");
}

}  // namespace

Checked<dev::Place> chosen_place(const Context& context, Usual usual) {
  if (context.settings.dev) return TRY(dev::place_named(*context.settings.dev));
  if (usual == Usual::running_one) {
    const std::vector<dev::Place> running = running_places();
    if (running.size() > 1) return ambiguous(running);
    if (running.size() == 1) return running.front();
  }
  return TRY(dev::place_named("default"));
}

Checked<void> find_dev_endpoints(Settings& settings, const Command& command) {
  if (command.target == Target::none || settings.endpoints_given) return {};
  std::vector<dev::Place> places;
  if (settings.dev) {
    places.push_back(TRY(dev::place_named(*settings.dev)));
  } else {
    places = running_places();
  }
  if (places.size() > 1) return ambiguous(places);
  if (places.empty()) return {};
  const dev::Seen seen = TRY(dev::see(places.front()));
  if (!seen.runs) {
    return fail(Code::cluster_stopped,
                fmt::format("dev cluster '{}' is not running", places.front().name()),
                fmt::format("ledgerctl --dev {} dev up -d", places.front().name()));
  }
  settings.endpoints.clear();
  for (const std::string& text : seen.plan.endpoints()) {
    settings.endpoints.push_back(TRY(parse_endpoint("cluster.toml", text)));
  }
  return {};
}

}  // namespace ledger::cli
