// Canonical bytes, held against libprotobuf and the very .proto file that clients compile.
#include "book/command.h"

#include <doctest/doctest.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <cstdlib>
#include <random>

#include "book/verdict.h"
#include "ledger/v1/ledger.pb.h"
#include "ledger/v1/record.pb.h"

namespace ledger::book {
namespace {

namespace pb = google::protobuf;
using Random = std::mt19937_64;

bool is_int128(const pb::FieldDescriptor& field) {
  const std::string& name = field.name();
  return field.type() == pb::FieldDescriptor::TYPE_BYTES &&
         (name == "amount" || name == "value" || name == "floor" || name == "ceiling");
}

bool is_later(const pb::FieldDescriptor& field) {
  return field.name() == "at_most" || field.name() == "pending" || field.name() == "expires_in";
}

/// What stage 1 asks of a message besides its bytes being canonical: written independently of the
/// decoder, by reflection.
bool is_readable(const pb::Message& message) {
  const pb::Reflection& of = *message.GetReflection();
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* field = type.field(i);
    if (field->is_repeated()) {
      for (int k = 0; k < of.FieldSize(message, field); ++k) {
        if (!is_readable(of.GetRepeatedMessage(message, field, k))) return false;
      }
      continue;
    }
    const bool there = of.HasField(message, field);
    if (is_later(*field) && there) return false;
    if (field->type() == pb::FieldDescriptor::TYPE_ENUM) {
      const int number = of.GetEnumValue(message, field);
      if (number == 0 || !field->enum_type()->FindValueByNumber(number)) return false;
    }
    const bool wanted = there || !field->has_optional_keyword();
    if (is_int128(*field) && wanted && !decode_int128(of.GetString(message, field))) return false;
  }
  return true;
}

bool ids_sized(const pb::Message& message) {
  const pb::Reflection& of = *message.GetReflection();
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* field = type.field(i);
    for (int k = 0; field->is_repeated() && k < of.FieldSize(message, field); ++k) {
      if (!ids_sized(of.GetRepeatedMessage(message, field, k))) return false;
    }
    if (field->is_repeated() || is_int128(*field)) continue;
    const bool is_id = field->type() == pb::FieldDescriptor::TYPE_BYTES;
    if (is_id && of.GetString(message, field).size() != 16) return false;
  }
  return true;
}

/// What libprotobuf makes of `bytes`: how far stage 1 should be able to read them.
Readable expected(pb::Message& message, const std::string& bytes) {
  if (!message.ParseFromString(bytes)) return Readable::no;
  message.DiscardUnknownFields();
  if (message.SerializeAsString() != bytes || !is_readable(message)) return Readable::no;
  return ids_sized(message) ? Readable::yes : Readable::ids_unsized;
}

size_t below(Random& random, size_t end) {
  return random() % end;
}

/// Half of the time near an edge: a power of 256, its neighbours, the ends.
Int128 random_int128(Random& random) {
  const Uint128 bits = Uint128{random()} << 64 | random();
  const auto value = static_cast<Int128>(bits >> (1 + below(random, 127)));
  if (below(random, 2) == 0) return below(random, 2) == 0 ? value : -value;
  const Int128 edge = Int128{1} << (7 + 8 * below(random, 15));
  const Int128 near = edge + static_cast<Int128>(below(random, 3)) - 1;
  const Int128 picks[] = {near, -near, 0, 1, int128_max, int128_min};
  return picks[below(random, std::size(picks))];
}

Id random_id(Random& random) {
  Id id;
  for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random());
  return id;
}

std::string random_text(Random& random, size_t bytes_max) {
  const std::string_view pieces[] = {"a", "rent ", "\x01", "é", "€", "\U0001F600", "-", "0"};
  std::string out;
  const size_t pieces_count = below(random, bytes_max / 4);
  for (size_t i = 0; i < pieces_count; ++i) out += pieces[below(random, std::size(pieces))];
  return out;
}

template <class T>
T random_message(Random& random);

template <>
Asset random_message(Random& random) {
  return {random_text(random, 40), static_cast<uint32_t>(random() >> (32 + below(random, 32)))};
}

template <>
Account random_message(Random& random) {
  Account account{.account = random_id(random),
                  .name = random_text(random, 160),
                  .asset = random_text(random, 20),
                  .kind = static_cast<AccountKind>(1 + below(random, 5)),
                  .floor = {},
                  .ceiling = {}};
  if (below(random, 2) == 0) account.floor = random_int128(random);
  if (below(random, 2) == 0) account.ceiling = random_int128(random);
  return account;
}

template <>
Transact random_message(Random& random) {
  Transact transact;
  transact.legs.resize(below(random, below(random, 8) == 0 ? 70 : 4));
  for (Leg& leg : transact.legs) {
    leg = {random_id(random), random_id(random), random_int128(random)};
  }
  if (below(random, 2) == 0) transact.effective = Time{static_cast<int64_t>(random())};
  if (below(random, 8) == 0) transact.effective = Time{0};
  transact.conditions.resize(below(random, 4));
  for (Condition& condition : transact.conditions) {
    condition = {random_id(random), static_cast<Condition::What>(1 + below(random, 3)),
                 static_cast<Condition::Op>(1 + below(random, 3)), random_int128(random)};
  }
  transact.memo = random_text(random, 80);
  return transact;
}

