#include "serf/driver/sockets.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

#include "serf/wire/try.h"

namespace serf {
namespace {

constexpr uint64_t key_udp = UINT64_MAX;
constexpr uint64_t key_tcp = UINT64_MAX - 1;
constexpr uint64_t key_bell = UINT64_MAX - 2;
constexpr int packets_per_wait_max = 1'024;
constexpr int accepts_per_wait_max = 64;
constexpr int backlog = 128;
constexpr int bind_attempts_max = 32;
constexpr Duration close_patience = seconds(10);
constexpr Duration end_patience = seconds(2);

std::string reason() {
  return std::generic_category().message(errno);
}

tl::unexpected<Error> io_error(const std::string& what) {
  return fail(Code::io, what + ": " + reason());
}

/// Our octets in the form the socket's family wants; nothing when it cannot reach them.
socklen_t to_system(const Address& address, int family, sockaddr_storage& out) {
  out = {};
  std::string ip = unmapped(address.ip);
  if (family == AF_INET) {
    if (ip.size() != 4) return 0;
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, ip.data(), 4);
    return sizeof(sockaddr_in);
  }
  if (ip.size() == 4) ip = std::string(10, '\0') + "\xff\xff" + ip;
  if (ip.size() != 16) return 0;
  auto& in = reinterpret_cast<sockaddr_in6&>(out);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(address.port);
  std::memcpy(&in.sin6_addr, ip.data(), 16);
  return sizeof(sockaddr_in6);
}

Address from_system(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(from);
    return {std::string(reinterpret_cast<const char*>(&in.sin_addr), 4), ntohs(in.sin_port)};
  }
  const auto& in = reinterpret_cast<const sockaddr_in6&>(from);
  return {unmapped(View(reinterpret_cast<const char*>(&in.sin6_addr), 16)), ntohs(in.sin6_port)};
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Instant monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return {static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000};
}

Result<Address> resolve(const std::string& text, uint16_t port_default) {
  if (auto literal = parse_address(text, port_default)) return literal;
  const size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  const std::string port =
      colon == std::string::npos ? std::to_string(port_default) : text.substr(colon + 1);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (status != 0) return fail(Code::io, "address " + text + ": " + ::gai_strerror(status));
  sockaddr_storage first{};
  std::memcpy(&first, found->ai_addr, std::min<size_t>(found->ai_addrlen, sizeof first));
  ::freeaddrinfo(found);
  return from_system(first);
}

Result<Sockets> Sockets::open(const Address& address) {
  if (!address.valid()) return fail(Code::io, "bind " + format(address) + ": not an address");
  Sockets sockets;
  sockets.family_ = unmapped(address.ip).size() == 4 ? AF_INET : AF_INET6;
  // A free TCP port may be taken for UDP, so with port 0 it may need some attempts.
  Result<void> bound = sockets.bind(address);
  for (int i = 0; !bound && address.port == 0 && i < bind_attempts_max; ++i) {
    bound = sockets.bind(address);
  }
  if (!bound) return tl::unexpected(bound.error());
  sockets.epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  sockets.bell_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  sockets.spare_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!sockets.epoll_.open() || !sockets.bell_.open()) return io_error("epoll");
  sockets.watch(sockets.udp_.get(), key_udp, EPOLLIN, true);
  sockets.watch(sockets.tcp_.get(), key_tcp, EPOLLIN, true);
  sockets.watch(sockets.bell_.get(), key_bell, EPOLLIN, true);
  return sockets;
}

