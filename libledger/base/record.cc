#include "base/record.h"

#include <array>
#include <cassert>

namespace ledger {
namespace {

constexpr std::array<std::string_view, 12> kind_names = {"raw",    "asset",   "account", "transact",
                                                         "settle", "reverse", "amend",   "annotate",
                                                         "period", "tick",    "rules",   "redact"};

size_t size_after_itself(const RecordFields& fields) {
  return record_fixed_bytes + (fields.expect_offset ? 8 : 0) + (fields.valid_until ? 8 : 0) +
         (fields.meta.empty() ? 0 : 2) + fields.body.size() + fields.meta.size();
}

}  // namespace

std::string_view name(Kind kind) {
  const auto number = static_cast<size_t>(kind);
  return number < kind_names.size() ? kind_names[number] : "unknown";
}

void encode_record(std::string& out, const RecordFields& fields) {
  assert(fields.meta.empty() || (fields.meta.size() >= 2 && fields.meta.size() <= 0xffff));
  put_varint(out, size_after_itself(fields));
  out.append(fields.id.view());
  out.push_back(static_cast<char>(fields.kind));
  out.push_back(static_cast<char>((fields.expect_offset ? flag_expect_offset : 0) |
                                  (fields.valid_until ? flag_valid_until : 0) |
                                  (fields.meta.empty() ? 0 : flag_meta)));
  if (fields.expect_offset) put(out, fields.expect_offset->value);
  if (fields.valid_until) put(out, fields.valid_until->ns);
  if (!fields.meta.empty()) put(out, static_cast<uint16_t>(fields.meta.size()));
  out.append(fields.body);
  out.append(fields.meta);
}

size_t record_bytes(const RecordFields& fields) {
  const size_t size = size_after_itself(fields);
  return varint_bytes(size) + size;
}

std::optional<Bytes> take_record(Cursor& cursor) {
  const std::optional<uint64_t> size = cursor.take_varint();
  if (!size) return std::nullopt;
  return cursor.take_bytes(*size);
}

RecordView view_record(Bytes bytes) {
  RecordView view;
  view.bytes = bytes;
  if (bytes.size() < record_fixed_bytes) return view;
  view.readable = true;
  view.id = Id::load(bytes.data());
  view.kind = static_cast<uint8_t>(bytes[16]);
  view.flags = static_cast<uint8_t>(bytes[17]);
  if ((view.flags & ~flags_known) != 0) return view;

  Cursor cursor(bytes.substr(record_fixed_bytes));
  std::optional<uint64_t> expect_offset;
  std::optional<int64_t> valid_until;
  std::optional<uint16_t> meta_size = 0;
  if (view.flags & flag_expect_offset) {
    expect_offset = cursor.take<uint64_t>();
    if (!expect_offset) return view;
  }
  if (view.flags & flag_valid_until) {
    valid_until = cursor.take<int64_t>();
    if (!valid_until) return view;
  }
  if (view.flags & flag_meta) {
    meta_size = cursor.take<uint16_t>();
    if (!meta_size || *meta_size < 2) return view;
  }
  const Bytes rest = cursor.rest();
  if (rest.size() < *meta_size) return view;

  if (expect_offset) view.expect_offset = Offset(*expect_offset);
  if (valid_until) view.valid_until = Time{*valid_until};
  view.body = rest.substr(0, rest.size() - *meta_size);
  view.meta = rest.substr(rest.size() - *meta_size);
  view.whole = true;
  return view;
}

std::optional<uint32_t> count_records(Bytes packed) {
  Cursor cursor(packed);
  uint32_t count = 0;
  while (!cursor.empty()) {
    if (!take_record(cursor)) return std::nullopt;
    ++count;
  }
  return count;
}

}  // namespace ledger
