// What is unpacked is within its bound, and packs and unpacks to itself.

#include <cstdint>
#include <cstdlib>

#include "serf/wire/lzw.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t bytes_max = 65'535;
  const serf::View bytes(reinterpret_cast<const char*>(data), size);
  if (const auto plain = serf::wire::lzw_decode(bytes, bytes_max)) {
    if (plain->size() > bytes_max) std::abort();
    const auto again = serf::wire::lzw_decode(serf::wire::lzw_encode(*plain), bytes_max);
    if (!again || *again != *plain) std::abort();
  }
  const auto back = serf::wire::lzw_decode(serf::wire::lzw_encode(bytes), size);
  if (!back || *back != bytes) std::abort();
  return 0;
}
