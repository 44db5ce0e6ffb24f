// A small HTTP server: answers GET from memory. The one file that knows libevent is its .cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"

namespace ledger::node {

struct HttpAnswer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

/// HTTP/1.1 on one address, with one thread. Bounded: GET and HEAD only, headers to 8 KiB, no
/// bodies, 64 connections: whoever comes when all are taken waits in the kernel's queue. One that
/// is silent for ten seconds ends. No answer is for caches; pages may load nothing from elsewhere.
class HttpServer {
 public:
  /// How many connections are served at a time.
  static constexpr int connections_max = 64;

  /// Called by the server's thread, which serves nobody else meanwhile: must not wait.
  using Handler = std::function<HttpAnswer()>;

  /// Binds and serves `pages`, by path. Errors: `address_in_use` (whatever keeps the address from
  /// being bound), `invalid_value`, also for an address beyond this machine.
  static Result<std::unique_ptr<HttpServer>> start(const std::string& listen,
                                                   std::map<std::string, Handler> pages);
  /// Takes no more requests; what is being answered is cut off.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// HOST:PORT with the port that was chosen.
  const std::string& address() const { return address_; }

 private:
  struct Engine;

  HttpServer();

  std::map<std::string, Handler> pages_;
  std::string address_;
  std::unique_ptr<Engine> engine_;
  std::thread thread_;
};

}  // namespace ledger::node
