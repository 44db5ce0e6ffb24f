// What can go wrong, said once for the library, the wire and the shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ledger {

/// Names the decision a caller can take, never the cause; the cause is the message.
///
/// The names are stable: scripts, JSON and `grpc::Status` details carry them. Each has one exit
/// code (`exit_code`), so a new one is a line here and a line in error.cc.
enum class Code {
  // 64: the request itself is wrong; nothing was attempted.
  usage,
  unknown_command,
  invalid_value,
  invalid_amount,
  invalid_id,
  invalid_name,
  invalid_text,
  invalid_legs,
  invalid_limits,
  too_large,
  invalid_message,
  side_required,
  confirm_required,
  ambiguous_target,
  stdin_is_terminal,
  not_built,
  // 65: data is damaged or malformed.
  bad_input,
  corrupt_segment,
  offset_gap,
  row_refused,
  amount_too_large,
  state_diverged,
  // 66: the thing named does not exist.
  no_such_file,
  no_such_account,
  no_such_tx,
  no_such_member,
  no_such_replay,
  out_of_range,
  // 69: could not be reached or asked; nothing was written.
  unreachable,
  peer_unreachable,
  no_leader,
  no_quorum,
  busy,
  timeout,
  not_final,
  database_unreachable,
  // 70: our own fault.
  internal,
  // 73: somebody else has it.
  address_in_use,
  data_dir_locked,
  output_exists,
  replay_locked,
  // 74: the disk.
  no_space,
  io,
  // 75: a write was sent and no answer came.
  unknown_outcome,
  // 77: not allowed.
  denied,
  file_permission,
  // 78: the wrong target or a wrong configuration.
  config_invalid,
  data_dir_mismatch,
  cluster_id_mismatch,
  driver_missing,
  database_mismatch,
  history_mismatch,
  schema_too_new,
  format_too_new,
  rules_too_new,
  protocol_mismatch,
  // 1: a well-formed "no".
  torn_tail,
  replica_changed,
  differs,
  malformed,
  unhealthy,
  not_ready,
  quorum_guard,
  member_alive,
  target_behind,
  name_taken,
  refused,
  // Of development clusters: 64, 66, 66, 69, 73 and 1.
  shrink_refused,
  no_such_node,
  no_such_dev,
  cluster_stopped,
  cluster_running,
  unclean_stop,
  required_missed,  // 1: of a benchmark
};

/// A failure: the decision it allows, one lower-case line that names the thing and its values
/// (ready to follow `error: `), and what to type next.
struct Error {
  Code code = Code::internal;
  std::string message;
  std::string hint = {};
};

/// The stable name, such as `corrupt_segment`.
std::string_view name(Code code);

/// The code with this name, if there is one: the way back from the wire.
std::optional<Code> code_named(std::string_view name);

/// The exit code of a program that ends with `code`: a value of sysexits.h, or 1.
int exit_code(Code code);

/// True where the same request may simply be sent again.
bool retryable(Code code);

}  // namespace ledger
