// For tests of the http port: one request over a socket of its own.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "rpc/address.h"

namespace ledger::node {

/// A connection to a server, which stands until it is closed by close(2).
inline int connected(const std::string& address) {
  const rpc::Address to = rpc::parse_address(address).value();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(to.port);
  inet_pton(AF_INET, to.host.c_str(), &name.sin_addr);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  return fd;
}

inline void say(int fd, const std::string& request) {
  REQUIRE(send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
}

/// All that comes until the server closes.
inline std::string hear(int fd) {
  std::string all;
  char some[4096];
  for (ssize_t got = 0; (got = recv(fd, some, sizeof some, 0)) > 0;) {
    all.append(some, static_cast<size_t>(got));
  }
  close(fd);
  return all;
}

/// Sends `request` and returns all that comes until the server closes.
inline std::string ask(const std::string& address, const std::string& request) {
  const int fd = connected(address);
  say(fd, request);
  return hear(fd);
}

}  // namespace ledger::node
