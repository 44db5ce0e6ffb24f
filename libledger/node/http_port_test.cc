#include "node/http_port.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>

#include "io/system_clock.h"
#include "node/http_ask.h"

using namespace ledger;
using node::ask;
using node::HttpPort;
using node::Metrics;

namespace {

std::string get(const HttpPort& port, const std::string& path) {
  return ask(port.address(), "GET " + path + " HTTP/1.0\r\n\r\n");
}

bool ok(const std::string& answer) {
  return answer.find(" 200 ") < answer.find("\r\n");
}

/// Two members, of whom we are the first.
Metrics two() {
  Metrics metrics;
  metrics.status.node = "n1";
  metrics.status.role = "follower";
  metrics.status.term = Term(4);
  metrics.members.self = MemberId(1);
  for (const uint64_t id : {1, 2}) {
    metrics.members.all.push_back(
        {.member = {MemberId(id), raft::Standing::voter, "n", "n:1"}, .heard = {}, .held = {}});
  }
  return metrics;
}

/// A node that answers, and counts how often the other member was asked for.
struct Scene {
  io::SystemClock clock;
  std::unique_ptr<HttpPort> port =
      HttpPort::start("127.0.0.1:0", clock, "waits for a cluster").value();
  std::promise<void> looked;
  std::promise<void> looked_around;
  std::atomic<int> looks = 0;
  std::atomic<int> looks_around = 0;

  void attach() {
    port->attach({.ask =
                      [this](rpc::Reply<Metrics> reply) {
                        reply(two());
                        // What was told first is taken in before it is asked again.
                        if (++looks == 2) looked.set_value();
                      },
                  .others =
                      [this](const std::vector<std::string>& addresses) {
                        if (++looks_around == 1) looked_around.set_value();
                        return std::vector<Result<rpc::NodeStatus>>(
                            addresses.size(), fail(Code::unreachable, "refused", ""));
                      }});
  }
};

}  // namespace

TEST_CASE("a node without a cluster is alive, and not ready") {
  Scene scene;
  CHECK(ok(get(*scene.port, "/healthz")));
  CHECK(ok(get(*scene.port, "/")));
  const std::string ready = get(*scene.port, "/readyz");
  CHECK_FALSE(ok(ready));
  CHECK(ready.ends_with("waits for a cluster\n"));
  CHECK_FALSE(ok(get(*scene.port, "/metrics")));
  CHECK(get(*scene.port, "/status.json").find("\"ready\":false") != std::string::npos);
}

TEST_CASE("readiness follows the node, and ends with it") {
  Scene scene;
  scene.attach();
  scene.looked.get_future().wait();
  CHECK(get(*scene.port, "/readyz").ends_with("knows no leader in term 4\n"));
  scene.port->set_ready(true);
  CHECK(ok(get(*scene.port, "/readyz")));
  CHECK(get(*scene.port, "/metrics").find("\nledger_term 4\n") != std::string::npos);
  scene.port->stop();
  scene.port->set_ready(true);
  CHECK(get(*scene.port, "/readyz").ends_with("stopping\n"));
  CHECK(ok(get(*scene.port, "/healthz")));
}

TEST_CASE("other members are asked only while somebody looks at the page") {
  Scene scene;
  scene.attach();
  scene.looked.get_future().wait();
  CHECK(scene.looks_around == 0);
  CHECK(ok(get(*scene.port, "/status.json")));
  scene.looked_around.get_future().wait();
  scene.port->stop();
  CHECK(get(*scene.port, "/status.json").find("\"error\":\"refused\"") != std::string::npos);
}
