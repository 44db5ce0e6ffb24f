#include "book/verdict.h"

#include <algorithm>
#include <array>
#include <utility>

#include "book/detail_fields.h"
#include "book/wire.h"

namespace ledger::book {
namespace {

using enum Code;
constexpr std::array<std::pair<Code, std::string_view>, 26> code_names = {{
    {ok, "ok"},
    {id_conflict, "id_conflict"},
    {malformed, "malformed"},
    {offset_mismatch, "offset_mismatch"},
    {too_late, "too_late"},
    {asset_not_found, "asset_not_found"},
    {asset_exists, "asset_exists"},
    {account_exists, "account_exists"},
    {name_taken, "name_taken"},
    {account_not_found, "account_not_found"},
    {account_closed, "account_closed"},
    {asset_mismatch, "asset_mismatch"},
    {period_closed, "period_closed"},
    {condition_failed, "condition_failed"},
    {overflow, "overflow"},
    {insufficient_funds, "insufficient_funds"},
    {ceiling_exceeded, "ceiling_exceeded"},
    {transaction_not_found, "transaction_not_found"},
    {not_pending, "not_pending"},
    {already_posted, "already_posted"},
    {already_voided, "already_voided"},
    {expired, "expired"},
    {exceeds_pending, "exceeds_pending"},
    {not_reversible, "not_reversible"},
    {already_reversed, "already_reversed"},
    {account_not_empty, "account_not_empty"},
}};

// One function a field type, both ways; which fields there are is said once, in detail_fields.h.

void write(FieldWriter& out, uint32_t number, const Offset& value) {
  out.varint(number, value.value);
}
void write(FieldWriter& out, uint32_t number, uint64_t value) {
  out.varint(number, value);
}
void write(FieldWriter& out, uint32_t number, uint32_t value) {
  out.varint(number, value);
}
void write(FieldWriter& out, uint32_t number, const Time& value) {
  out.fixed64(number, value.ns);
}
void write(FieldWriter& out, uint32_t number, const std::string& value) {
  out.bytes(number, value);
}
void write(FieldWriter& out, uint32_t number, const Id& value) {
  out.bytes(number, value.view());
}
void write(FieldWriter& out, uint32_t number, const Int128& value) {
  out.int128(number, value);
}

bool read(const Field& field, Offset& to) {
  return read_unsigned(field, to.value);
}
bool read(const Field& field, uint64_t& to) {
  return read_unsigned(field, to);
}
bool read(const Field& field, uint32_t& to) {
  return read_unsigned(field, to);
}
bool read(const Field& field, Time& to) {
  to.ns = static_cast<int64_t>(field.integer);
  return field.type == WireType::fixed64;
}
bool read(const Field& field, std::string& to) {
  return read_text(field, to);
}
bool read(const Field& field, Id& to) {
  const auto id = field.type == WireType::bytes ? id_from_bytes(field.bytes) : std::nullopt;
  to = id.value_or(Id());
  return id.has_value();
}
bool read(const Field& field, Int128& to) {
  return read_int128(field, to);
}

}  // namespace

std::string_view name(Code code) {
  const auto found = std::ranges::find(code_names, code, &decltype(code_names)::value_type::first);
  return found == code_names.end() ? "unknown" : found->second;
}

std::optional<Code> code_numbered(uint8_t number) {
  const auto found = std::ranges::find(code_names, static_cast<Code>(number),
                                       &decltype(code_names)::value_type::first);
  if (found == code_names.end()) return std::nullopt;
  return found->first;
}

std::optional<Code> code_named(std::string_view name) {
  const auto found = std::ranges::find(code_names, name, &decltype(code_names)::value_type::second);
  if (found == code_names.end()) return std::nullopt;
  return found->first;
}

std::string encode(const Detail& detail) {
  FieldWriter out;
  each_field(detail, [&out](uint32_t number, std::string_view, const auto& value) {
    if (value) write(out, number, *value);
  });
  return std::move(out).take();
}

std::optional<Detail> decode_detail(Bytes bytes) {
  Detail detail;
  FieldReader in(bytes);
  while (const std::optional<Field> field = in.next()) {
    bool good = false;
    each_field(detail, [&](uint32_t number, std::string_view, auto& value) {
      if (number == field->number) good = read(*field, value.emplace());
    });
    if (!good) return std::nullopt;
  }
  return in.ended() ? std::optional(detail) : std::nullopt;
}

}  // namespace ledger::book
