// An address that is read is written and read again as the same.

#include <cstdint>
#include <cstdlib>

#include "serf/address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto address = serf::parse_address({reinterpret_cast<const char*>(data), size});
  if (!address) return 0;
  const auto again = serf::parse_address(serf::format(*address));
  if (!again || !serf::same_place(*again, *address)) std::abort();
  return 0;
}
