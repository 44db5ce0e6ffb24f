// SIGINT and SIGTERM for commands that have something to finish first; all others just die of them.
#pragma once

namespace ledger::cli {

/// From now on the two signals only set what `stop_signal` says, and interrupt blocking calls once.
/// The same signal again ends the program.
void catch_stop_signals();

/// The signal that came, or 0.
int stop_signal();

/// A descriptor that becomes readable when a signal comes; -1 before `catch_stop_signals`.
int stop_descriptor();

}  // namespace ledger::cli
