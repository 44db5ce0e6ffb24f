#include "rpc/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

namespace ledger::rpc {
namespace {

namespace fs = std::filesystem;

/// How long a connection that is neither made nor refused is waited for.
constexpr int connect_timeout_ms = 200;

class Socket {
 public:
  explicit Socket(int family)
      : fd_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  if (getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list) != 0) return nullptr;
  return Addresses(list);
}

/// Calls `visit(address, size)` for each address a host has, until one returns a string.
template <class Visit>
std::optional<std::string> first_of(const Address& address, Visit visit) {
  const Addresses list = resolve(address);
  if (list == nullptr) return "unknown host";
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    if (std::optional<std::string> said = visit(*one)) return said;
  }
  return std::nullopt;
}

std::string reason(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "refused";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "no route";
    case ETIMEDOUT:
      return "no answer";
    case EADDRNOTAVAIL:
      return "not an address of this machine";
    case EACCES:
      return "permission denied";
    default:
      return std::strerror(error);  // Called by one thread at a time, and glibc's is safe anyway.
  }
}

/// The inode of the socket that listens on `port`, from a table of /proc/net.
std::optional<std::string> listener_inode(const char* table, uint16_t port) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // Column names.
  while (std::getline(file, line)) {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const size_t colon = local.rfind(':');
    if (state != "0A" || colon == std::string::npos) continue;
    unsigned found = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
    if (found == port) return inode;
  }
  return std::nullopt;
}

bool holds_socket(const fs::path& process, const std::string& link) {
  std::error_code error;
  fs::directory_iterator entry(process / "fd", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code unreadable;
    if (fs::read_symlink(entry->path(), unreadable) == link) return true;
  }
  return false;
}

/// A command line of /proc for people: the program by its name alone, and no more than fits a line.
std::string command_shown(std::string command) {
  constexpr size_t bytes_max = 160;
  while (!command.empty() && command.back() == '\0') command.pop_back();
  const size_t program = std::min(command.find('\0'), command.size());
  if (const size_t slash = command.rfind('/', program); slash != std::string::npos) {
    command.erase(0, slash + 1);
  }
  for (char& c : command) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  if (command.size() <= bytes_max) return command;
  // At a word, else at least not within a character.
  size_t end = command.rfind(' ', bytes_max);
  if (end == std::string::npos) end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(command[end]) & 0xc0) == 0x80) --end;
  return command.substr(0, end) + " …";
}

/// `pid 4711 (ledgerctl node start --name n1)`.
std::optional<std::string> listener(uint16_t port) {
  std::optional<std::string> inode = listener_inode("/proc/net/tcp", port);
  if (!inode) inode = listener_inode("/proc/net/tcp6", port);
  if (!inode) return std::nullopt;
  const std::string link = "socket:[" + *inode + "]";
  std::error_code error;
  fs::directory_iterator process("/proc", error);
  for (; !error && process != fs::directory_iterator(); process.increment(error)) {
    const std::string pid = process->path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!holds_socket(process->path(), link)) continue;
    std::ifstream file(process->path() / "cmdline");
    std::string command{std::istreambuf_iterator<char>(file), {}};
    const std::string shown = command_shown(std::move(command));
    return "pid " + pid + (shown.empty() ? "" : " (" + shown + ")");
  }
  return std::nullopt;
}

/// Nothing once a connection stands, else why not.
std::optional<std::string> try_connect(const addrinfo& to) {
  const Socket socket(to.ai_family);
  if (socket.fd() < 0) return reason(errno);
  if (connect(socket.fd(), to.ai_addr, to.ai_addrlen) == 0) return std::nullopt;
  if (errno != EINPROGRESS) return reason(errno);
  pollfd ready{socket.fd(), POLLOUT, 0};
  if (poll(&ready, 1, connect_timeout_ms) <= 0) return "no answer";
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return std::nullopt;
  return reason(error);
}

}  // namespace

std::string Address::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    host = {};  // IPv6 without brackets: which colon is the port's?
  }
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  Address address{std::string(host), 0};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (host.empty() || digits.empty() || error != std::errc() ||
      end != digits.data() + digits.size()) {
    return fail(Code::invalid_value, "'" + std::string(text) + "' is not an address",
                "HOST:PORT, such as 127.0.0.1:17400 or [::1]:17400");
  }
  return address;
}

bool is_loopback(const Address& address) {
  if (address.host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, address.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Error why_not_bound(const Address& address, const std::string& what) {
  const std::string name = what + " " + address.text();
  int error = 0;
  const std::optional<std::string> unknown = first_of(address, [&](const addrinfo& to) {
    const Socket socket(to.ai_family);
    const int yes = 1;
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(socket.fd(), to.ai_addr, to.ai_addrlen) != 0 || listen(socket.fd(), 1) != 0) {
      error = errno;
    }
    return std::optional<std::string>();
  });
  if (unknown) return {Code::address_in_use, name + ": " + *unknown, "choose another address"};
  if (error != EADDRINUSE) {
    // Without an error of its own: it was in use a moment ago.
    const std::string why = error == 0 ? "could not be bound" : "cannot be bound: " + reason(error);
    return {Code::address_in_use, name + " " + why, "choose another address, or try again"};
  }
  const std::optional<std::string> owner = listener(address.port);
  return {Code::address_in_use, name + " is in use" + (owner ? " by " + *owner : ""),
          "stop it, or choose another address"};
}

std::string why_unreachable(const Address& address) {
  std::optional<std::string> last;
  const std::optional<std::string> unknown = first_of(address, [&](const addrinfo& to) {
    last = try_connect(to);
    return std::optional<std::string>();
  });
  if (unknown) return *unknown;
  return last.value_or("no answer");  // It takes connections and does not speak.
}

}  // namespace ledger::rpc
