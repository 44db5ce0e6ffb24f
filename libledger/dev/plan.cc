#include "dev/plan.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "base/node_name.h"

namespace ledger::dev {
namespace {

std::string quoted(std::string_view text) {
  std::ostringstream out;
  out << toml::value<std::string>(std::string(text));
  return out.str();
}

std::string quoted(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + quoted(text);
  return "[" + all + "]";
}

/// Nothing where it is not an array of strings.
std::optional<std::vector<std::string>> strings(const toml::table& table, std::string_view key) {
  const toml::array* array = table[key].as_array();
  if (!array) return std::nullopt;
  std::vector<std::string> all;
  for (const toml::node& node : *array) {
    const auto text = node.value_exact<std::string>();
    if (!text) return std::nullopt;
    all.push_back(*text);
  }
  return all;
}

bool plausible(const Plan& plan, int64_t base_port, int64_t founders) {
  const auto count = static_cast<int64_t>(plan.nodes.size());
  return count >= 1 && count <= static_cast<int64_t>(nodes_max) && founders >= 1 &&
         founders <= count && base_port >= 1 && base_port + count * ports_per_node <= port_end &&
         std::ranges::all_of(plan.nodes, valid_node_name);
}

}  // namespace

std::string Plan::address(size_t index, unsigned which) const {
  return fmt::format("127.0.0.1:{}", base_port + ports_per_node * index + which);
}

std::vector<std::string> Plan::endpoints() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < nodes.size(); ++i) all.push_back(rpc(i));
  return all;
}

void Plan::grow(size_t count) {
  while (nodes.size() < count) nodes.push_back(fmt::format("n{}", nodes.size() + 1));
}

std::string to_toml(const Plan& plan) {
  return fmt::format(
      "# What `ledgerctl dev up` chose once for this cluster. `ledgerctl dev rm` forgets it.\n"
      "base_port = {}\nnodes = {}\nfounders = {}\nnode_flags = {}\n",
      plan.base_port, quoted(plan.nodes), plan.founders, quoted(plan.node_flags));
}

Result<Plan> plan_from_toml(std::string_view text, const std::string& where) {
  const auto bad = [&](std::string_view what) {
    return fail(Code::config_invalid, fmt::format("{}: {}", where, what),
                "restore the file, or begin anew with 'ledgerctl dev rm --yes'");
  };
  try {
    const toml::table table = toml::parse(text);
    Plan plan;
    const auto nodes = strings(table, "nodes");
    const auto flags = strings(table, "node_flags");
    const auto base_port = table["base_port"].value_exact<int64_t>();
    const auto founders = table["founders"].value_exact<int64_t>();
    if (!nodes || !flags || !base_port || !founders) return bad("a key is missing or of no use");
    plan.nodes = *nodes;
    plan.node_flags = *flags;
    if (!plausible(plan, *base_port, *founders)) return bad("a value is of no use");
    plan.base_port = static_cast<uint16_t>(*base_port);
    plan.founders = static_cast<size_t>(*founders);
    return plan;
  } catch (const toml::parse_error& error) {
    return bad(error.description());
  }
}

Result<std::optional<Plan>> load_plan(const Place& place) {
  const std::optional<std::string> text = TRY(read_file(place.plan_path()));
  if (!text) return std::nullopt;
  return TRY(plan_from_toml(*text, place.plan_path()));
}

Result<void> save_plan(const Place& place, const Plan& plan) {
  return replace_file(place.plan_path(), to_toml(plan));
}

std::string node_toml(const Place& place, const Plan& plan, size_t index) {
  std::string text = fmt::format(
      "# Written by `ledgerctl dev up` at each start.\n[node]\n"
      "name = {}\ndata_dir = {}\nlisten = {}\ngossip = {}\nhttp = {}\n"
      "enable_fault_injection = true\n",
      quoted(plan.nodes[index]), quoted(place.data_directory(plan.nodes[index])),
      quoted(plan.rpc(index)), quoted(plan.gossip(index)), quoted(plan.http(index)));
  // The first alone founds, so it does not matter how many there are by then.
  if (index == 0) text += fmt::format("bootstrap_expect = {}\n", plan.founders);
  // Who founds a cluster of one is found by the others.
  if (index == 0 && plan.founders == 1) return text;
  std::vector<std::string> others;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    if (i != index) others.push_back(plan.gossip(i));
  }
  return text + fmt::format("join = {}\n", quoted(others));
}

}  // namespace ledger::dev
