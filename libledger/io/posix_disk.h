// A real directory as a Disk.
#pragma once

#include <memory>
#include <string>

#include "io/descriptor.h"
#include "io/disk.h"

namespace ledger::io {

/// Everything below one directory, held open: renaming the directory, or putting another in its
/// place, changes nothing. No symbolic link below it is followed, not even one that stays inside.
/// Files are made with mode 0600, directories with 0700.
///
/// Messages name paths as `directory`, as it was given, and the path below it. Threads: any.
class PosixDisk final : public Disk {
 public:
  /// `directory` must exist; it may itself be a symbolic link. With Access::read nothing below is
  /// ever created, changed or opened for writing: all that is `file_permission`.
  /// Errors: `no_such_file`, `file_permission`, `io`.
  static Result<std::unique_ptr<PosixDisk>> at(const std::string& directory, Access access);

  /// As `at` for writing, but first makes `directory` and the parents it lacks, durably.
  /// Errors: as `at`; `no_space`.
  static Result<std::unique_ptr<PosixDisk>> make_at(const std::string& directory);

  Result<std::unique_ptr<File>> open(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<uint64_t> free_bytes() override;

 private:
  PosixDisk(std::string directory, Descriptor root, Access access);

  const std::string directory_;
  const Descriptor root_;
  const Access access_;

  std::string shown(const std::string& path) const;
  Result<void> check_writable(const char* call, const std::string& path) const;
  Result<Descriptor> open_below(const char* call, const std::string& path, int flags) const;
  struct Place;
  Result<Place> place(const char* call, const std::string& path) const;
};

}  // namespace ledger::io
