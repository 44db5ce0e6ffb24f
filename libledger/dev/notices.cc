#include "dev/notices.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "io/system_error.h"

namespace ledger::dev {

std::optional<std::string> Notices::Notice::value(std::string_view name) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == '=') {
      return std::string(line.substr(name.size() + 1));
    }
  }
  return std::nullopt;
}

Result<Notices> Notices::open() {
  io::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const int yes = 1;
  // Without a path the kernel chooses an abstract name that nobody has.
  socklen_t size = sizeof(sa_family_t);
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0) {
    return io::failed(errno, "listen at", "a notify socket");
  }
  size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const size_t length = size - offsetof(sockaddr_un, sun_path);
  std::string name(address.sun_path, length);
  name[0] = '@';
  return Notices(std::move(socket), "NOTIFY_SOCKET=" + name);
}

std::optional<Notices::Notice> Notices::take() {
  char text[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  iovec part = {text, sizeof text};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return std::nullopt;
  Notice notice;
  notice.text.assign(text, static_cast<size_t>(count));
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
    ucred sender = {};
    std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
    notice.pid = sender.pid;
  }
  return notice;
}

}  // namespace ledger::dev
