#include "io/directory_lock.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/time.h"
#include "io/system_error.h"

namespace ledger::io {
namespace {

std::string lock_path(const std::string& directory) {
  return directory.ends_with('/') ? directory + "lock" : directory + "/lock";
}

struct flock whole_file() {
  struct flock lock = {};  // The kernel wants l_pid 0.
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// Reads what a holder wrote, of which nothing need be true.
DirectoryLock::Holder read_holder(const Descriptor& file) {
  std::array<char, 64> bytes;
  const ssize_t count = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  std::string_view text(bytes.data(), count > 0 ? static_cast<size_t>(count) : 0);
  DirectoryLock::Holder holder;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || pid <= 0) return holder;
  holder.pid = pid;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.starts_with(' ')) return holder;
  holder.since = parse_time(text.substr(1, text.find('\n') - 1));
  return holder;
}

/// `data is used by pid 4711 since 2026-01-01T10:02:00Z`
std::string describe(const std::string& directory, const DirectoryLock::Holder& holder) {
  std::string text = directory + " is used by ";
  text += holder.pid ? fmt::format("pid {}", *holder.pid) : std::string("another process");
  if (holder.since) text += " since " + format_time(*holder.since);
  return text;
}

Result<void> write_holder(const Descriptor& file, const std::string& path, Time now) {
  const Time second = {now.ns - now.ns % 1'000'000'000};
  const std::string text = fmt::format("{} {}\n", ::getpid(), format_time(second));
  // In this order, a start on a full disk can use the room of the note before.
  if (::pwrite(file.get(), text.data(), text.size(), 0) < 0) return failed(errno, "write", path);
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) {
    return failed(errno, "write", path);
  }
  return {};
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::string& directory, Time now) {
  const std::string path = lock_path(directory);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed(errno, "open", path);
  struct flock lock = whole_file();
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return failed(errno, "lock", path);
    return fail(Code::data_dir_locked, describe(directory, read_holder(file)),
                "stop that process, or use another directory");
  }
  TRY(write_holder(file, path, now));
  return DirectoryLock(std::move(file));
}

Result<std::optional<DirectoryLock::Holder>> DirectoryLock::holder(const std::string& directory) {
  const std::string path = lock_path(directory);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) {
    if (code_of(errno) == Code::no_such_file) return std::nullopt;
    return failed(errno, "open", path);
  }
  struct flock lock = whole_file();
  if (::fcntl(file.get(), F_OFD_GETLK, &lock) != 0) return failed(errno, "lock", path);
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return read_holder(file);
}

}  // namespace ledger::io
