#include "serf/wire/packet.h"

#include <cassert>

#include "serf/wire/crc.h"
#include "serf/wire/lzw.h"
#include "serf/wire/try.h"

namespace serf::wire {
namespace {

uint16_t u16(View bytes) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 |
                               static_cast<uint8_t>(bytes[1]));
}

/// Gathers the messages of one datagram within its bounds.
class Opener {
 public:
  Result<void> take(View message, size_t depth) {
    if (message.empty()) return {};
    const auto type = static_cast<Type>(message[0]);
    const bool wraps = type == Type::compress || type == Type::compound;
    if (wraps && depth >= packet_depth_max) {
      return fail(Code::invalid, "packet: nested too deeply");
    }
    if (type == Type::compound) return take_compound(message.substr(1), depth);
    if (type == Type::compress) {
      std::string plain = SERF_TRY(inflate(message.substr(1), inflatable_));
      inflatable_ -= plain.size();
      return take(plain, depth + 1);
    }
    messages_.emplace_back(message);
    return {};
  }

  std::vector<std::string> messages() { return std::move(messages_); }

 private:
  Result<void> take_compound(View body, size_t depth) {
    const size_t count = body.empty() ? 0 : static_cast<uint8_t>(body[0]);
    if (body.size() < 1 + 2 * count) return fail(Code::incomplete, "compound: length table is cut");
    View lengths = body.substr(1, 2 * count);
    View parts = body.substr(1 + 2 * count);
    for (; !lengths.empty(); lengths.remove_prefix(2)) {
      const size_t size = u16(lengths);
      if (size > parts.size()) break;
      SERF_TRY(take(parts.substr(0, size), depth + 1));
      parts.remove_prefix(size);
    }
    return {};
  }

  size_t inflatable_ = packet_inflated_bytes_max;
  std::vector<std::string> messages_;
};

/// Takes the label header off. Errors: `invalid` when it is not the one expected.
Result<View> without_label(View datagram, View label) {
  View found;
  if (datagram.starts_with(octet(Type::label))) {
    if (datagram.size() < 2) return fail(Code::incomplete, "label: cut");
    const size_t size = static_cast<uint8_t>(datagram[1]);
    if (size == 0 || datagram.size() < 2 + size) return fail(Code::incomplete, "label: cut");
    found = datagram.substr(2, size);
    datagram.remove_prefix(2 + size);
  }
  if (found != label) return fail(Code::invalid, "label: not ours");
  return datagram;
}

}  // namespace

Result<std::vector<std::string>> open_packet(View datagram, const KeyRing& ring, View label) {
  View message = SERF_TRY(without_label(datagram, label));
  std::string plain;
  if (!ring.empty()) {
    plain = SERF_TRY(unseal(ring, message, label));
    message = plain;
  }
  if (message.empty()) return fail(Code::incomplete, "packet: empty");
  if (message.size() >= 5 && message.starts_with(octet(Type::crc))) {
    const uint32_t sum =
        static_cast<uint32_t>(u16(message.substr(1))) << 16 | u16(message.substr(3));
    message.remove_prefix(5);
    if (sum != crc32(message)) return fail(Code::invalid, "packet: checksum does not fit");
  }
  Opener opener;
  SERF_TRY(opener.take(message, 0));
  return opener.messages();
}

std::string join_messages(const std::vector<std::string>& messages) {
  assert(!messages.empty() && messages.size() <= compound_parts_max);
  if (messages.size() == 1) return messages[0];
  std::string out{octet(Type::compound), static_cast<char>(messages.size())};
  for (const std::string& message : messages) {
    assert(!message.empty() && message.size() <= UINT16_MAX);
    out += static_cast<char>(message.size() >> 8);
    out += static_cast<char>(message.size() & 0xff);
  }
  for (const std::string& message : messages) out += message;
  return out;
}

std::string compress(View message) {
  return encode(Compress{0, Blob(lzw_encode(message))});
}

std::string compress_if_shorter(std::string message) {
  std::string packed = compress(message);
  return packed.size() < message.size() ? packed : message;
}

std::string with_crc(View message) {
  const uint32_t sum = crc32(message);
  std::string out{octet(Type::crc)};
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(sum >> shift);
  return out.append(message);
}

std::string label_header(View label) {
  assert(label.size() <= 255);
  if (label.empty()) return {};
  return std::string{octet(Type::label), static_cast<char>(label.size())}.append(label);
}

std::string seal_packet(std::string packet, const KeyRing& ring, Nonces& nonces, View label) {
  if (!ring.empty()) packet = seal(ring, nonces.draw(), packet, label);
  return label.empty() ? packet : label_header(label) + packet;
}

Result<std::string> inflate(View body, size_t bytes_max) {
  const Compress message = SERF_TRY(decode<Compress>(body));
  if (message.algo != 0) {
    return fail(Code::unreadable,
                "Cannot decompress unknown algorithm " + std::to_string(message.algo));
  }
  return lzw_decode(message.buf, bytes_max);
}

}  // namespace serf::wire