Result<void> Sockets::bind(const Address& address) {
  address_ = address;
  tcp_ = Fd(::socket(family_, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  udp_ = Fd(::socket(family_, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!tcp_.open() || !udp_.open()) return io_error("socket");
  const int on = 1;
  const int receive_bytes = 2 << 20;
  ::setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(udp_.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  sockaddr_storage place{};
  socklen_t size = to_system(address_, family_, place);
  if (::bind(tcp_.get(), reinterpret_cast<sockaddr*>(&place), size) != 0 ||
      ::listen(tcp_.get(), backlog) != 0) {
    return io_error("listen on " + format(address_) + " (tcp)");
  }
  if (::getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&place), &size) != 0) {
    return io_error("getsockname");
  }
  address_.port = from_system(place).port;
  size = to_system(address_, family_, place);
  if (::bind(udp_.get(), reinterpret_cast<sockaddr*>(&place), size) != 0) {
    return io_error("bind " + format(address_) + " (udp)");
  }
  return {};
}

void Sockets::watch(int fd, uint64_t key, uint32_t events, bool add) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  ::epoll_ctl(epoll_.get(), add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

void Sockets::interrupt() {
  const uint64_t one = 1;
  // A full counter means that the bell rings already.
  static_cast<void>(!::write(bell_.get(), &one, sizeof one));
}

Result<std::vector<Event>> Sockets::wait(Duration timeout) {
  std::vector<Event> out = std::exchange(failed_, {});
  sweep();
  // Round up: waking just before a timer is due would only spin.
  const int64_t span_ms =
      out.empty() ? std::clamp<int64_t>((timeout.us + 999) / 1'000, 0, 1'000) : 0;
  std::array<epoll_event, 64> ready{};
  const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()),
                                 static_cast<int>(span_ms));
  if (count < 0 && errno != EINTR) return io_error("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<size_t>(i)];
    if (event.data.u64 == key_udp) {
      take_packets(out);
    } else if (event.data.u64 == key_tcp) {
      accept_streams(out);
    } else if (event.data.u64 == key_bell) {
      uint64_t rings = 0;
      static_cast<void>(!::read(bell_.get(), &rings, sizeof rings));
    } else {
      take_stream(event.data.u64, event.events, out);
    }
  }
  return out;
}

void Sockets::take_packets(std::vector<Event>& out) {
  std::array<char, 65'536> buffer;
  for (int i = 0; i < packets_per_wait_max; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t bytes = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
    if (bytes < 0) {
      if (errno == ECONNREFUSED) continue;  // An echo of a packet of ours.
      return;
    }
    out.emplace_back(
        PacketReceived{from_system(from), std::string(buffer.data(), static_cast<size_t>(bytes))});
  }
}

void Sockets::accept_streams(std::vector<Event>& out) {
  for (int i = 0; i < accepts_per_wait_max; ++i) {
    Fd fd(::accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.open()) {
      if (errno != EMFILE && errno != ENFILE) return;
      spare_ = Fd();  // Turn one caller away instead of spinning on the listener.
      Fd refused(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      refused = Fd();
      spare_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      return;
    }
    last_accepted_ += 2;
    watch(fd.get(), last_accepted_, EPOLLIN, true);
    streams_[last_accepted_].fd = std::move(fd);
    out.emplace_back(StreamAccepted{last_accepted_});
  }
}

void Sockets::take_stream(StreamId id, uint32_t ready, std::vector<Event>& out) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  if (stream.connecting && (ready & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(stream.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      return fail_stream(id, "connect: " + std::generic_category().message(error), out);
    }
    stream.connecting = false;
  }
  if ((ready & EPOLLOUT) != 0) flush(id);
  if ((ready & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0 || !streams_.contains(id)) return;
  std::array<char, 65'536> buffer;
  const ssize_t bytes = ::recv(stream.fd.get(), buffer.data(), buffer.size(), 0);
  if (bytes < 0 && would_block()) return;
  if (bytes <= 0) return fail_stream(id, bytes < 0 ? "recv: " + reason() : "", out);
  if (!stream.closing) {
    out.emplace_back(StreamReceived{id, std::string(buffer.data(), static_cast<size_t>(bytes))});
  }
}

void Sockets::fail_stream(StreamId id, const std::string& why, std::vector<Event>& out) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (!found->second.closing) out.emplace_back(StreamClosed{id, why});
  streams_.erase(found);
}

void Sockets::carry_out(Action action) {
  std::visit([&](auto&& one) { carry_out(std::move(one)); }, std::move(action));
}

void Sockets::carry_out(SendPacket&& action) {
  sockaddr_storage to{};
  const socklen_t size = to_system(action.to, family_, to);
  if (size == 0) return;
  ::sendto(udp_.get(), action.bytes.data(), action.bytes.size(), MSG_NOSIGNAL,
           reinterpret_cast<sockaddr*>(&to), size);
}

void Sockets::carry_out(OpenStream&& action) {
  sockaddr_storage to{};
  const int family = unmapped(action.to.ip).size() == 4 ? AF_INET : AF_INET6;
  const socklen_t size = to_system(action.to, family, to);
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool started =
      fd.open() && size != 0 &&
      (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), size) == 0 || errno == EINPROGRESS);
  if (!started) {
    failed_.emplace_back(StreamClosed{action.id, "connect: " + reason()});
    return;
  }
  Stream& stream = streams_[action.id];
  stream.fd = std::move(fd);
  stream.output = std::move(action.bytes);
  stream.connecting = true;
  watch(stream.fd.get(), action.id, EPOLLIN | EPOLLOUT, true);
}

void Sockets::carry_out(WriteStream&& action) {
  auto found = streams_.find(action.id);
  if (found == streams_.end() || found->second.closing) return;
  found->second.output += action.bytes;
  if (!found->second.connecting) flush(action.id);
}

void Sockets::carry_out(CloseStream&& action) {
  auto found = streams_.find(action.id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.closing = true;
  stream.close_by = monotonic_now() + close_patience;
  if (stream.connecting) {
    streams_.erase(found);
  } else {
    flush(action.id);
  }
}

/// Writes what it can. When a closing stream is empty, ends our side and leaves the descriptor open
/// for a moment: closing it over unread input would reset the connection and lose the answer.
void Sockets::flush(StreamId id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  while (!stream.output.empty()) {
    const ssize_t bytes =
        ::send(stream.fd.get(), stream.output.data(), stream.output.size(), MSG_NOSIGNAL);
    if (bytes < 0) {
      if (would_block()) break;
      stream.output.clear();  // The reading side will say why.
      break;
    }
    stream.output.erase(0, static_cast<size_t>(bytes));
  }
  if (stream.closing && stream.output.empty() && !stream.shut) {
    ::shutdown(stream.fd.get(), SHUT_WR);
    stream.shut = true;
    stream.close_by = monotonic_now() + end_patience;
  }
  watch(stream.fd.get(), id, stream.output.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT, false);
}

void Sockets::sweep() {
  if (streams_.empty()) return;
  const Instant now = monotonic_now();
  std::erase_if(streams_, [&](const auto& item) {
    return item.second.closing && item.second.close_by <= now;
  });
}

}  // namespace serf
