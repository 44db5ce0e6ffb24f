// A datagram, open and encrypted: its messages are within the bounds, and join to the same again.

#include <cstdint>
#include <cstdlib>

#include "serf/wire/packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace serf::wire;
  static const KeyRing none;
  static const KeyRing ring = KeyRing::of({std::string(32, 'k'), std::string(16, 'j')}).value();
  const serf::View bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(open_packet(bytes, ring));
  static_cast<void>(open_packet(bytes, none, "ledger"));
  const auto messages = open_packet(bytes, none);
  if (!messages) return 0;
  size_t total = 0;
  for (const std::string& message : *messages) {
    if (message.empty()) std::abort();
    total += message.size();
  }
  if (total > packet_inflated_bytes_max + size * packet_depth_max) std::abort();
  if (messages->empty() || messages->size() > compound_parts_max) return 0;
  for (const std::string& message : *messages) {
    // A part that would be taken for a layer when it stands alone is no simple message.
    if (message[0] == octet(Type::crc) || message[0] == octet(Type::label)) return 0;
  }
  const auto again = open_packet(join_messages(*messages), none);
  if (!again || *again != *messages) std::abort();
  return 0;
}
