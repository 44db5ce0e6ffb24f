#include "node/readers.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledger::node {

void Readers::read(Offset offset, Instant deadline, ReadReply reply) {
  reads_.emplace(offset, Read{deadline, std::move(reply)});
}

void Readers::watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply) {
  watches_.emplace(offset, Watch{ticket, std::move(reply)});
}

void Readers::unwatch(uint64_t ticket) {
  std::erase_if(watches_, [ticket](const auto& item) { return item.second.ticket == ticket; });
}

void Readers::advance(Offset end, const rpc::View& view, Instant now) {
  // A reply may ask again, so each is taken out before it is called.
  while (!reads_.empty() && reads_.begin()->first <= end) {
    const auto node = reads_.extract(reads_.begin());
    node.mapped().reply(std::cref(view));
  }
  while (!watches_.empty() && watches_.begin()->first < end) {
    const auto node = watches_.extract(watches_.begin());
    node.mapped().reply(end);
  }
  for (auto it = reads_.begin(); it != reads_.end();) {
    if (it->second.deadline > now) {
      ++it;
      continue;
    }
    auto node = reads_.extract(it++);
    node.mapped().reply(tl::unexpected(
        rpc::Failure{{Code::timeout, fmt::format("offset {} is not applied yet (as of {})",
                                                 node.key().value, end.value)}}));
  }
}

void Readers::fail_all(const rpc::Failure& failure) {
  for (const auto& [offset, read] : std::exchange(reads_, {})) read.reply(tl::unexpected(failure));
  for (const auto& [offset, watch] : std::exchange(watches_, {})) {
    watch.reply(tl::unexpected(failure));
  }
}

std::optional<Instant> Readers::next_deadline() const {
  std::optional<Instant> next;
  for (const auto& [offset, read] : reads_) {
    if (!next || read.deadline < *next) next = read.deadline;
  }
  return next;
}

}  // namespace ledger::node
