// The protobuf wire format, strictly: one byte string for one message, and no other.
//
// The rules are those of canonical bytes: fields ascending, a repeated field's elements together,
// every varint in its shortest form, no group. libprotobuf's own reader takes any varint, an
// over-long one and one that overflows included, so the primitives are those of base/bytes.h.
#pragma once

#include <cassert>
#include <limits>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/id.h"
#include "base/int128.h"
#include "book/text.h"

namespace ledger::book {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2 };

struct Field {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t integer = 0;  ///< varint and fixed64.
  Bytes bytes = {};      ///< bytes; borrowed.
};

/// Takes a message apart, field by field.
class FieldReader {
 public:
  /// `repeated` has bit n set where field n may stand more than once.
  explicit FieldReader(Bytes message, uint32_t repeated = 0)
      : cursor_(message), repeated_(repeated) {}

  /// The next field; nothing at the end, and where the bytes are not canonical.
  std::optional<Field> next() {
    if (cursor_.empty()) return std::nullopt;
    const std::optional<uint64_t> tag = cursor_.take_varint();
    if (!tag || *tag > std::numeric_limits<uint32_t>::max()) return refuse();
    Field field{.number = static_cast<uint32_t>(*tag >> 3),
                .type = static_cast<WireType>(*tag & 7)};
    const bool again =
        field.number == last_ && field.number < 32 && (repeated_ >> field.number & 1) != 0;
    if (field.number <= last_ && !again) return refuse();
    last_ = field.number;
    return take_value(field) ? std::optional(field) : refuse();
  }

  /// After `next` gave nothing: whether that was the end of the message.
  bool ended() const { return !refused_ && cursor_.empty(); }

 private:
  bool take_value(Field& field) {
    if (field.type == WireType::fixed64) {
      const std::optional<uint64_t> value = cursor_.take<uint64_t>();
      field.integer = value.value_or(0);
      return value.has_value();
    }
    const bool known = field.type == WireType::varint || field.type == WireType::bytes;
    const std::optional<uint64_t> value = known ? cursor_.take_varint() : std::nullopt;
    if (!value) return false;
    field.integer = *value;
    if (field.type == WireType::varint) return true;
    const std::optional<Bytes> bytes = cursor_.take_bytes(*value);
    field.bytes = bytes.value_or(Bytes());
    return bytes.has_value();
  }

  std::optional<Field> refuse() {
    refused_ = true;
    return std::nullopt;
  }

  Cursor cursor_;
  uint32_t repeated_;
  uint32_t last_ = 0;
  bool refused_ = false;
};

// The value of a field as its type, or false. What may be `optional` in the message may be empty
// or 0 here; `plain` fields may not, since their default value is left out of canonical bytes.

inline bool read_text(const Field& field, std::string& to) {
  if (field.type != WireType::bytes || !is_utf8(field.bytes)) return false;
  to = field.bytes;
  return true;
}

inline bool read_plain_text(const Field& field, std::string& to) {
  return read_text(field, to) && !to.empty();
}

inline bool read_int128(const Field& field, Int128& to) {
  const auto value = field.type == WireType::bytes ? decode_int128(field.bytes) : std::nullopt;
  to = value.value_or(0);
  return value.has_value();
}

/// A varint of at most 64 bits that fits into a T.
template <std::unsigned_integral T>
bool read_unsigned(const Field& field, T& to) {
  to = static_cast<T>(field.integer);
  return field.type == WireType::varint && to == field.integer;
}

/// Makes a message of fields, given in ascending order.
class FieldWriter {
 public:
  void varint(uint32_t number, uint64_t value) {
    tag(number, WireType::varint);
    put_varint(out_, value);
  }
  void fixed64(uint32_t number, int64_t value) {
    tag(number, WireType::fixed64);
    put(out_, value);
  }
  void bytes(uint32_t number, Bytes value) {
    tag(number, WireType::bytes);
    put_varint(out_, value.size());
    out_.append(value);
  }
  void int128(uint32_t number, Int128 value) { bytes(number, encode_int128(value)); }

  // Fields without `optional`: left out where they have their default value.
  void plain_varint(uint32_t number, uint64_t value) {
    if (value != 0) varint(number, value);
  }
  void plain_bytes(uint32_t number, Bytes value) {
    if (!value.empty()) bytes(number, value);
  }

  std::string take() && { return std::move(out_); }

 private:
  void tag(uint32_t number, WireType type) {
    assert(number >= last_);
    last_ = number;
    put_varint(out_, uint64_t{number} << 3 | static_cast<uint64_t>(type));
  }

  std::string out_;
  uint32_t last_ = 0;
};

}  // namespace ledger::book
