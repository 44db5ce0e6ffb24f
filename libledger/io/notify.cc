#include "io/notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "io/descriptor.h"
#include "io/system_error.h"

namespace ledger::io {

Result<void> notify(std::string_view state) {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || *socket == '\0') return {};
  return notify(state, socket);
}

Result<void> notify(std::string_view state, const std::string& socket) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const bool named = socket.starts_with('/') || socket.starts_with('@');
  if (!named || socket.size() < 2 || socket.size() >= sizeof address.sun_path) {
    return fail(Code::invalid_value,
                fmt::format("NOTIFY_SOCKET: '{}' is no path and no abstract name", socket));
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (socket[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());

  const Descriptor sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!sender || ::sendto(sender.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                          reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    return fail(errno == EAGAIN ? Code::busy : Code::unreachable,
                fmt::format("notice to {}: {}", socket, cause_of(errno)));
  }
  return {};
}

}  // namespace ledger::io
