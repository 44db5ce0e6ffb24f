// For tests: ids that are told apart at sight, and records.
#pragma once

#include <atomic>
#include <string>

#include "base/id.h"
#include "base/record.h"

namespace ledger::rpc {

/// A UUID of version 7 that ends in `number`.
inline Id test_id(uint64_t number) {
  Id id{{0x01, 0x8f, 0, 0, 0, 0, 0x70, 0, 0x80}};
  for (size_t i = 0; i < 7; ++i) id.bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
  return id;
}

/// A raw record, size first.
inline std::string raw_record(const Id& id, std::string_view body) {
  std::string packed;
  encode_record(packed, {.id = id, .body = body});
  return packed;
}

}  // namespace ledger::rpc