/// Ways in which bytes go wrong that mean something to the wire format.
std::string mutated(std::string bytes, Random& random) {
  const size_t at = bytes.empty() ? 0 : below(random, bytes.size());
  const auto byte = static_cast<char>(random());
  switch (below(random, 8)) {
    case 0:
      bytes.insert(at, 1, byte);
      break;
    case 1:
      bytes.erase(at, 1 + below(random, 3));
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes += bytes.substr(at);
      break;  // a field twice, perhaps
    case 4:
      bytes = bytes.substr(at) + bytes.substr(0, at);
      break;  // another order
    case 5:   // a varint in a longer form
      if (!bytes.empty()) {
        bytes[at] = static_cast<char>(bytes[at] | 0x80);
        bytes.insert(at + 1, 1, '\0');
      }
      break;
    case 6:  // small fields: those of later versions and defaults among them
      bytes.insert(at, {static_cast<char>(below(random, 64)), static_cast<char>(below(random, 3))});
      break;
    default:
      if (!bytes.empty()) bytes[at] = byte;
  }
  return bytes;
}

/// LEDGER_NIGHT asks for more of everything random.
size_t rounds(size_t usual) {
  return std::getenv("LEDGER_NIGHT") ? usual * 20 : usual;
}

template <class T, class Message>
void hold_against_libprotobuf() {
  pb::LogSilencer quiet;  // It reports what is not UTF-8.
  Message message;
  Random random(7);
  size_t accepted = 0;
  for (size_t round = 0; round < rounds(20'000); ++round) {
    const T made = random_message<T>(random);
    std::string bytes = encode(made);
    T back;
    REQUIRE(read(bytes, back) == Readable::yes);
    REQUIRE((back == made));
    REQUIRE(expected(message, bytes) == Readable::yes);

    for (size_t times = 1 + below(random, 3); times > 0; --times) bytes = mutated(bytes, random);
    const Readable found = read(bytes, back);
    CAPTURE(round);
    REQUIRE(found == expected(message, bytes));
    if (found == Readable::yes) REQUIRE(encode(back) == bytes);
    accepted += found != Readable::no;
  }
  // Enough mutations must survive for the test to mean something.
  CHECK(accepted > rounds(20'000) / 50);
}

}  // namespace

TEST_CASE("an asset's bytes are what libprotobuf writes, and no others are read") {
  hold_against_libprotobuf<Asset, v1::Asset>();
}

TEST_CASE("an account's bytes are what libprotobuf writes, and no others are read") {
  hold_against_libprotobuf<Account, v1::Account>();
}

TEST_CASE("a transaction's bytes are what libprotobuf writes, and no others are read") {
  hold_against_libprotobuf<Transact, v1::Transact>();
}

TEST_CASE("a detail's bytes are what libprotobuf writes, and no others are read") {
  pb::LogSilencer quiet;
  Random random(11);
  for (size_t round = 0; round < rounds(20'000); ++round) {
    Detail detail;
    const auto set = [&random](auto& field, auto value) {
      if (below(random, 3) == 0) field = std::move(value);
    };
    set(detail.first_offset, Offset(random() >> below(random, 64)));
    set(detail.field, random_text(random, 20));
    set(detail.error, std::string());
    set(detail.actual_offset, Offset(0));
    set(detail.valid_until, Time{static_cast<int64_t>(random())});
    set(detail.scale, static_cast<uint32_t>(below(random, 19)));
    set(detail.account, random_id(random));
    set(detail.leg, static_cast<uint32_t>(below(random, 64)));
    set(detail.side, std::string("debit"));
    set(detail.actual, random_int128(random));
    set(detail.version, random());
    set(detail.total, random_int128(random));
    set(detail.credit_asset, std::string("USD"));
    set(detail.holder, random_id(random));
    std::string bytes = encode(detail);
    REQUIRE((decode_detail(bytes) == detail));

    v1::Detail message;
    REQUIRE(message.ParseFromString(bytes));
    message.DiscardUnknownFields();
    REQUIRE(message.SerializeAsString() == bytes);

    bytes = mutated(bytes, random);
    const std::optional<Detail> back = decode_detail(bytes);
    if (!back) continue;
    REQUIRE(encode(*back) == bytes);
    REQUIRE(message.ParseFromString(bytes));
    message.DiscardUnknownFields();
    REQUIRE(message.SerializeAsString() == bytes);
  }
}

TEST_CASE("an account's kind follows from the first part of its name") {
  CHECK(kind_of_name("assets:bank") == AccountKind::asset);
  CHECK(kind_of_name("expenses") == AccountKind::expense);
  CHECK(kind_of_name("liabilities:alice:eur") == AccountKind::liability);
  CHECK(kind_of_name("equity:x") == AccountKind::equity);
  CHECK(kind_of_name("income:x") == AccountKind::income);
  CHECK_FALSE(kind_of_name("asset:bank"));
  CHECK_FALSE(kind_of_name(""));
  for (const AccountKind kind : {AccountKind::asset, AccountKind::expense}) CHECK(sign(kind) == 1);
  CHECK(sign(AccountKind::liability) == -1);
  CHECK(name(AccountKind::liability) == "liability");
}

TEST_CASE("verdicts keep their numbers and names") {
  CHECK(name(Code::insufficient_funds) == "insufficient_funds");
  CHECK(code_numbered(21) == Code::insufficient_funds);
  CHECK(code_numbered(40) == Code::account_not_empty);
  CHECK_FALSE(code_numbered(19));
  CHECK_FALSE(code_numbered(duplicate_mark));
  for (int number = 0; number < 256; ++number) {
    const std::optional<Code> code = code_numbered(static_cast<uint8_t>(number));
    if (!code) continue;
    CHECK(static_cast<int>(*code) == number);
    CHECK(code_named(name(*code)) == code);
  }
  CHECK_FALSE(code_named("fine"));
}

}  // namespace ledger::book
