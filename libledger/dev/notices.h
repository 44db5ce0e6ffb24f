// Where nodes say how they are: the receiving end of sd_notify(3).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "io/descriptor.h"

namespace ledger::dev {

/// One socket for all children. Who spoke is known by the kernel's word, not by the message's.
class Notices {
 public:
  struct Notice {
    pid_t pid = 0;
    std::string text;  ///< Lines such as `READY=1`.
    /// The value of the line `NAME=`, if there is one.
    std::optional<std::string> value(std::string_view name) const;
  };

  /// Errors: `io`.
  static Result<Notices> open();

  /// `NOTIFY_SOCKET=@…`
  const std::string& variable() const { return variable_; }
  int descriptor() const { return socket_.get(); }
  /// The next that has come, if one has.
  std::optional<Notice> take();

 private:
  Notices(io::Descriptor socket, std::string variable)
      : socket_(std::move(socket)), variable_(std::move(variable)) {}

  io::Descriptor socket_;
  std::string variable_;
};

}  // namespace ledger::dev
