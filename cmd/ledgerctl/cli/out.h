// Standard output: the result and nothing else, with every failure to write it noticed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace ledger::cli {

/// Buffers what is printed; flushes at each line when told to or when stdout is a terminal.
///
/// A reader that went away ends the program by SIGPIPE, as for any filter.
class Out {
 public:
  Out();

  /// Prints bytes as they are. Errors: `io` when stdout can't take them.
  Result<void> print(Bytes bytes);
  /// Prints `line` and a newline.
  Result<void> line(std::string_view line);

  Result<void> flush();
  /// Flushes and closes: the last place where a full disk is seen.
  Result<void> close();

  void flush_each_line() { each_line_ = true; }
  bool is_terminal() const { return terminal_; }
  /// Columns of the terminal, or 0 where stdout is none.
  size_t width() const;

 private:
  std::string buffer_;
  bool terminal_;
  bool each_line_;
};

}  // namespace ledger::cli
