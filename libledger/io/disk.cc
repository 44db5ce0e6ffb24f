#include "io/disk.h"

#include <fmt/format.h>

#include "io/path.h"

namespace ledger::io {

Result<std::string> read_file(Disk& disk, const std::string& path, size_t bytes_max) {
  const std::unique_ptr<File> file = TRY(disk.open(path, Access::read));
  const uint64_t size = TRY(file->size());
  if (size > bytes_max) {
    return failed(Code::too_large, "read", path,
                  fmt::format("{} bytes, at most {} expected", size, bytes_max));
  }
  std::string bytes(size, '\0');
  bytes.resize(TRY(file->read(0, bytes)));
  return bytes;
}

Result<void> remove_if_there(Disk& disk, const std::string& path) {
  const Result<void> removed = disk.remove(path);
  if (!removed && removed.error().code != Code::no_such_file) return removed;
  return {};
}

Result<void> write_file_durably(Disk& disk, const std::string& path, Bytes bytes) {
  const std::string temporary = path + ".tmp";
  TRY(remove_if_there(disk, temporary));
  const std::unique_ptr<File> file = TRY(disk.create(temporary));
  TRY(file->write(0, bytes));
  TRY(file->sync());
  TRY(disk.rename(temporary, path));
  return disk.sync_directory(split_path(path).first);
}

}  // namespace ledger::io
