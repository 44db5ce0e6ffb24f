// One process a data directory.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "base/types.h"
#include "io/descriptor.h"

namespace ledger::io {

/// An open-file-description write lock on the file `lock` in a directory. The kernel drops it when
/// the process ends, however it ends. The file stays and means nothing.
///
///     lock := pid SP time LF      decimal and RFC 3339: of the holder, for messages only
class DirectoryLock {
 public:
  /// As far as the file says: what cannot be read is absent.
  struct Holder {
    std::optional<pid_t> pid;
    std::optional<Time> since;
  };

  /// Takes the lock and holds it until it is destroyed. `now` is written into the file.
  /// Errors: `data_dir_locked`, with the holder; `no_such_file`, `file_permission`, `no_space`,
  /// `io`.
  static Result<DirectoryLock> take(const std::string& directory, Time now);

  /// Who holds the lock, if anybody does: this process too. Takes nothing and creates nothing, so
  /// that asking never makes a start fail. Errors: `file_permission`, `io`.
  static Result<std::optional<Holder>> holder(const std::string& directory);

 private:
  explicit DirectoryLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace ledger::io
