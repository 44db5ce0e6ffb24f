#pragma once

#include <cstdint>

#include "serf/result.h"

namespace serf::wire {

/// CRC-32 as in zlib and Ethernet: reflected, polynomial 04c11db7, initial and final ffffffff.
uint32_t crc32(View bytes);

}  // namespace serf::wire
