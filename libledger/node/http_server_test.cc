#include "node/http_server.h"

#include <doctest/doctest.h>
#include <poll.h>

#include "node/http_ask.h"

using namespace ledger;
using node::ask;
using node::HttpAnswer;
using node::HttpServer;

namespace {

std::string get(const std::string& address, const std::string& path,
                const std::string& method = "GET") {
  return ask(address, method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

std::unique_ptr<HttpServer> serve() {
  return HttpServer::start(
             "127.0.0.1:0",
             {{"/", [] { return HttpAnswer{.type = "text/html", .body = "<p>hello"}; }},
              {"/sick", [] { return HttpAnswer{.status = 503, .body = "not well\n"}; }}})
      .value();
}

/// Asks for the page on a connection that stays, and reads the whole answer.
void answered_on(int fd) {
  node::say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string answer;
  char some[4096];
  while (!answer.ends_with("<p>hello")) {
    const ssize_t got = recv(fd, some, sizeof some, 0);
    REQUIRE(got > 0);
    answer.append(some, static_cast<size_t>(got));
  }
}

}  // namespace

TEST_CASE("a page is served with its type, to be loaded anew and to load nothing from elsewhere") {
  const auto server = serve();
  const std::string answer = get(server->address(), "/?since=1");
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("\r\nContent-Type: text/html\r\n") != std::string::npos);
  CHECK(answer.find("\r\nCache-Control: no-store\r\n") != std::string::npos);
  CHECK(answer.find("\r\nContent-Security-Policy: default-src 'none';") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n<p>hello"));
}

TEST_CASE("a page's own status is told") {
  const auto server = serve();
  const std::string answer = get(server->address(), "/sick");
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(answer.ends_with("\r\n\r\nnot well\n"));
}

TEST_CASE("what is not there, or is no question, is refused") {
  const auto server = serve();
  CHECK(get(server->address(), "/none").starts_with("HTTP/1.1 404 "));
  CHECK(get(server->address(), "/../etc/passwd").starts_with("HTTP/1.1 404 "));
  for (const char* method : {"POST", "DELETE", "OPTIONS", "BREW"}) {
    CAPTURE(method);
    CHECK(get(server->address(), "/", method).find(" 200 ") == std::string::npos);
  }
  CHECK(ask(server->address(), "nonsense\r\n\r\n").find(" 200 ") == std::string::npos);
}

TEST_CASE("HEAD tells the length of what GET would send, and sends nothing") {
  const auto server = serve();
  const std::string answer = get(server->address(), "/", "HEAD");
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("\r\nContent-Length: 8\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("a request with more headers than fit is refused") {
  const auto server = serve();
  const std::string answer =
      ask(server->address(), "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'y') +
                                 "\r\nConnection: close\r\n\r\n");
  CHECK(answer.find(" 200 ") == std::string::npos);
}

TEST_CASE("no more connections are taken than it has room for, and others when there is room") {
  const auto server = serve();
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  for (int ended = 0; ended < 2 * HttpServer::connections_max; ++ended) {
    REQUIRE(ask(server->address(), request).starts_with("HTTP/1.1 200 "));
  }
  std::vector<int> silent;
  while (silent.size() < HttpServer::connections_max) {
    silent.push_back(node::connected(server->address()));
  }
  const int late = node::connected(server->address());
  node::say(late, request);
  // Each answer is a turn of the server's loop, and comes after `late` has asked: in one it would
  // be taken, in the next it would be answered.
  for (int turn = 0; turn < 4; ++turn) answered_on(silent.front());
  pollfd answered = {late, POLLIN, 0};
  CHECK(poll(&answered, 1, /*timeout_ms=*/0) == 0);
  close(silent.back());
  silent.pop_back();
  CHECK(node::hear(late).starts_with("HTTP/1.1 200 "));
  for (const int fd : silent) close(fd);
}

TEST_CASE("an address in use, or beyond this machine, is told") {
  const auto server = serve();
  const auto second = HttpServer::start(server->address(), {});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::address_in_use);
  CHECK(second.error().message.starts_with("http address " + server->address() + " is in use by "));
  CHECK(HttpServer::start("0.0.0.0:0", {}).error().code == Code::invalid_value);
  CHECK(HttpServer::start("nonsense", {}).error().code == Code::invalid_value);
}

TEST_CASE("a server can listen on IPv6") {
  const auto server = HttpServer::start("[::1]:0", {});
  if (!server) return;  // A machine may have none.
  CHECK((*server)->address().starts_with("[::1]:"));
  CHECK_FALSE((*server)->address().ends_with(":0"));
}
