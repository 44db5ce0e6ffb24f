#include "io/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "io/path.h"
#include "io/system_error.h"

namespace ledger::io {
namespace {

constexpr mode_t file_mode = 0600;
constexpr mode_t directory_mode = 0700;

/// Repeats a call that a signal interrupted.
template <class Function>
auto uninterrupted(Function function) {
  auto result = function();
  while (result < 0 && errno == EINTR) result = function();
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor file, std::string shown, Access access)
      : file_(std::move(file)), shown_(std::move(shown)), access_(access) {}

  Result<size_t> read(uint64_t at, std::span<char> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t count = uninterrupted([&] {
        return ::pread(file_.get(), into.data() + done, into.size() - done,
                       static_cast<off_t>(at + done));
      });
      if (count < 0) return failed(errno, "read", shown_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  Result<void> write(uint64_t at, Bytes bytes) override {
    assert(access_ == Access::write);
    while (!bytes.empty()) {
      const ssize_t count = uninterrupted([&] {
        return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      });
      if (count < 0) return failed(errno, "write", shown_);
      if (count == 0) return failed(Code::io, "write", shown_, "the system takes no bytes");
      at += static_cast<size_t>(count);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }

  // No repetition in syncs: an interrupted one has an unknown outcome, and it is not retried.
  Result<void> sync() override {
    assert(access_ == Access::write);
    if (::fdatasync(file_.get()) != 0) return failed(errno, "sync", shown_);
    return {};
  }

  Result<uint64_t> size() const override {
    struct stat status = {};
    if (::fstat(file_.get(), &status) != 0) return failed(errno, "size", shown_);
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  const Descriptor file_;
  const std::string shown_;
  const Access access_;
};

/// A directory stream, from a descriptor.
class Stream {
 public:
  explicit Stream(Descriptor directory) : stream_(::fdopendir(directory.get())) {
    if (stream_ != nullptr) directory.release();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (stream_ != nullptr) ::closedir(stream_);
  }

  explicit operator bool() const { return stream_ != nullptr; }

  /// The next name; null at the end with errno 0, or after an error.
  const char* next() {
    errno = 0;
    const dirent* entry = ::readdir(stream_);
    return entry != nullptr ? entry->d_name : nullptr;
  }

 private:
  DIR* stream_;
};

/// Makes one directory durably, unless it is there.
Result<void> make_durably(const std::string& directory) {
  if (::mkdir(directory.c_str(), directory_mode) != 0) {
    if (errno == EEXIST) return {};
    return failed(errno, "mkdir", directory);
  }
  const std::string parent = directory.find('/') == directory.npos ? "."
                             : directory.rfind('/') == 0           ? "/"
                                                                   : split_path(directory).first;
  const Descriptor opened(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return failed(errno, "sync", parent);
  return {};
}

}  // namespace

/// A name in an open directory.
struct PosixDisk::Place {
  Descriptor directory;
  std::string name;
};

PosixDisk::PosixDisk(std::string directory, Descriptor root, Access access)
    : directory_(std::move(directory)), root_(std::move(root)), access_(access) {}

Result<std::unique_ptr<PosixDisk>> PosixDisk::at(const std::string& directory, Access access) {
  Descriptor root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed(errno, "open", directory);
  return std::unique_ptr<PosixDisk>(new PosixDisk(directory, std::move(root), access));
}

Result<std::unique_ptr<PosixDisk>> PosixDisk::make_at(const std::string& directory) {
  for (size_t end = directory.find('/', 1); end != directory.npos;
       end = directory.find('/', end + 1)) {
    const std::string parent = directory.substr(0, end);
    if (::access(parent.c_str(), F_OK) != 0) TRY(make_durably(parent));
  }
  if (!directory.ends_with('/')) TRY(make_durably(directory));
  return at(directory, Access::write);
}

std::string PosixDisk::shown(const std::string& path) const {
  if (path.empty()) return directory_;
  return directory_.ends_with('/') ? directory_ + path : directory_ + "/" + path;
}

Result<void> PosixDisk::check_writable(const char* call, const std::string& path) const {
  if (access_ == Access::write) return {};
  return failed(Code::file_permission, call, shown(path), "the directory is open for reading only");
}

Result<Descriptor> PosixDisk::open_below(const char* call, const std::string& path,
                                         int flags) const {
  TRY(check_path(path));
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? file_mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const char* target = path.empty() ? "." : path.c_str();
  Descriptor opened(static_cast<int>(uninterrupted(
      [&] { return ::syscall(SYS_openat2, root_.get(), target, &how, sizeof how); })));
  if (!opened) return failed(errno, call, shown(path));
  return opened;
}

/// Where `path` is, or would be: for calls that know no RESOLVE_BENEATH.
Result<PosixDisk::Place> PosixDisk::place(const char* call, const std::string& path) const {
  TRY(check_path(path));
  if (path.empty()) return failed(EISDIR, call, shown(path));
  auto [parent, name] = split_path(path);
  auto directory = open_below(call, parent, O_PATH | O_DIRECTORY);
  if (!directory) return tl::unexpected<Error>(std::move(directory).error());
  return Place{*std::move(directory), std::move(name)};
}

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path, Access access) {
  if (access == Access::write) TRY(check_writable("open", path));
  // Without O_NONBLOCK a planted pipe would hold us for ever; on a file it means nothing.
  const int flags = (access == Access::write ? O_RDWR : O_RDONLY) | O_NONBLOCK;
  Descriptor file = TRY(open_below("open", path, flags));
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return failed(errno, "open", shown(path));
  if (!S_ISREG(status.st_mode)) return failed(Code::io, "open", shown(path), "is no regular file");
  return std::make_unique<PosixFile>(std::move(file), shown(path), access);
}

Result<std::unique_ptr<File>> PosixDisk::create(const std::string& path) {
  TRY(check_writable("create", path));
  if (path.empty()) return failed(EISDIR, "create", shown(path));
  Descriptor file = TRY(open_below("create", path, O_RDWR | O_CREAT | O_EXCL));
  return std::make_unique<PosixFile>(std::move(file), shown(path), Access::write);
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& path) {
  Stream stream(TRY(open_below("list", path, O_RDONLY | O_DIRECTORY)));
  if (!stream) return failed(errno, "list", shown(path));
  std::vector<std::string> names;
  while (const char* name = stream.next()) {
    if (std::string_view(name) != "." && std::string_view(name) != "..") names.emplace_back(name);
  }
  if (errno != 0) return failed(errno, "list", shown(path));
  std::ranges::sort(names);
  return names;
}

Result<void> PosixDisk::make_directory(const std::string& path) {
  TRY(check_writable("mkdir", path));
  if (path.empty()) return {};
  const Place at = TRY(place("mkdir", path));
  if (::mkdirat(at.directory.get(), at.name.c_str(), directory_mode) == 0) return {};
  if (errno != EEXIST) return failed(errno, "mkdir", shown(path));
  struct stat status = {};
  if (::fstatat(at.directory.get(), at.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed(errno, "mkdir", shown(path));
  }
  if (S_ISDIR(status.st_mode)) return {};
  return failed(Code::io, "mkdir", shown(path), "is there and no directory");
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  TRY(check_writable("rename", from));
  const Place source = TRY(place("rename", from));
  const Place target = TRY(place("rename", to));
  if (::renameat(source.directory.get(), source.name.c_str(), target.directory.get(),
                 target.name.c_str()) != 0) {
    return failed(errno, "rename", shown(from));
  }
  return {};
}

Result<void> PosixDisk::remove(const std::string& path) {
  TRY(check_writable("remove", path));
  const Place at = TRY(place("remove", path));
  if (::unlinkat(at.directory.get(), at.name.c_str(), 0) != 0) {
    return failed(errno, "remove", shown(path));
  }
  return {};
}

Result<void> PosixDisk::sync_directory(const std::string& path) {
  TRY(check_writable("sync", path));
  const Descriptor directory = TRY(open_below("sync", path, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) return failed(errno, "sync", shown(path));
  return {};
}

Result<uint64_t> PosixDisk::free_bytes() {
  struct statvfs status = {};
  if (::fstatvfs(root_.get(), &status) != 0) return failed(errno, "free space", directory_);
  return uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace ledger::io
