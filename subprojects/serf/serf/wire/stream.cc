#include "serf/wire/stream.h"

#include <algorithm>

#include "serf/wire/packet.h"
#include "serf/wire/try.h"

namespace serf::wire {
namespace {

constexpr size_t stream_header_bytes = 5;
constexpr size_t small_map_bytes_max = 8'192;

uint32_t u32(View bytes) {
  uint32_t value = 0;
  for (char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

std::string u32(size_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

}  // namespace

Result<std::optional<StreamMessage>> StreamReader::feed(View bytes) {
  if (buffer_.size() + bytes.size() > stream_bytes_max + stream_header_bytes + 257) {
    return fail(Code::invalid, "stream: too long");
  }
  buffer_.append(bytes);
  if (buffer_.size() < wanted_) return std::nullopt;
  auto message = SERF_TRY(advance());
  if (!message && whole_) return fail(Code::invalid, "stream: message is cut");
  if (!message && wanted_ > stream_bytes_max) return fail(Code::invalid, "stream: too long");
  return message;
}

Result<std::optional<StreamMessage>> StreamReader::advance() {
  if (!SERF_TRY(open_outer())) return std::nullopt;
  return read_plain();
}

/// Takes off label, encryption and compression as far as the bytes go; false when they are missing.
Result<bool> StreamReader::open_outer() {
  if (!label_read_) {
    View found;
    if (buffer_.starts_with(octet(Type::label))) {
      const size_t size = buffer_.size() < 2 ? 0 : static_cast<uint8_t>(buffer_[1]);
      if (buffer_.size() < 3 + size) return wanted_ = 3 + size, false;
      found = View(buffer_).substr(2, size);
      at_ = 2 + size;
    }
    if (found != label_) return fail(Code::invalid, "stream: label is not ours");
    label_read_ = true;
  }
  if (!unsealed_ && !SERF_TRY(open_sealed())) return false;
  if (!inflated_ && at_ < buffer_.size() && buffer_[at_] == octet(Type::compress)) {
    Reader reader(View(buffer_).substr(at_ + 1));
    reader.skip();
    if (!reader.ok()) {
      if (reader.status().error().code == Code::invalid)
        return tl::unexpected(reader.status().error());
      return wanted_ = at_ + 1 + reader.wanted(), false;
    }
    buffer_ = SERF_TRY(inflate(View(buffer_).substr(at_ + 1), stream_inflated_bytes_max));
    at_ = 0;
    whole_ = true;
  }
  inflated_ = at_ < buffer_.size();
  return true;
}

Result<bool> StreamReader::open_sealed() {
  if (at_ >= buffer_.size()) return wanted_ = at_ + 1, false;
  const bool sealed = buffer_[at_] == octet(Type::encrypted);
  if (sealed && ring_->empty()) {
    return fail(Code::unreadable, "Remote state is encrypted and encryption is not configured");
  }
  if (!sealed && !ring_->empty()) {
    return fail(Code::unreadable, "Encryption is configured but remote state is not encrypted");
  }
  unsealed_ = !sealed;
  if (unsealed_) return true;
  const View bytes = View(buffer_).substr(at_);
  if (bytes.size() < stream_header_bytes) return wanted_ = at_ + stream_header_bytes, false;
  const size_t size = u32(bytes.substr(1));
  if (size > stream_bytes_max) return fail(Code::invalid, "stream: encrypted part is too long");
  if (bytes.size() < stream_header_bytes + size) {
    return wanted_ = at_ + stream_header_bytes + size, false;
  }
  const std::string associated = std::string(bytes.substr(0, stream_header_bytes)).append(label_);
  auto plain = unseal(*ring_, bytes.substr(stream_header_bytes, size), associated);
  if (!plain) return fail(Code::unreadable, "No installed keys could decrypt the message");
  buffer_ = *std::move(plain);
  at_ = 0;
  unsealed_ = true;
  whole_ = true;
  return true;
}

/// The map at `at_`, or nothing while it is not complete.
template <class Message>
Result<std::optional<Message>> StreamReader::read_map(size_t bytes_max) {
  Reader reader(View(buffer_).substr(at_));
  Message message = read<Message>(reader);
  if (Result<void> status = reader.status(); !status) {
    if (status.error().code != Code::incomplete) return tl::unexpected(status.error());
    if (reader.wanted() > bytes_max) return fail(Code::invalid, "stream: map is too long");
    wanted_ = at_ + reader.wanted();
    return std::nullopt;
  }
  at_ += reader.position();
  return message;
}

Result<std::optional<StreamMessage>> StreamReader::read_plain() {
  if (at_ >= buffer_.size()) return wanted_ = at_ + 1, std::nullopt;
  if (header_) return read_push_pull();
  const auto type = static_cast<Type>(buffer_[at_]);
  const size_t begin = at_++;
  std::optional<StreamMessage> out;
  if (type == Type::push_pull) {
    out = SERF_TRY(read_push_pull());
  } else if (type == Type::ping) {
    if (auto ping = SERF_TRY(read_map<Ping>(small_map_bytes_max))) out = *std::move(ping);
  } else if (type == Type::ack) {
    if (auto ack = SERF_TRY(read_map<Ack>(small_map_bytes_max))) out = *std::move(ack);
  } else if (type == Type::error) {
    if (auto error = SERF_TRY(read_map<ErrorMessage>(small_map_bytes_max))) out = *std::move(error);
  } else if (type == Type::user) {
    out = SERF_TRY(read_user());
  } else {
    return fail(Code::invalid, "stream: message type " +
                                   std::to_string(static_cast<unsigned>(type)) + " is unknown");
  }
  if (!out && !header_) at_ = begin;
  return out;
}

Result<std::optional<StreamMessage>> StreamReader::read_push_pull() {
  if (!header_) {
    header_ = SERF_TRY(read_map<PushPullHeader>(small_map_bytes_max));
    if (!header_) return std::nullopt;
    if (header_->user_state_len > stream_bytes_max) {
      return fail(Code::invalid, "stream: user state is too long");
    }
    push_pull_.join = header_->join;
  }
  while (push_pull_.nodes.size() < header_->nodes) {
    auto node = SERF_TRY(read_map<PushPullNode>(push_pull_node_bytes_max));
    if (!node) return std::nullopt;
    push_pull_.nodes.push_back(*std::move(node));
  }
  if (buffer_.size() < at_ + header_->user_state_len) {
    return wanted_ = at_ + header_->user_state_len, std::nullopt;
  }
  push_pull_.user_state = buffer_.substr(at_, header_->user_state_len);
  return StreamMessage(std::move(push_pull_));
}

Result<std::optional<StreamMessage>> StreamReader::read_user() {
  const auto header = SERF_TRY(read_map<UserHeader>(small_map_bytes_max));
  if (!header) return std::nullopt;
  if (header->user_msg_len > stream_bytes_max)
    return fail(Code::invalid, "stream: user message is too long");
  if (buffer_.size() < at_ + header->user_msg_len) {
    wanted_ = at_ + header->user_msg_len;
    return std::nullopt;
  }
  return StreamMessage(UserBytes{buffer_.substr(at_, header->user_msg_len)});
}

std::string dress_stream(std::string message, bool compressed, const KeyRing& ring, Nonces& nonces,
                         View label) {
  if (compressed) message = compress(message);
  if (ring.empty()) return label_header(label) + message;
  std::string header = octet(Type::encrypted) + u32(message.size() + seal_bytes);
  std::string sealed = seal(ring, nonces.draw(), message, std::string(header).append(label));
  return label_header(label) + header + sealed;
}

}  // namespace serf::wire
