// The door to stable storage: everything the log and its tools do to a directory goes through here,
// so that a test can crash it, fail it, fill it or flip its bits.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace ledger::io {

/// An open file. Closing is destroying; it syncs nothing.
///
/// Threads: `read` and `size` from any thread at any time; the others from one at a time.
class File {
 public:
  virtual ~File() = default;

  /// Reads into `into` from byte `at` on and returns how many bytes there were: fewer than asked
  /// only at the end of the file. Errors: `io`.
  virtual Result<size_t> read(uint64_t at, std::span<char> into) const = 0;

  /// Writes all of `bytes` at byte `at`, growing the file where it must. Durable after `sync`.
  /// After an error any part of it may have been written. Errors: `no_space`, `io`.
  virtual Result<void> write(uint64_t at, Bytes bytes) = 0;

  /// Makes data and size durable, not the name. After an error the kernel may have marked the
  /// unwritten pages clean (Rebello et al., ATC 2020): never retry, never believe. Errors: `io`,
  /// `no_space`.
  virtual Result<void> sync() = 0;

  virtual Result<uint64_t> size() const = 0;
};

enum class Access { read, write };

/// A directory tree below one root. Paths are relative to the root, `/` between parts, no `..`;
/// nothing outside the root is ever reached, symbolic links included. `""` is the root itself.
///
/// What is created, renamed or removed is durable only once its directory is synced.
/// Threads: any.
class Disk {
 public:
  virtual ~Disk() = default;

  /// An existing file. Errors: `no_such_file`, `file_permission`, `io`.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Access access) = 0;

  /// A new, empty file, open for writing, mode 0600. Errors: `output_exists`, `file_permission`,
  /// `no_space`, `io`.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;

  /// Names in a directory, sorted, without `.` and `..`. Errors: `no_such_file`, `io`.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;

  /// Makes a directory, mode 0700; one that exists is fine. Errors: `file_permission`, `io`.
  virtual Result<void> make_directory(const std::string& path) = 0;

  /// Renames a file, replacing `to` if it exists, atomically. Errors: `no_such_file`, `io`.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;

  /// Removes a file. Errors: `no_such_file`, `io`.
  virtual Result<void> remove(const std::string& path) = 0;

  /// Makes the names in a directory durable. Errors: `io`; as with File::sync, never retried.
  virtual Result<void> sync_directory(const std::string& path) = 0;

  /// Bytes that may still be written. Errors: `io`.
  virtual Result<uint64_t> free_bytes() = 0;
};

/// All of a file, refused above `bytes_max`. Errors: as `open` and `read`; `too_large`.
Result<std::string> read_file(Disk& disk, const std::string& path, size_t bytes_max);

/// Removes a file, which need not exist. Errors: as Disk::remove.
Result<void> remove_if_there(Disk& disk, const std::string& path);

/// Puts `bytes` in place of what `path` held, if anything, durably and atomically: whatever happens
/// meanwhile, the old file is there or the whole new one. Uses `path` + `.tmp`, which a crash may
/// leave behind and the next call removes. After an error either may be there, and it may not be
/// durable. Errors: as those of Disk and File.
Result<void> write_file_durably(Disk& disk, const std::string& path, Bytes bytes);

}  // namespace ledger::io
