#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "serf/event.h"

namespace serf {

/// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// UDP and TCP on one port, by epoll: bytes in, bytes out. It knows nothing of the protocol, so
/// whoever wants another loop can use a Node with sockets of his own.
///
/// Threads: one owns it; `interrupt` may be called from any.
class Sockets {
 public:
  /// Binds both to `address`; port 0 takes a free one.
  ///
  /// Errors: `io`, with the call and the reason.
  static Result<Sockets> open(const Address& address);

  /// The address with the port in use.
  const Address& address() const { return address_; }

  /// Readable when `wait` has something to do: for a loop that watches other things too.
  int fd() const { return epoll_.get(); }

  /// Waits for at most `timeout` and returns what happened, in order. At most 1024 packets a call.
  ///
  /// Errors: `io` when epoll itself fails, which only a bug can cause.
  Result<std::vector<Event>> wait(Duration timeout);

  /// Does what a member wants. A packet that cannot be sent is lost, as packets may be.
  void carry_out(Action action);

  /// Ends a `wait` in progress, or the next one.
  void interrupt();

 private:
  struct Stream {
    Fd fd;
    std::string output;
    bool connecting = false;
    bool closing = false;  ///< Nothing more is told; what is buffered still leaves.
    bool shut = false;     ///< Our side has ended; waiting for the peer's end.
    Instant close_by{never};
  };

  Sockets() = default;
  Result<void> bind(const Address& address);
  void watch(int fd, uint64_t key, uint32_t events, bool add);
  void carry_out(SendPacket&& action);
  void carry_out(OpenStream&& action);
  void carry_out(WriteStream&& action);
  void carry_out(CloseStream&& action);
  void take_packets(std::vector<Event>& out);
  void accept_streams(std::vector<Event>& out);
  void take_stream(StreamId id, uint32_t ready, std::vector<Event>& out);
  void flush(StreamId id);
  void fail_stream(StreamId id, const std::string& why, std::vector<Event>& out);
  void sweep();

  Address address_;
  int family_ = 0;
  Fd udp_;
  Fd tcp_;
  Fd epoll_;
  Fd bell_;
  Fd spare_;  ///< Given up for a moment to turn a caller away when descriptors run out.
  std::map<StreamId, Stream> streams_;
  std::vector<Event> failed_;  ///< Streams that failed while an action was carried out.
  StreamId last_accepted_ = 1;
};

/// Microseconds of the monotonic clock, which also counts while this process is stopped.
Instant monotonic_now();

/// Looks up `host`, `host:port` or an address; the first answer. Blocks for as long as DNS does.
///
/// Errors: `io`.
Result<Address> resolve(const std::string& text, uint16_t port_default = 7946);

}  // namespace serf
