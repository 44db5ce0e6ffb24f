#include "node/door.h"

namespace ledger::node {

void Door::open(std::shared_ptr<rpc::Node> node) {
  const std::lock_guard lock(mutex_);
  node_ = std::move(node);
}

std::shared_ptr<rpc::Node> Door::node() const {
  const std::lock_guard lock(mutex_);
  return node_;
}

rpc::Failure Door::closed() const {
  return {{Code::busy, name_ + " is recovering its log or stopping", "retry in a moment"}};
}

void Door::propose(rpc::Proposal proposal, rpc::Reply<rpc::Outcome> reply) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (!node) return reply(tl::unexpected(closed()));
  node->propose(std::move(proposal), std::move(reply));
}

void Door::read(const rpc::Freshness& freshness,
                rpc::Reply<std::reference_wrapper<const rpc::View>> reply) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (!node) return reply(tl::unexpected(closed()));
  node->read(freshness, std::move(reply));
}

Result<book::Decided> Door::decided(Offset from, Offset end, size_t bytes_max) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (!node) return tl::unexpected(closed().error);
  return node->decided(from, end, bytes_max);
}

uint64_t Door::watch(Offset offset, rpc::Reply<Offset> reply) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (node) return node->watch(offset, std::move(reply));
  reply(tl::unexpected(closed()));
  return 0;
}

void Door::unwatch(uint64_t ticket) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (node) node->unwatch(ticket);
}

void Door::status(rpc::Reply<rpc::NodeStatus> reply) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (!node) return reply(tl::unexpected(closed()));
  node->status(std::move(reply));
}

void Door::servers(rpc::Reply<std::vector<rpc::Server>> reply) {
  const std::shared_ptr<rpc::Node> node = this->node();
  if (!node) return reply(tl::unexpected(closed()));
  node->servers(std::move(reply));
}

}  // namespace ledger::node
