#include "dev/logs.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "io/system_error.h"

namespace ledger::dev {
namespace {

constexpr size_t line_bytes_max = 64 << 10;

uint64_t size_of(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

void add_lines(const std::string& path, std::vector<std::string>& lines) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
}

}  // namespace

Result<io::Descriptor> open_log(const std::string& path) {
  io::Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return io::failed(errno, "open", path);
  return file;
}

void rotate_log(const std::string& path, uint64_t bytes_max) {
  if (size_of(path) < bytes_max) return;
  std::error_code error;  // A log that can't be moved aside grows on.
  std::filesystem::rename(path + ".1", path + ".2", error);
  const bool copied = std::filesystem::copy_file(
      path, path + ".1", std::filesystem::copy_options::overwrite_existing, error);
  if (copied) static_cast<void>(::truncate(path.c_str(), 0));
}

std::vector<std::string> last_lines(const std::string& path, size_t count) {
  std::vector<std::string> lines;
  add_lines(path, lines);
  for (const char* older : {".1", ".2"}) {
    if (lines.size() >= count) break;
    std::vector<std::string> before;
    add_lines(path + older, before);
    lines.insert(lines.begin(), before.begin(), before.end());
  }
  if (lines.size() > count) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  }
  return lines;
}

LogReader::LogReader(std::string path, From from) : path_(std::move(path)) {
  if (from == From::end) position_ = size_of(path_);
}

std::vector<std::string> LogReader::take(size_t bytes_max) {
  std::vector<std::string> lines;
  const io::Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return lines;
  if (size_of(path_) < position_) position_ = 0;
  std::string bytes(bytes_max, '\0');
  const ssize_t count =
      ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(position_));
  if (count <= 0) return lines;
  position_ += static_cast<uint64_t>(count);
  rest_.append(bytes, 0, static_cast<size_t>(count));
  for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
    lines.push_back(rest_.substr(0, end));
    rest_.erase(0, end + 1);
  }
  if (rest_.size() > line_bytes_max) lines.push_back(std::exchange(rest_, {}));
  return lines;
}

FileWatch::FileWatch() : watch_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void FileWatch::add(const std::string& path) {
  ::inotify_add_watch(watch_.get(), path.c_str(), IN_MODIFY);
}

void FileWatch::clear() {
  char events[4096];
  while (::read(watch_.get(), events, sizeof events) > 0) {
  }
}

}  // namespace ledger::dev
