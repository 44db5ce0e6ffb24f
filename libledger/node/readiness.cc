#include "node/readiness.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "rpc/client.h"

namespace ledger::node {
namespace {

/// How long the page for people waits for what other members say of themselves.
constexpr Duration page_patience = std::chrono::seconds(1);

/// Asks other members, by one client for all times.
class Others {
 public:
  std::vector<Result<rpc::NodeStatus>> operator()(const std::vector<std::string>& addresses) {
    if (!client_) {
      const rpc::ClientOptions options{.endpoints = addresses,
                                       .patience = {rpc::Patience::Kind::progress, page_patience},
                                       .verbose = {}};
      Result<std::unique_ptr<rpc::Client>> made = rpc::Client::create(options);
      if (!made) return {addresses.size(), tl::unexpected(made.error())};
      client_ = *std::move(made);
    }
    return client_->statuses_of(addresses);
  }

 private:
  std::shared_ptr<rpc::Client> client_;
};

}  // namespace

void Readiness::set(bool ready) {
  server_.set_ready(ready);
  http_.set_ready(ready);
  journal_.info(ready ? "ready" : "not ready");
}

void Readiness::observe(Node& node, const Gossip* gossip, const uint64_t& repairs) {
  http_.attach({.ask = [&node](rpc::Reply<Metrics> reply) { node.metrics(std::move(reply)); },
                .others = Others(),
                .complete =
                    [this, gossip, &repairs](Metrics& metrics) {
                      metrics.replays = server_.replays();
                      metrics.repairs = repairs;
                      if (gossip != nullptr) metrics.count(*gossip->members());
                    },
                .looked =
                    [this](const rpc::NodeStatus& status) {
                      manager_.reassure(fmt::format("{} term {}, applied {}", status.role,
                                                    status.term.value, status.applied.value));
                    }});
}

void Readiness::stop() {
  http_.stop();
  server_.set_ready(false);
}

}  // namespace ledger::node
