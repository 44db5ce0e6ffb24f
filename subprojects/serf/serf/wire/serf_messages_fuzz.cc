// Every Serf message: what decodes is written back the same. The first octet picks the type.

#include <cstdint>
#include <cstdlib>

#include "serf/wire/serf_messages.h"

namespace {

using namespace serf::wire;

template <class Message>
void round_trip(serf::View body) {
  const auto first = decode<Message>(body);
  if (!first) return;
  const std::string once = encode(*first);
  const auto second = decode<Message>(serf::View(once).substr(1));
  // A NaN is written back as it came, so bytes are compared and not values.
  if (!second || encode(*second) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const serf::View body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<SerfType>(data[0])) {
    case SerfType::leave:
      round_trip<LeaveIntent>(body);
      break;
    case SerfType::join:
      round_trip<JoinIntent>(body);
      break;
    case SerfType::push_pull:
      round_trip<SerfState>(body);
      break;
    case SerfType::user_event:
      round_trip<UserEvent>(body);
      break;
    case SerfType::query:
      round_trip<Query>(body);
      break;
    case SerfType::query_response:
      round_trip<QueryResponse>(body);
      break;
    case SerfType::conflict_response:
      round_trip<std::optional<ConflictMember>>(body);
      break;
    case SerfType::key_request:
      round_trip<KeyRequest>(body);
      break;
    case SerfType::key_response:
      round_trip<KeyResponse>(body);
      break;
    case SerfType::relay:
      static_cast<void>(decode<RelayHeader>(body));
      break;
    default:
      round_trip<CoordinateMessage>(body);
      round_trip<TagFilter>(body);
      static_cast<void>(decode_tags(body));
      break;
  }
  return 0;
}
