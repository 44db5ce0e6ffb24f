// A record's frame: what users append, as it stands in the log, in requests and in answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/id.h"
#include "base/types.h"

namespace ledger {

/// What a record's body is. The numbers are for ever; those from `settle` on are not decided yet
/// under rules version 1.
enum class Kind : uint8_t {
  raw = 0,
  asset = 1,
  account = 2,
  transact = 3,
  settle = 4,
  reverse = 5,
  amend = 6,
  annotate = 7,
  period = 8,
  tick = 9,
  rules = 10,
  redact = 11,
};

/// `raw`, `asset` …; `unknown` for a number that names none.
std::string_view name(Kind kind);

/// The largest payload of an entry. A length read from disk or network above it is damage, not
/// data, so it also bounds what any reader will ever allocate.
constexpr size_t entry_bytes_max = 1 << 20;
/// The largest body of a raw record.
constexpr size_t raw_body_bytes_max = 1'000'000;
/// The largest meta of a record.
constexpr size_t meta_bytes_max = 4096;
/// id, kind and flags: what a record must have to own an id.
constexpr size_t record_fixed_bytes = 18;

constexpr uint8_t flag_expect_offset = 1;
constexpr uint8_t flag_valid_until = 2;
constexpr uint8_t flag_meta = 4;
constexpr uint8_t flags_known = flag_expect_offset | flag_valid_until | flag_meta;

/// A record, borrowed from the bytes it stands in.
///
///     record := size:varint id:byte[16] kind:u8 flags:u8
///               [expect_offset:u64] [valid_until:i64] [meta_size:u16]  body  meta
///     flags  := 1 expect_offset present | 2 valid_until present | 4 meta present (meta_size >= 2)
///
/// Little-endian, no padding. `size` counts the bytes after itself, as a varint in its shortest
/// form. The body takes what the other fields leave.
struct RecordView {
  Bytes bytes;            ///< All after `size`.
  bool readable = false;  ///< The fixed fields are there, so `id`, `kind` and `flags` are set.
  bool whole = false;     ///< Flags and lengths fit, so every field below is set.
  Id id;
  uint8_t kind = 0;  ///< A number, not a Kind: it may name none.
  uint8_t flags = 0;
  std::optional<Offset> expect_offset;  ///< Applied only at this offset.
  std::optional<Time> valid_until;      ///< Applied only while log time is at or before it.
  Bytes body;
  Bytes meta;  ///< Empty, or a JSON object.
};

/// What `encode_record` takes.
struct RecordFields {
  Id id;
  Kind kind = Kind::raw;
  std::optional<Offset> expect_offset = {};
  std::optional<Time> valid_until = {};
  Bytes body = {};
  Bytes meta = {};  ///< Empty or 2 to 65 535 bytes.
};

/// Appends the record, its size first, to `out`.
void encode_record(std::string& out, const RecordFields& fields);

/// How many bytes `encode_record` appends.
size_t record_bytes(const RecordFields& fields);

/// Takes the next record, size and all, from the front of `cursor` and returns the bytes after
/// its size. Nothing when they are not all there, or the size is not in its shortest form.
std::optional<Bytes> take_record(Cursor& cursor);

/// Reads the fields of a record, given without its size. Never fails: what is not there is said
/// by `readable` and `whole`.
RecordView view_record(Bytes bytes);

/// How many whole records `packed` holds one after the other, if it holds nothing else.
std::optional<uint32_t> count_records(Bytes packed);

}  // namespace ledger
