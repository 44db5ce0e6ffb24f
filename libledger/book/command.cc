#include "book/command.h"

#include <array>

#include "book/wire.h"

namespace ledger::book {
namespace {

/// Kinds by number; the first part of an account's name and what the kind is called.
struct KindText {
  std::string_view first_part;
  std::string_view name;
};
constexpr std::array<KindText, 6> kind_texts = {{{"", ""},
                                                 {"assets", "asset"},
                                                 {"liabilities", "liability"},
                                                 {"equity", "equity"},
                                                 {"income", "income"},
                                                 {"expenses", "expense"}}};

/// An enumerator from 1 to `last`: 0 is what the schema calls unspecified.
template <class E>
bool read_enum(const Field& field, E last, E& to) {
  to = static_cast<E>(field.integer);
  return field.type == WireType::varint && field.integer >= 1 &&
         field.integer <= static_cast<uint64_t>(last);
}

/// An id may be unsized, which is said in `sized` and no reason to stop.
bool read_id(const Field& field, Id& to, bool& sized) {
  if (field.type != WireType::bytes || field.bytes.empty()) return false;
  if (const std::optional<Id> id = id_from_bytes(field.bytes)) {
    to = *id;
  } else {
    sized = false;
  }
  return true;
}

/// Which of a message's fields that must be there were read: bit n for field n.
using Seen = uint32_t;

bool read_leg(Bytes bytes, Leg& to, bool& sized) {
  Seen seen = 0;
  FieldReader in(bytes);
  while (const std::optional<Field> field = in.next()) {
    bool good = false;
    switch (field->number) {
      case 1:
        good = read_id(*field, to.debit, sized);
        break;
      case 2:
        good = read_id(*field, to.credit, sized);
        break;
      case 3:
        good = read_int128(*field, to.amount);
        break;
    }
    if (!good) return false;
    seen |= Seen{1} << field->number;
  }
  if ((seen & 0b0110) != 0b0110) sized = false;  // an absent id has 0 bytes
  return in.ended() && (seen & 0b1000) != 0;
}

bool read_condition(Bytes bytes, Condition& to, bool& sized) {
  Seen seen = 0;
  FieldReader in(bytes);
  while (const std::optional<Field> field = in.next()) {
    bool good = false;
    switch (field->number) {
      case 1:
        good = read_id(*field, to.account, sized);
        break;
      case 2:
        good = read_enum(*field, Condition::What::available, to.what);
        break;
      case 3:
        good = read_enum(*field, Condition::Op::le, to.op);
        break;
      case 4:
        good = read_int128(*field, to.value);
        break;
    }
    if (!good) return false;
    seen |= Seen{1} << field->number;
  }
  if ((seen & 0b00010) == 0) sized = false;
  return in.ended() && (seen & 0b11100) == 0b11100;
}

std::string encode(const Leg& leg) {
  FieldWriter out;
  out.bytes(1, leg.debit.view());
  out.bytes(2, leg.credit.view());
  out.int128(3, leg.amount);
  return std::move(out).take();
}

std::string encode(const Condition& condition) {
  FieldWriter out;
  out.bytes(1, condition.account.view());
  out.varint(2, static_cast<uint64_t>(condition.what));
  out.varint(3, static_cast<uint64_t>(condition.op));
  out.int128(4, condition.value);
  return std::move(out).take();
}

Readable readable(bool good, bool sized) {
  return !good ? Readable::no : sized ? Readable::yes : Readable::ids_unsized;
}

template <class Message>
std::optional<Message> decode(Bytes bytes) {
  Message message;
  if (read(bytes, message) != Readable::yes) return std::nullopt;
  return message;
}

}  // namespace

std::string_view name(AccountKind kind) {
  return kind_texts[static_cast<size_t>(kind)].name;
}

int sign(AccountKind kind) {
  return kind == AccountKind::asset || kind == AccountKind::expense ? 1 : -1;
}

std::optional<AccountKind> kind_of_name(std::string_view account_name) {
  const std::string_view first = account_name.substr(0, account_name.find(':'));
  for (size_t i = 1; i < kind_texts.size(); ++i) {
    if (kind_texts[i].first_part == first) return static_cast<AccountKind>(i);
  }
  return std::nullopt;
}

std::string_view name(Condition::What what) {
  constexpr std::array<std::string_view, 4> names = {"", "version", "posted", "available"};
  return names[static_cast<size_t>(what)];
}

std::string_view name(Condition::Op op) {
  constexpr std::array<std::string_view, 4> names = {"", "eq", "ge", "le"};
  return names[static_cast<size_t>(op)];
}

std::string encode(const Asset& asset) {
  FieldWriter out;
  out.plain_bytes(1, asset.code);
  out.plain_varint(2, asset.scale);
  return std::move(out).take();
}

std::string encode(const Account& account) {
  FieldWriter out;
  out.bytes(1, account.account.view());
  out.plain_bytes(2, account.name);
  out.plain_bytes(3, account.asset);
  out.varint(4, static_cast<uint64_t>(account.kind));
  if (account.floor) out.int128(5, *account.floor);
  if (account.ceiling) out.int128(6, *account.ceiling);
  return std::move(out).take();
}

std::string encode(const Transact& transact) {
  FieldWriter out;
  for (const Leg& leg : transact.legs) out.bytes(1, encode(leg));
  if (transact.effective) out.fixed64(4, transact.effective->ns);
  for (const Condition& condition : transact.conditions) out.bytes(5, encode(condition));
  out.plain_bytes(6, transact.memo);
  return std::move(out).take();
}

Readable read(Bytes bytes, Asset& to) {
  to.code.clear();
  to.scale = 0;
  FieldReader in(bytes);
  while (const std::optional<Field> field = in.next()) {
    bool good = false;
    switch (field->number) {
      case 1:
        good = read_plain_text(*field, to.code);
        break;
      case 2:
        good = read_unsigned(*field, to.scale) && to.scale != 0;
        break;
    }
    if (!good) return Readable::no;
  }
  return readable(in.ended(), true);
}

Readable read(Bytes bytes, Account& to) {
  to.account = Id();
  to.name.clear();
  to.asset.clear();
  to.floor.reset();
  to.ceiling.reset();
  bool sized = true;
  Seen seen = 0;
  FieldReader in(bytes);
  while (const std::optional<Field> field = in.next()) {
    bool good = false;
    switch (field->number) {
      case 1:
        good = read_id(*field, to.account, sized);
        break;
      case 2:
        good = read_plain_text(*field, to.name);
        break;
      case 3:
        good = read_plain_text(*field, to.asset);
        break;
      case 4:
        good = read_enum(*field, AccountKind::expense, to.kind);
        break;
      case 5:
        good = read_int128(*field, to.floor.emplace());
        break;
      case 6:
        good = read_int128(*field, to.ceiling.emplace());
        break;
    }
    if (!good) return Readable::no;
    seen |= Seen{1} << field->number;
  }
  const bool has_kind = (seen & 0b10000) != 0;
  const bool has_id = (seen & 0b00010) != 0;
  return readable(in.ended() && has_kind, sized && has_id);
}

Readable read(Bytes bytes, Transact& to) {
  to.legs.clear();
  to.effective.reset();
  to.conditions.clear();
  to.memo.clear();
  bool sized = true;
  FieldReader in(bytes, 1u << 1 | 1u << 5);
  while (const std::optional<Field> field = in.next()) {
    const bool is_message = field->type == WireType::bytes;
    bool good = false;
    switch (field->number) {
      case 1:
        good = is_message && read_leg(field->bytes, to.legs.emplace_back(), sized);
        break;
      case 4:
        good = field->type == WireType::fixed64;
        to.effective = Time{static_cast<int64_t>(field->integer)};
        break;
      case 5:
        good = is_message && read_condition(field->bytes, to.conditions.emplace_back(), sized);
        break;
      case 6:
        good = read_plain_text(*field, to.memo);
        break;
    }
    if (!good) return Readable::no;
  }
  return readable(in.ended(), sized);
}

std::optional<Asset> decode_asset(Bytes bytes) {
  return decode<Asset>(bytes);
}

std::optional<Account> decode_account(Bytes bytes) {
  return decode<Account>(bytes);
}

std::optional<Transact> decode_transact(Bytes bytes) {
  return decode<Transact>(bytes);
}

}  // namespace ledger::book
