// Whether two records with one id are the same, and where they differ.

#include <algorithm>

#include "book/book.h"

namespace ledger::book {
namespace {

using Field = std::optional<std::string>;

Field first_difference(const Asset& a, const Asset& b) {
  if (a.code != b.code) return "code";
  if (a.scale != b.scale) return "scale";
  return std::nullopt;
}

Field first_difference(const Account& a, const Account& b) {
  if (a.account != b.account) return "account";
  if (a.name != b.name) return "name";
  if (a.asset != b.asset) return "asset";
  if (a.kind != b.kind) return "kind";
  if (a.floor != b.floor) return "floor";
  if (a.ceiling != b.ceiling) return "ceiling";
  return std::nullopt;
}

Field first_difference(const Leg& a, const Leg& b) {
  if (a.debit != b.debit) return "debit";
  if (a.credit != b.credit) return "credit";
  if (a.amount != b.amount) return "amount";
  return std::nullopt;
}

Field first_difference(const Condition& a, const Condition& b) {
  if (a.account != b.account) return "account";
  if (a.what != b.what) return "what";
  if (a.op != b.op) return "op";
  if (a.value != b.value) return "value";
  return std::nullopt;
}

/// Element by element; where one list only is longer, its name.
template <class T>
Field first_difference(const char* name, const std::vector<T>& a, const std::vector<T>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (const Field field = first_difference(a[i], b[i])) {
      return std::string(name) + "[" + std::to_string(i) + "]." + *field;
    }
  }
  if (a.size() != b.size()) return name;
  return std::nullopt;
}

Field first_difference(const Transact& a, const Transact& b) {
  if (Field field = first_difference("legs", a.legs, b.legs)) return field;
  if (a.effective != b.effective) return "effective";
  if (Field field = first_difference("conditions", a.conditions, b.conditions)) return field;
  if (a.memo != b.memo) return "memo";
  return std::nullopt;
}

/// Of two bodies that differ.
template <class Message>
std::string differing_field(Bytes first, Bytes second) {
  Message a;
  Message b;
  if (read(first, a) != Readable::yes || read(second, b) != Readable::yes) return "body";
  return first_difference(a, b).value_or("body");
}

}  // namespace

std::optional<std::string> difference(const RecordView& first, const RecordView& record) {
  if (first.kind != record.kind) return "kind";
  if (!first.whole || !record.whole) {
    // Where body and meta begin can't be told: all after the kind counts.
    constexpr size_t kind_end = record_fixed_bytes - 1;
    if (first.bytes.substr(kind_end) == record.bytes.substr(kind_end)) return std::nullopt;
    return "body";
  }
  if (first.body != record.body) {
    switch (static_cast<Kind>(record.kind)) {
      case Kind::asset:
        return differing_field<Asset>(first.body, record.body);
      case Kind::account:
        return differing_field<Account>(first.body, record.body);
      case Kind::transact:
        return differing_field<Transact>(first.body, record.body);
      default:
        return "body";
    }
  }
  if (first.meta != record.meta) return "meta";
  return std::nullopt;
}

}  // namespace ledger::book
