// For tests: a way to a server that can fall silent, as one to a stopped process does.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "rpc/address.h"

namespace ledger::rpc {

/// Passes bytes both ways between its own address and `target`, until it is muted: from then on
/// connections stand, new ones are taken, and nothing comes of any.
class Relay {
 public:
  /// `delay`: how far away the server is, one way.
  explicit Relay(const std::string& target, std::chrono::milliseconds delay = {})
      : target_(parse_address(target)->port), delay_(delay) {
    sockaddr_in in = loopback(0);
    socklen_t size = sizeof in;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&in), size) == 0);
    REQUIRE(listen(listener_, 64) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&in), &size) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(in.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() {
    stopped_ = true;
    wake();
    thread_.join();
    for (const Way& way : ways_) close(way.from);  // Each socket is a `from` once.
    close(listener_);
    close(woken_);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  const std::string& address() const { return address_; }

  void mute() {
    muted_ = true;
    wake();
  }

 private:
  struct Way {
    int from;
    int to;
    bool open = true;
  };

  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return in;
  }

  void wake() {
    const uint64_t one = 1;
    REQUIRE(write(woken_, &one, sizeof one) == sizeof one);
  }

  void run() {
    while (!stopped_) {
      std::vector<pollfd> waiting{{woken_, POLLIN, 0}};
      if (!muted_) {
        waiting.push_back({listener_, POLLIN, 0});
        for (const Way& way : ways_) waiting.push_back({way.open ? way.from : -1, POLLIN, 0});
      }
      poll(waiting.data(), waiting.size(), -1);
      if (waiting[0].revents != 0) {
        uint64_t count = 0;
        static_cast<void>(read(woken_, &count, sizeof count));
        continue;
      }
      for (size_t i = 2; i < waiting.size(); ++i) {
        if (waiting[i].revents != 0) pass(ways_[i - 2]);
      }
      if (waiting[1].revents != 0) take();
    }
  }

  void take() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in in = loopback(target_);
    static_cast<void>(connect(server, reinterpret_cast<const sockaddr*>(&in), sizeof in));
    ways_.push_back({client, server});
    ways_.push_back({server, client});
  }

  void pass(Way& way) const {
    std::array<char, 65536> buffer;
    const ssize_t size = read(way.from, buffer.data(), buffer.size());
    std::this_thread::sleep_for(delay_);
    way.open = size > 0;
    for (ssize_t sent = 0; sent < size;) {
      const ssize_t more =
          send(way.to, buffer.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (more <= 0) {
        way.open = false;
        break;
      }
      sent += more;
    }
    if (!way.open) shutdown(way.to, SHUT_WR);
  }

  const uint16_t target_;
  const std::chrono::milliseconds delay_;
  std::string address_;
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int woken_ = eventfd(0, EFD_CLOEXEC);
  std::atomic<bool> muted_ = false;
  std::atomic<bool> stopped_ = false;
  std::vector<Way> ways_;
  std::thread thread_;
};

}  // namespace ledger::rpc
