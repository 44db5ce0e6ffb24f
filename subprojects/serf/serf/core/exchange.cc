#include "serf/core/exchange.h"

#include <algorithm>
#include <cmath>

namespace serf {

using wire::NodeState;

namespace {

/// Above this many nodes push/pulls become rarer.
constexpr double push_pull_scale_nodes = 32;

}  // namespace

Exchange::Exchange(Shared& shared, Roster& roster, Prober& prober, const Upper& upper)
    : shared_(&shared), roster_(&roster), prober_(&prober), upper_(&upper) {}

Duration Exchange::interval() const {
  const auto n = static_cast<double>(shared_->node_count);
  const Duration base = shared_->profile().push_pull_interval;
  if (n <= push_pull_scale_nodes) return base;
  return base *
         (static_cast<int64_t>(std::ceil(std::log2(n) - std::log2(push_pull_scale_nodes))) + 1);
}

void Exchange::start(Instant now) {
  const auto span = static_cast<uint64_t>(interval().us);
  next_ = now + Duration{static_cast<int64_t>(shared_->random.below(span))};
}

std::string Exchange::dress(std::string message) {
  return wire::dress_stream(std::move(message), shared_->config.compression, shared_->ring,
                            shared_->nonces, shared_->config.label);
}

std::string Exchange::own_push_pull(bool join) const {
  return encode(wire::PushPull{join, roster_->list(), upper_->local_state(join)});
}

void Exchange::open(Stream stream, std::string message, Out& out) {
  last_id_ += 2;
  ++shared_->stats.streams_opened;
  out.effects.actions.emplace_back(OpenStream{last_id_, stream.to, dress(std::move(message))});
  streams_.emplace(last_id_, std::move(stream));
}

void Exchange::push_pull(Instant now, const Address& to, bool join, std::optional<Token> token,
                         Out& out) {
  open({Purpose::push_pull, to, join, token, 0, now + shared_->profile().stream_timeout,
        wire::StreamReader(shared_->ring, shared_->config.label)},
       own_push_pull(join), out);
}

void Exchange::accepted(Instant now, StreamId id, Out& out) {
  ++shared_->stats.streams_accepted;
  if (served_ >= shared_->config.limits.streams_max) {
    out.warn("too many streams at once, closing one");
    out.effects.actions.emplace_back(CloseStream{id});
    return;
  }
  ++served_;
  streams_.emplace(id, Stream{Purpose::serve,
                              {},
                              false,
                              {},
                              0,
                              now + shared_->profile().stream_timeout,
                              wire::StreamReader(shared_->ring, shared_->config.label)});
}

void Exchange::received(Instant now, StreamId id, const std::string& bytes, Out& out) {
  const Place at = streams_.find(id);
  if (at == streams_.end()) return;
  Stream& stream = at->second;
  size_t buffered = bytes.size();
  for (const auto& [other, its] : streams_) buffered += its.reader.buffered();
  if (buffered > shared_->config.limits.stream_bytes_total_max) {
    return finish(at, "too many bytes wait on all streams together", out);
  }
  auto message = stream.reader.feed(bytes);
  if (!message) {
    const bool unreadable = message.error().code == Code::unreadable;
    ++shared_->stats.streams_failed;
    if (unreadable) ++shared_->stats.streams_unreadable;
    const bool tell = stream.purpose == Purpose::serve && unreadable;
    if (tell) answer(at, encode(wire::ErrorMessage{message.error().message}), out);
    return finish(at, message.error().message, out);
  }
  if (!*message) return;
  if (stream.purpose == Purpose::serve) {
    serve(now, at, std::move(**message), out);
  } else {
    take_answer(now, at, std::move(**message), out);
  }
}

void Exchange::answer(Place at, std::string message, Out& out) {
  out.effects.actions.emplace_back(WriteStream{at->first, dress(std::move(message))});
}

void Exchange::serve(Instant now, Place at, wire::StreamMessage message, Out& out) {
  std::string error;
  if (auto* push_pull = std::get_if<wire::PushPull>(&message)) {
    answer(at, own_push_pull(push_pull->join), out);  // Before merging, as stock nodes do.
    merge(now, std::move(*push_pull), false, error, out);
  } else if (const auto* ping = std::get_if<wire::Ping>(&message)) {
    if (ping->node.empty() || ping->node == shared_->config.name) {
      answer(at, encode(wire::Ack{ping->seq_no, {}}), out);
    }
  } else if (auto* user = std::get_if<wire::UserBytes>(&message)) {
    out.upcalls.emplace_back(UserMessage{std::move(user->body)});
  } else if (const auto* told = std::get_if<wire::ErrorMessage>(&message)) {
    error = "peer says: " + told->error;
  }
  finish(at, error, out);
}

void Exchange::take_answer(Instant now, Place at, wire::StreamMessage message, Out& out) {
  const Stream& stream = at->second;
  std::string error;
  if (const auto* told = std::get_if<wire::ErrorMessage>(&message)) {
    error = "peer says: " + told->error;
  } else if (auto* push_pull = std::get_if<wire::PushPull>(&message);
             push_pull != nullptr && stream.purpose == Purpose::push_pull) {
    merge(now, std::move(*push_pull), stream.token.has_value(), error, out);
  } else if (const auto* ack = std::get_if<wire::Ack>(&message);
             ack != nullptr && stream.purpose == Purpose::ping) {
    if (ack->seq_no == stream.seq_no) prober_->stream_ack(ack->seq_no, out);
  } else {
    error = "unexpected answer";
  }
  finish(at, error, out);
}

void Exchange::merge(Instant now, wire::PushPull message, bool join, std::string& error, Out& out) {
  Result<void> merged = roster_->merge(now, message.nodes, out);
  if (!merged) {
    error = "push/pull refused: " + merged.error().message;
    return;
  }
  if (!message.user_state.empty()) {
    out.upcalls.emplace_back(RemoteState{std::move(message.user_state), join});
  }
}

void Exchange::finish(Place at, const std::string& error, Out& out) {
  const Stream& stream = at->second;
  if (stream.purpose == Purpose::serve) --served_;
  if (!error.empty()) {
    const bool quiet = stream.purpose == Purpose::ping || stream.token;
    out.log(
        quiet ? LogLine::Level::debug : LogLine::Level::warning,
        "stream " + (stream.to.valid() ? "to " + format(stream.to) : "from a peer") + ": " + error);
  }
  if (stream.token) out.upcalls.emplace_back(Exchanged{*stream.token, stream.to, error});
  out.effects.actions.emplace_back(CloseStream{at->first});
  streams_.erase(at);
}

void Exchange::closed(StreamId id, const std::string& why, Out& out) {
  const Place at = streams_.find(id);
  if (at == streams_.end()) return;
  finish(at, why.empty() ? "closed without an answer" : why, out);
  out.effects.actions.pop_back();  // It is closed already.
}

void Exchange::tick(Instant now, Out& out) {
  for (Place at = streams_.begin(); at != streams_.end();) {
    const Place next = std::next(at);
    if (at->second.deadline <= now) finish(at, "timed out", out);
    at = next;
  }
  if (auto ping = prober_->take_stream_ping(); ping && ping->deadline > now) {
    open({Purpose::ping, ping->to, false, std::nullopt, ping->ping.seq_no, ping->deadline,
          wire::StreamReader(shared_->ring, shared_->config.label)},
         encode(ping->ping), out);
  }
  if (now < next_) return;
  next_ = now + interval();
  const auto peers =
      roster_->pick(1, [](const Entry& entry) { return entry.state == NodeState::alive; });
  for (const Entry* peer : peers) push_pull(now, peer->address, false, std::nullopt, out);
}

Instant Exchange::wake() const {
  Instant wake = next_;
  for (const auto& [id, stream] : streams_) wake = std::min(wake, stream.deadline);
  return wake;
}

}  // namespace serf
