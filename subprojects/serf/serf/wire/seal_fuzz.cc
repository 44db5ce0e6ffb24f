// Nobody without the key makes a message that opens; what we seal opens to itself.

#include <cstdint>
#include <cstdlib>

#include "serf/wire/seal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace serf::wire;
  static const KeyRing ring =
      KeyRing::of({std::string(32, 'a'), std::string(24, 'b'), std::string(16, 'c')}).value();
  const serf::View bytes(reinterpret_cast<const char*>(data), size);
  const auto forged = unseal(ring, bytes, {});
  if (forged && !forged->empty()) std::abort();
  const Nonce nonce{};
  const auto opened = unseal(ring, seal(ring, nonce, bytes, "header"), "header");
  if (!opened || *opened != bytes) std::abort();
  return 0;
}
