#include "base/error.h"

#include <array>

namespace ledger {
namespace {

struct Row {
  Code code;
  std::string_view name;
  int exit;
};

// One row a code, in the order of the enumeration.
constexpr auto rows = std::to_array<Row>({
    {Code::usage, "usage", 64},
    {Code::unknown_command, "unknown_command", 64},
    {Code::invalid_value, "invalid_value", 64},
    {Code::invalid_amount, "invalid_amount", 64},
    {Code::invalid_id, "invalid_id", 64},
    {Code::invalid_name, "invalid_name", 64},
    {Code::invalid_text, "invalid_text", 64},
    {Code::invalid_legs, "invalid_legs", 64},
    {Code::invalid_limits, "invalid_limits", 64},
    {Code::too_large, "too_large", 64},
    {Code::invalid_message, "invalid_message", 64},
    {Code::side_required, "side_required", 64},
    {Code::confirm_required, "confirm_required", 64},
    {Code::ambiguous_target, "ambiguous_target", 64},
    {Code::stdin_is_terminal, "stdin_is_terminal", 64},
    {Code::not_built, "not_built", 64},
    {Code::bad_input, "bad_input", 65},
    {Code::corrupt_segment, "corrupt_segment", 65},
    {Code::offset_gap, "offset_gap", 65},
    {Code::row_refused, "row_refused", 65},
    {Code::amount_too_large, "amount_too_large", 65},
    {Code::state_diverged, "state_diverged", 65},
    {Code::no_such_file, "no_such_file", 66},
    {Code::no_such_account, "no_such_account", 66},
    {Code::no_such_tx, "no_such_tx", 66},
    {Code::no_such_member, "no_such_member", 66},
    {Code::no_such_replay, "no_such_replay", 66},
    {Code::out_of_range, "out_of_range", 66},
    {Code::unreachable, "unreachable", 69},
    {Code::peer_unreachable, "peer_unreachable", 69},
    {Code::no_leader, "no_leader", 69},
    {Code::no_quorum, "no_quorum", 69},
    {Code::busy, "busy", 69},
    {Code::timeout, "timeout", 69},
    {Code::not_final, "not_final", 69},
    {Code::database_unreachable, "database_unreachable", 69},
    {Code::internal, "internal", 70},
    {Code::address_in_use, "address_in_use", 73},
    {Code::data_dir_locked, "data_dir_locked", 73},
    {Code::output_exists, "output_exists", 73},
    {Code::replay_locked, "replay_locked", 73},
    {Code::no_space, "no_space", 74},
    {Code::io, "io", 74},
    {Code::unknown_outcome, "unknown_outcome", 75},
    {Code::denied, "denied", 77},
    {Code::file_permission, "file_permission", 77},
    {Code::config_invalid, "config_invalid", 78},
    {Code::data_dir_mismatch, "data_dir_mismatch", 78},
    {Code::cluster_id_mismatch, "cluster_id_mismatch", 78},
    {Code::driver_missing, "driver_missing", 78},
    {Code::database_mismatch, "database_mismatch", 78},
    {Code::history_mismatch, "history_mismatch", 78},
    {Code::schema_too_new, "schema_too_new", 78},
    {Code::format_too_new, "format_too_new", 78},
    {Code::rules_too_new, "rules_too_new", 78},
    {Code::protocol_mismatch, "protocol_mismatch", 78},
    {Code::torn_tail, "torn_tail", 1},
    {Code::replica_changed, "replica_changed", 1},
    {Code::differs, "differs", 1},
    {Code::malformed, "malformed", 1},
    {Code::unhealthy, "unhealthy", 1},
    {Code::not_ready, "not_ready", 1},
    {Code::quorum_guard, "quorum_guard", 1},
    {Code::member_alive, "member_alive", 1},
    {Code::target_behind, "target_behind", 1},
    {Code::name_taken, "name_taken", 1},
    {Code::refused, "refused", 1},
    {Code::shrink_refused, "shrink_refused", 64},
    {Code::no_such_node, "no_such_node", 66},
    {Code::no_such_dev, "no_such_dev", 66},
    {Code::cluster_stopped, "cluster_stopped", 69},
    {Code::cluster_running, "cluster_running", 73},
    {Code::unclean_stop, "unclean_stop", 1},
    {Code::required_missed, "required_missed", 1},
});

constexpr bool in_order() {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].code != static_cast<Code>(i)) return false;
  }
  return rows.back().code == Code::required_missed;
}
static_assert(in_order());

const Row& row(Code code) {
  return rows[static_cast<size_t>(code)];
}

}  // namespace

std::string_view name(Code code) {
  return row(code).name;
}

std::optional<Code> code_named(std::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return row.code;
  }
  return std::nullopt;
}

int exit_code(Code code) {
  return row(code).exit;
}

bool retryable(Code code) {
  return exit_code(code) == 69 || exit_code(code) == 75 || code == Code::no_space;
}

}  // namespace ledger
