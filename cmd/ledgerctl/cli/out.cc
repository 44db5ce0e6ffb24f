#include "cli/out.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ledger::cli {
namespace {

constexpr size_t buffer_bytes = 64 << 10;

auto failed(int error_number) {
  return fail(Code::io,
              fmt::format("write of standard output failed: {}", std::strerror(error_number)),
              "look at where the output goes");
}

}  // namespace

Out::Out() : terminal_(isatty(STDOUT_FILENO) == 1), each_line_(terminal_) {}

Result<void> Out::print(Bytes bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= buffer_bytes) return flush();
  return {};
}

Result<void> Out::line(std::string_view line) {
  buffer_ += line;
  buffer_ += '\n';
  if (each_line_ || buffer_.size() >= buffer_bytes) return flush();
  return {};
}

Result<void> Out::flush() {
  std::string_view rest = buffer_;
  int error = 0;
  while (!rest.empty() && error == 0) {
    const ssize_t wrote = write(STDOUT_FILENO, rest.data(), rest.size());
    if (wrote >= 0) rest.remove_prefix(static_cast<size_t>(wrote));
    if (wrote < 0 && errno != EINTR) error = errno;
  }
  buffer_.clear();
  if (error != 0) return failed(error);
  return {};
}

Result<void> Out::close() {
  TRY(flush());
  // A command that prints nothing may have been started without a stdout.
  if (::close(STDOUT_FILENO) != 0 && errno != EBADF && errno != EINTR) return failed(errno);
  return {};
}

size_t Out::width() const {
  winsize size{};
  if (!terminal_ || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace ledger::cli
