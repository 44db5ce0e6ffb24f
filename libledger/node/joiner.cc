#include "node/joiner.h"

#include <algorithm>
#include <future>

namespace ledger::node {
namespace {

/// How long one attempt may take, and the pause after one.
constexpr Duration ask_patience = std::chrono::seconds(2);
constexpr Duration ask_again = std::chrono::milliseconds(200);

}  // namespace

Joiner::Joiner(rpc::Node& node, rpc::Introduction self, std::vector<std::string> addresses,
               std::function<void(Level, std::string_view)> tell)
    : node_(node),
      self_(std::move(self)),
      addresses_(std::move(addresses)),
      tell_(std::move(tell)),
      thread_([this] { run(); }) {}

void Joiner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Joiner::stopped(Duration patience) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, patience, [this] { return stops_; });
}

void Joiner::run() {
  Code told = Code::internal;
  do {
    std::vector<std::string> addresses = addresses_;
    if (known(addresses)) return;
    const Result<void> asked = rpc::ask_to_join(addresses, self_, ask_patience);
    if (!asked && asked.error().code != told) {
      told = asked.error().code;
      tell_(Level::warning, "asked to be taken in: " + asked.error().message);
    }
  } while (!stopped(ask_again));
}

/// Whether the configuration names us as we are; adds the members' addresses.
bool Joiner::known(std::vector<std::string>& addresses) {
  auto promise = std::make_shared<std::promise<rpc::Answer<rpc::Members>>>();
  auto answer = promise->get_future();
  node_.members(
      [promise](rpc::Answer<rpc::Members> members) { promise->set_value(std::move(members)); });
  const rpc::Answer<rpc::Members> members = answer.get();
  if (!members) return false;
  // Alone we need nobody to find us.
  bool found = members->all.size() == 1 && members->all.front().member.id == self_.member;
  for (const rpc::Members::One& one : members->all) {
    if (one.member.id == self_.member) found = found || one.member.address == self_.address;
    if (std::ranges::find(addresses, one.member.address) == addresses.end()) {
      addresses.push_back(one.member.address);
    }
  }
  return found;
}

}  // namespace ledger::node
