// What a development cluster is meant to be: the file cluster.toml.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dev/place.h"

namespace ledger::dev {

constexpr size_t nodes_max = 9;
constexpr size_t nodes_default = 3;
constexpr uint16_t base_port_default = 17'400;
/// Each node has ten ports to itself.
constexpr uint16_t ports_per_node = 10;
/// Linux gives ports from here on to whoever connects.
constexpr uint16_t port_end = 32'768;

/// Chosen when the cluster is begun and then only extended: members know each other by address.
///
///     base_port = 17400
///     nodes = ["n1", "n2", "n3"]
///     founders = 3                 the first node founds with two others, the rest joins
///     node_flags = ["--log-level", "debug"]
struct Plan {
  uint16_t base_port = base_port_default;
  std::vector<std::string> nodes;
  size_t founders = 0;
  std::vector<std::string> node_flags;

  /// Addresses of the node at `index`: its block of ports, + 0, + 1 and + 2.
  std::string rpc(size_t index) const { return address(index, 0); }
  std::string gossip(size_t index) const { return address(index, 1); }
  std::string http(size_t index) const { return address(index, 2); }
  std::vector<std::string> endpoints() const;

  /// Adds nodes with the next names up to so many.
  void grow(size_t count);

  friend bool operator==(const Plan&, const Plan&) = default;

 private:
  std::string address(size_t index, unsigned which) const;
};

std::string to_toml(const Plan& plan);
/// Errors: `config_invalid`, with `where` as the file's name.
Result<Plan> plan_from_toml(std::string_view text, const std::string& where);

/// Nothing where no cluster was begun. Errors: `config_invalid`, `file_permission`, `io`.
Result<std::optional<Plan>> load_plan(const Place& place);
Result<void> save_plan(const Place& place, const Plan& plan);

/// The node's own configuration file, read by `node start --config`.
std::string node_toml(const Place& place, const Plan& plan, size_t index);

}  // namespace ledger::dev
