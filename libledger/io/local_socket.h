// Lines of text between two processes of one user on one machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/types.h"
#include "io/descriptor.h"

namespace ledger::io {

/// A connection. Lines are at most 1 MiB.
class LocalStream {
 public:
  /// Errors: `unreachable`.
  static Result<LocalStream> connect(const std::string& path);

  int descriptor() const { return socket_.get(); }

  /// Takes what has come. False: the other side has closed, or sent too long a line.
  bool fill();
  /// The next whole line that has come, without its end.
  std::optional<std::string> take_line();
  /// Waits for a line; nothing at the end of the stream. Errors: `timeout`.
  Result<std::optional<std::string>> wait_line(Duration patience);

  /// Sends a line. False: nobody takes it, or not within a second.
  bool send_line(std::string_view line);

 private:
  friend class LocalListener;
  explicit LocalStream(Descriptor socket) : socket_(std::move(socket)) {}

  Descriptor socket_;
  std::string buffer_;
};

/// Takes connections at a path, of processes of the same user alone.
class LocalListener {
 public:
  /// Takes the place of what is at `path`; mode 0600. Errors: `io`, `file_permission`,
  /// `invalid_value` (a path longer than the kernel takes).
  static Result<LocalListener> listen(const std::string& path);
  LocalListener(LocalListener&&) = default;
  ~LocalListener();

  int descriptor() const { return socket_.get(); }
  /// The next connection, if one waits.
  std::optional<LocalStream> accept();

 private:
  LocalListener(Descriptor socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  Descriptor socket_;
  std::string path_;
};

}  // namespace ledger::io
