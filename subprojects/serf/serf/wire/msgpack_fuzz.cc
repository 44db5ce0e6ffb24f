// A reader stays within its bytes, whatever is asked of it; what it reads is written back the same.

#include <cstdint>
#include <cstdlib>

#include "serf/wire/messages.h"
#include "serf/wire/msgpack.h"

namespace {

template <class Message>
void round_trip(serf::View body) {
  const auto first = serf::wire::decode<Message>(body);
  if (!first) return;
  const std::string once = encode(*first);
  const auto second = serf::wire::decode<Message>(serf::View(once).substr(1));
  if (!second || encode(*second) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const serf::View bytes(reinterpret_cast<const char*>(data), size);
  serf::wire::Reader reader(bytes);
  while (reader.ok() && !reader.rest().empty()) reader.skip();
  if (reader.position() > size) std::abort();
  round_trip<serf::wire::Ping>(bytes);
  round_trip<serf::wire::IndirectPing>(bytes);
  round_trip<serf::wire::Ack>(bytes);
  round_trip<serf::wire::Suspect>(bytes);
  round_trip<serf::wire::Alive>(bytes);
  round_trip<serf::wire::Compress>(bytes);
  return 0;
}
