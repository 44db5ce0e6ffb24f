// The bodies of money records as C++ values, and their canonical bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/int128.h"
#include "base/record.h"
#include "base/types.h"

namespace ledger::book {

enum class AccountKind : uint8_t { asset = 1, liability = 2, equity = 3, income = 4, expense = 5 };

/// `asset`, `liability` …
std::string_view name(AccountKind kind);
/// +1 where debits increase the balance (asset, expense), -1 where credits do.
int sign(AccountKind kind);
/// The kind that the first part of an account name stands for: `assets:bank` is an asset.
std::optional<AccountKind> kind_of_name(std::string_view account_name);

/// Record kind 1: a currency or other unit, with its decimals for ever.
struct Asset {
  std::string code;
  uint32_t scale = 0;

  friend auto operator<=>(const Asset&, const Asset&) = default;
};

/// Record kind 2. Limits are in minor units on the account's normal side.
struct Account {
  Id account;
  std::string name;
  std::string asset;
  AccountKind kind = AccountKind::asset;
  std::optional<Int128> floor;
  std::optional<Int128> ceiling;

  friend auto operator<=>(const Account&, const Account&) = default;
};

struct Leg {
  Id debit;
  Id credit;
  Int128 amount = 0;

  friend auto operator<=>(const Leg&, const Leg&) = default;
};

struct Condition {
  enum class What : uint8_t { version = 1, posted = 2, available = 3 };
  enum class Op : uint8_t { eq = 1, ge = 2, le = 3 };

  Id account;
  What what = What::version;
  Op op = Op::eq;
  Int128 value = 0;

  friend auto operator<=>(const Condition&, const Condition&) = default;
};

/// `version`, `posted`, `available`; `eq`, `ge`, `le`.
std::string_view name(Condition::What what);
std::string_view name(Condition::Op op);

/// Record kind 3: one transaction, all legs or none.
struct Transact {
  std::vector<Leg> legs;
  std::optional<Time> effective;
  std::vector<Condition> conditions;
  std::string memo;

  friend auto operator<=>(const Transact&, const Transact&) = default;
};

constexpr size_t legs_max = 64;
constexpr size_t conditions_max = 16;
constexpr size_t memo_bytes_max = 256;
constexpr uint32_t scale_max = 18;

/// The canonical protobuf bytes of a body: fields in ascending order, shortest forms, defaults left
/// out. What libprotobuf writes for ledger.v1's message of the same name.
std::string encode(const Asset& asset);
std::string encode(const Account& account);
std::string encode(const Transact& transact);

/// How much of a body could be read.
enum class Readable : uint8_t {
  no,           ///< Not canonical, an unknown field or value, or one of a later rules version.
  ids_unsized,  ///< An id that is not 16 bytes, read as zeros; all else is there.
  yes,
};

/// The strict way back. `to` may be used again and again: its buffers are kept.
Readable read(Bytes bytes, Asset& to);
Readable read(Bytes bytes, Account& to);
Readable read(Bytes bytes, Transact& to);

/// Nothing for bytes that `encode` would not write.
std::optional<Asset> decode_asset(Bytes bytes);
std::optional<Account> decode_account(Bytes bytes);
std::optional<Transact> decode_transact(Bytes bytes);

}  // namespace ledger::book
