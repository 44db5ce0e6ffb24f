// Standard input as it comes: whole pieces, as many as have arrived, never held back for more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ledger::cli {

/// Reads pieces that end with a separator. One thread reads; `stop` from any.
class Input {
 public:
  /// A piece longer than `piece_bytes_max` is an error.
  Input(char separator, size_t piece_bytes_max);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// Waits until there is at least one whole piece, and gives all there are, without separators,
  /// valid until the next call. None at the end, or once `stop` was called or a caught signal came.
  /// What follows the last separator is a piece, unless it is empty.
  /// Errors: `too_large`, with the number of the piece in `pieces_read`; `io`.
  Result<std::vector<std::string_view>> next();

  /// How many pieces `next` has given.
  uint64_t pieces_read() const { return pieces_read_; }

  /// Ends a `next` that waits, and all after it.
  void stop();

  /// Everything up to the end. Errors: `too_large`, `io`.
  static Result<std::string> read_all(size_t bytes_max);

 private:
  /// False at the end.
  Result<bool> fill();

  const char separator_;
  const size_t piece_bytes_max_;
  std::string buffer_;
  size_t taken_ = 0;  ///< Bytes of the buffer that were given out.
  bool ended_ = false;
  uint64_t pieces_read_ = 0;
  int stop_ends_[2] = {-1, -1};
};

bool stdin_is_terminal();

}  // namespace ledger::cli
