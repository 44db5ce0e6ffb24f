#include "node/readers.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledger::node {

void Readers::read(Offset offset, Instant deadline, ReadReply reply) {
  earliest_ = std::min(earliest_, deadline);
  by_offset_.emplace(offset, Read{deadline, std::move(reply)});
}

void Readers::read(Index index, Instant deadline, ReadReply reply) {
  earliest_ = std::min(earliest_, deadline);
  by_index_.emplace(index, Read{deadline, std::move(reply)});
}

void Readers::ask(Instant deadline, ReadReply reply) {
  asking_.push_back({deadline, std::move(reply)});
}

std::optional<uint64_t> Readers::question() {
  if (asking_.empty()) return std::nullopt;
  questioned_ += asking_.size();
  questions_[++last_token_] = std::exchange(asking_, {});
  return last_token_;
}

std::vector<Readers::Read> Readers::take_question(uint64_t token) {
  auto node = questions_.extract(token);
  questioned_ -= node.mapped().size();
  return std::move(node.mapped());
}

void Readers::grant(uint64_t token, Index index) {
  for (Read& one : take_question(token)) read(index, one.deadline, std::move(one.reply));
}

void Readers::lose(uint64_t token, const rpc::Failure& failure) {
  for (const Read& one : take_question(token)) one.reply(tl::unexpected(failure));
}

void Readers::watch(uint64_t ticket, Offset offset, rpc::Reply<Offset> reply) {
  watches_.emplace(offset, Watch{ticket, std::move(reply)});
}

void Readers::unwatch(uint64_t ticket) {
  std::erase_if(watches_, [ticket](const auto& item) { return item.second.ticket == ticket; });
}

template <class Position>
void Readers::answer(Reads<Position>& reads, Position end, const rpc::View& view) {
  // A reply may ask again, so each is taken out before it is called.
  while (!reads.empty() && reads.begin()->first <= end) {
    const auto node = reads.extract(reads.begin());
    node.mapped().reply(std::cref(view));
  }
}

template <class Position>
void Readers::expire(Reads<Position>& reads, Instant now, const char* what, uint64_t end) {
  for (auto it = reads.begin(); it != reads.end();) {
    if (it->second.deadline > now) {
      earliest_ = std::min(earliest_, it++->second.deadline);
      continue;
    }
    auto node = reads.extract(it++);
    node.mapped().reply(tl::unexpected(
        rpc::Failure{{Code::timeout, fmt::format("{} {} is not applied yet (as of {})", what,
                                                 node.key().value, end)}}));
  }
}

void Readers::advance(Index applied, Offset end, const rpc::View& view, Instant now) {
  answer(by_offset_, end, view);
  answer(by_index_, applied, view);
  while (!watches_.empty() && watches_.begin()->first < end) {
    const auto node = watches_.extract(watches_.begin());
    node.mapped().reply(end);
  }
  if (now >= earliest_) expire_all(applied, end, now);
}

void Readers::expire_all(Index applied, Offset end, Instant now) {
  earliest_ = never;
  expire(by_offset_, now, "offset", end.value);
  expire(by_index_, now, "entry", applied.value);
}

void Readers::fail_all(const rpc::Failure& failure) {
  for (const Read& one : std::exchange(asking_, {})) one.reply(tl::unexpected(failure));
  while (!questions_.empty()) lose(questions_.begin()->first, failure);
  for (const auto& [offset, read] : std::exchange(by_offset_, {})) {
    read.reply(tl::unexpected(failure));
  }
  for (const auto& [index, read] : std::exchange(by_index_, {})) {
    read.reply(tl::unexpected(failure));
  }
  for (const auto& [offset, watch] : std::exchange(watches_, {})) {
    watch.reply(tl::unexpected(failure));
  }
}

std::optional<Instant> Readers::next_deadline() const {
  if (by_offset_.empty() && by_index_.empty()) return std::nullopt;
  return earliest_;
}

}  // namespace ledger::node
