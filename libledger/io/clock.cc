#include "io/clock.h"

#include <array>

#include "base/bytes.h"

namespace ledger::io {

uint64_t Random::number() {
  std::array<uint8_t, 8> bytes;
  uint64_t number = 0;
  while (number == 0) {
    fill(bytes);
    std::memcpy(&number, bytes.data(), sizeof number);
  }
  return number;
}

}  // namespace ledger::io
