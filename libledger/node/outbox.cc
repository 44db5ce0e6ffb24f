#include "node/outbox.h"

#include <algorithm>

namespace ledger::node {
namespace {

/// With libraft's window of a million entries a follower that is behind has a few messages waiting;
/// more than this is a follower that can't be reached.
constexpr size_t messages_max = 4096;
/// What a message counts besides its payload.
constexpr size_t message_bytes = 64;

/// Whether `later` says everything that `earlier` does.
bool covers(const raft::Message& later, const raft::Message& earlier) {
  const auto* last = std::get_if<raft::AppendEntries>(&later.body);
  const auto* first = std::get_if<raft::AppendEntries>(&earlier.body);
  return last != nullptr && first != nullptr && later.term == earlier.term &&
         last->previous_index <= first->previous_index &&
         first->previous_index + first->count <= last->previous_index + last->count;
}

size_t payload_bytes(const raft::Message& message) {
  size_t bytes = message_bytes;
  if (const auto* body = std::get_if<raft::AppendEntries>(&message.body)) {
    for (const Entry& entry : body->entries) bytes += entry.bytes().size() + message_bytes;
  }
  return bytes;
}

}  // namespace

void Outbox::put(raft::Message message) {
  const uint64_t cuts = log_.cuts();
  const std::lock_guard lock(mutex_);
  Queue& queue = queues_[message.to];
  while (!queue.empty() && covers(message, queue.back().message)) queue.pop_back();
  if (queue.size() >= messages_max) {
    ++dropped_;
    return;
  }
  queue.push_back({std::move(message), cuts});
}

void Outbox::keep(const std::vector<MemberId>& members) {
  const std::lock_guard lock(mutex_);
  std::erase_if(queues_, [&](const auto& queue) {
    return std::ranges::find(members, queue.first) == members.end();
  });
}

uint64_t Outbox::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

Result<std::vector<raft::Message>> Outbox::take(MemberId to, size_t bytes_max) {
  std::vector<raft::Message> taken;
  size_t bytes = 0;
  Waiting next;
  while (bytes < bytes_max && pop(to, next)) {
    if (!TRY(fill(next, bytes_max - bytes))) continue;
    bytes += payload_bytes(next.message);
    taken.push_back(std::move(next.message));
  }
  return taken;
}

bool Outbox::pop(MemberId to, Waiting& first) {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(to);
  if (found == queues_.end() || found->second.empty()) return false;
  first = std::move(found->second.front());
  found->second.pop_front();
  return true;
}

/// Gives an AppendEntries its entries; what does not fit waits at the front. False: it is
/// overtaken.
Result<bool> Outbox::fill(Waiting& waiting, size_t bytes_max) {
  auto* body = std::get_if<raft::AppendEntries>(&waiting.message.body);
  if (body == nullptr || body->count == 0) return true;
  if (log_.cuts() != waiting.cuts) return false;
  const Index end = body->previous_index + body->count + 1;
  std::vector<Entry> entries = TRY(log_.read(body->previous_index + 1, end, bytes_max));
  // What was read belongs to this message only if nothing was cut before it was.
  if (entries.empty() || log_.cuts() != waiting.cuts) return false;
  const auto count = static_cast<uint32_t>(entries.size());
  if (count < body->count) {
    Waiting rest = waiting;
    auto& left = std::get<raft::AppendEntries>(rest.message.body);
    left.previous_index = entries.back().index;
    left.previous_term = entries.back().term;
    left.count -= count;
    put_back(std::move(rest));
  }
  body->count = count;
  body->entries = std::move(entries);
  return true;
}

void Outbox::put_back(Waiting rest) {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(rest.message.to);
  if (found == queues_.end()) return;  // Not a member any more.
  Queue& queue = found->second;
  // Something may have come meanwhile that says it again.
  if (queue.empty() || !covers(queue.front().message, rest.message)) {
    queue.push_front(std::move(rest));
  }
}

}  // namespace ledger::node
