// CRC32C (Castagnoli), the checksum of everything we store or send.
#pragma once

#include "base/types.h"

namespace ledger {

/// CRC32C of `bytes`; with `before`, of what `before` covers followed by `bytes`.
/// By ISA-L, about 80 GB/s where carry-less multiply is wide. crc32c("123456789") is e3069283.
uint32_t crc32c(Bytes bytes, uint32_t before = 0);

}  // namespace ledger
