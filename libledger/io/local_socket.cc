#include "io/local_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "io/system_error.h"

namespace ledger::io {
namespace {

constexpr size_t line_bytes_max = 1 << 20;
constexpr int send_patience_ms = 1'000;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::invalid_value, fmt::format("socket path {} is too long", path),
                "set XDG_RUNTIME_DIR or TMPDIR to a shorter directory");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int poll_one(int descriptor, short events, int patience_ms) {
  pollfd ready = {descriptor, events, 0};
  int count = 0;
  while ((count = ::poll(&ready, 1, patience_ms)) < 0 && errno == EINTR) {
  }
  return count;
}

}  // namespace

Result<LocalStream> LocalStream::connect(const std::string& path) {
  const sockaddr_un address = TRY(address_of(path));
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(Code::unreachable, fmt::format("{}: {}", path, cause_of(errno)));
  }
  return LocalStream(std::move(socket));
}

bool LocalStream::fill() {
  char bytes[4096];
  const ssize_t count = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  buffer_.append(bytes, static_cast<size_t>(count));
  return count > 0 && buffer_.size() <= line_bytes_max;
}

std::optional<std::string> LocalStream::take_line() {
  const size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

Result<std::optional<std::string>> LocalStream::wait_line(Duration patience) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  for (;;) {
    if (auto line = take_line()) return line;
    if (poll_one(socket_.get(), POLLIN, static_cast<int>(ms)) == 0) {
      return fail(Code::timeout, "the supervisor does not answer", "raise --timeout");
    }
    if (!fill()) return take_line();
  }
}

bool LocalStream::send_line(std::string_view line) {
  std::string text(line);
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      rest.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (poll_one(socket_.get(), POLLOUT, send_patience_ms) <= 0) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

Result<LocalListener> LocalListener::listen(const std::string& path) {
  const sockaddr_un address = TRY(address_of(path));
  ::unlink(path.c_str());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Nobody can connect before `listen`, so the mode is right from the first moment on.
  if (!socket ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), 16) != 0) {
    return failed(errno, "listen at", path);
  }
  return LocalListener(std::move(socket), path);
}

LocalListener::~LocalListener() {
  if (socket_) ::unlink(path_.c_str());
}

std::optional<LocalStream> LocalListener::accept() {
  Descriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return std::nullopt;
  ucred other = {};
  socklen_t size = sizeof other;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &other, &size) != 0 ||
      other.uid != ::getuid()) {
    return std::nullopt;
  }
  return LocalStream(std::move(socket));
}

}  // namespace ledger::io
