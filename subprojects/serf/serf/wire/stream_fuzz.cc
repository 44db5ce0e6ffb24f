// A stream fed whole and fed in two portions gives the same; a push/pull is written back the same.

#include <cstdint>
#include <cstdlib>

#include "serf/wire/stream.h"

namespace {

using namespace serf::wire;

std::optional<StreamMessage> read(const KeyRing& ring, serf::View bytes, size_t cut) {
  StreamReader reader(ring);
  auto first = reader.feed(bytes.substr(0, cut));
  if (!first) return std::nullopt;
  if (*first) return std::move(*first);
  auto second = reader.feed(bytes.substr(cut));
  return second ? std::move(*second) : std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const KeyRing none;
  static const KeyRing ring = KeyRing::of({std::string(32, 'k')}).value();
  const serf::View bytes(reinterpret_cast<const char*>(data), size);
  read(ring, bytes, size / 2);
  const auto whole = read(none, bytes, size);
  const auto parts = read(none, bytes, size / 2);
  if (!whole) return 0;
  const auto* push_pull = std::get_if<PushPull>(&*whole);
  if (push_pull == nullptr) return 0;
  const std::string once = encode(*push_pull);
  const auto again = read(none, once, once.size());
  if (!again || encode(std::get<PushPull>(*again)) != once) std::abort();
  // Half of it may already be a whole message when bytes follow that nobody asked for.
  if (parts && std::holds_alternative<PushPull>(*parts) &&
      std::get<PushPull>(*parts).nodes.size() != push_pull->nodes.size()) {
    std::abort();
  }
  return 0;
}
