// Where the development clusters of a user live on disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ledger::dev {

/// One cluster's directory, which need not be there:
///
///     cluster.toml      what was chosen once: ports, nodes, their flags (plan.h)
///     state.json        what the supervisor sees; replaced by rename on every change (state.h)
///     lock              held for the supervisor's whole life: the only truth about "running"
///     supervisor.log
///     nodes/n1/data/  nodes/n1/node.toml  nodes/n1/node.log  node.log.1  node.log.2
///     nodes/n1/data/faults   who it is cut off from
///
/// The control socket lies elsewhere, since a socket's path holds 107 bytes.
class Place {
 public:
  Place(std::string name, std::string directory)
      : name_(std::move(name)), directory_(std::move(directory)) {}

  const std::string& name() const { return name_; }
  const std::string& directory() const { return directory_; }
  std::string plan_path() const { return directory_ + "/cluster.toml"; }
  std::string state_path() const { return directory_ + "/state.json"; }
  std::string supervisor_log() const { return directory_ + "/supervisor.log"; }
  std::string node_directory(std::string_view node) const;
  std::string data_directory(std::string_view node) const { return node_directory(node) + "/data"; }
  std::string node_log(std::string_view node) const { return node_directory(node) + "/node.log"; }
  std::string node_config(std::string_view node) const {
    return node_directory(node) + "/node.toml";
  }
  std::string node_faults(std::string_view node) const { return data_directory(node) + "/faults"; }

  /// Whether a cluster was ever begun here.
  bool exists() const;
  /// Whether a supervisor holds the lock. Takes nothing. Errors: `file_permission`, `io`.
  Result<bool> runs() const;

 private:
  std::string name_;
  std::string directory_;
};

/// `$XDG_STATE_HOME/ledgerctl/dev/NAME`, by default below `~/.local/state`.
/// Errors: `invalid_name`, `config_invalid` (neither variable is set).
Result<Place> place_named(std::string_view name);
/// All that exist, by name. None where there is no such directory or home.
std::vector<Place> known_places();

/// Where the control socket of the cluster at `place` is made: in `$XDG_RUNTIME_DIR/ledgerctl`,
/// else in `${TMPDIR:-/tmp}/ledgerctl-UID`. Makes that directory, of mode 0700. Errors:
/// `file_permission` (somebody else's), `io`.
Result<std::string> make_socket_path(const Place& place);

/// Makes a directory and those above it, mode 0700. Errors: `file_permission`, `io`, `no_space`.
Result<void> make_directories(const std::string& path);
/// Replaces a file by rename. Errors: `file_permission`, `io`, `no_space`.
Result<void> replace_file(const std::string& path, std::string_view text);
/// All of a file; nothing where there is none. Errors: `file_permission`, `io`.
Result<std::optional<std::string>> read_file(const std::string& path);

}  // namespace ledger::dev
