// Bytes that claim to come from another member: frames of messages and of entries, and requests.
#include <cassert>

#include "rpc/peer_codec.h"

namespace ledger::rpc {
namespace {

/// What is read is what would be written, once more.
void read_messages(Bytes input) {
  const auto messages = decode_messages(input, MemberId(1), MemberId(2));
  if (!messages || messages->empty()) return;
  const std::vector<std::string> written = encode_messages(*messages);
  assert(written.size() == 1);
  const auto again = decode_messages(written[0], MemberId(1), MemberId(2));
  assert(again && again->size() == messages->size());
  assert(encode_messages(*again) == written);
}

void read_entries(Bytes input) {
  const auto entries = decode_entries(input);
  if (!entries) return;
  const std::string written = encode_entries(*entries);
  const auto again = decode_entries(written);
  assert(again && again->size() == entries->size());
  assert(encode_entries(*again) == written);
}

template <class Message>
void read_message(Bytes input) {
  Message message;
  if (!message.ParseFromArray(input.data(), static_cast<int>(input.size()))) return;
  const auto value = from_message(message);
  if (!value) return;
  Message written;
  to_message(*value, written);
  assert(from_message(written));
}

}  // namespace
}  // namespace ledger::rpc

/// The first byte says what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ledger::rpc;
  if (size == 0 || size > frame_body_bytes_max / 2) return 0;
  const ledger::Bytes input(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 4) {
    case 0:
      read_messages(input);
      break;
    case 1:
      read_entries(input);
      break;
    case 2:
      read_message<::peer::v1::HelloResponse>(input);
      break;
    default:
      read_message<::peer::v1::EntriesRequest>(input);
  }
  return 0;
}
