// How the book keeps its rows: small, and what a transaction touches close together.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "book/book.h"
#include "book/digest.h"

namespace ledger::book {

/// A vector that grows by chunks: elements stay where they are, and no growth copies them all.
template <class T>
class Chunks {
 public:
  size_t size() const { return size_; }
  T& operator[](size_t i) { return (*chunks_[i / chunk])[i % chunk]; }
  const T& operator[](size_t i) const { return (*chunks_[i / chunk])[i % chunk]; }

  /// Brings element `i` into the cache, wherever it lies on its lines.
  void prefetch(size_t i) const {
    const char* const at = reinterpret_cast<const char*>(&(*this)[i]);
    __builtin_prefetch(at);
    __builtin_prefetch(at + sizeof(T) - 1);
  }

  T& push_back(T value) {
    if (size_ % chunk == 0) chunks_.push_back(std::make_unique<std::array<T, chunk>>());
    return (*this)[size_++] = std::move(value);
  }

 private:
  static constexpr size_t chunk = 4096;
  std::vector<std::unique_ptr<std::array<T, chunk>>> chunks_;
  size_t size_ = 0;
};

/// What a transaction reads and writes of an account.
struct Row {
  Uint128 debits = 0;
  Uint128 credits = 0;
  Int128 floor = 0;
  Int128 ceiling = 0;
  uint64_t version = 0;
  Offset last_offset;
  uint32_t asset = 0;  ///< Position in BookState::assets.
  AccountKind kind = AccountKind::asset;
  bool has_floor = false;
  bool has_ceiling = false;
  bool changed = false;  ///< Is in BookState::changed.
  bool touched = false;  ///< Is in BookState::touched.

  Int128 posted() const;
};

/// What only reads need of an account.
struct Label {
  Id id;
  Offset opened;
  Time opened_at;
  uint64_t name_at = 0;  ///< In BookState::names.
  uint8_t name_size = 0;
};

/// Position of an account in BookState::rows and BookState::labels.
using AccountIndex = uint32_t;

struct BookState {
  Offset next_offset;
  Time log_time{std::numeric_limits<int64_t>::min()};
  uint8_t rules = 1;

  std::vector<AssetRow> assets;
  std::map<std::string, uint32_t, std::less<>> asset_of;

  Chunks<Row> rows;
  Chunks<Label> labels;
  std::string names;  ///< All names, one after the other.
  absl::flat_hash_map<Id, AccountIndex> account_of;

  /// Accounts by name without a second copy of the name.
  struct NameHash {
    using is_transparent = void;
    const BookState* state;
    size_t operator()(std::string_view name) const { return absl::HashOf(name); }
    size_t operator()(AccountIndex i) const { return absl::HashOf(state->name(i)); }
  };
  struct NameEqual {
    using is_transparent = void;
    const BookState* state;
    bool operator()(AccountIndex a, AccountIndex b) const { return a == b; }
    bool operator()(AccountIndex a, std::string_view b) const { return state->name(a) == b; }
    bool operator()(std::string_view a, AccountIndex b) const { return a == state->name(b); }
  };
  absl::flat_hash_set<AccountIndex, NameHash, NameEqual> account_named{0, NameHash{this},
                                                                       NameEqual{this}};
  /// The first so many accounts, sorted by name; brought up to date by those who list them.
  std::vector<AccountIndex> by_name;

  /// The digest of the first so many assets and accounts, and how those of them that changed since
  /// stood when they were added to it.
  DigestSum sum;
  size_t assets_summed = 0;
  size_t accounts_summed = 0;
  struct Summed {
    AccountIndex account;
    uint64_t version;
    Uint128 debits;
    Uint128 credits;
  };
  std::vector<Summed> changed;

  bool tracks_touched = false;
  std::vector<AccountIndex> touched_rows;
  std::vector<Id> touched;

  Body body;  ///< Of the record at hand; a member so that its buffers are kept.

  BookState() = default;
  BookState(const BookState&) = delete;
  BookState& operator=(const BookState&) = delete;

  std::string_view name(AccountIndex i) const {
    return std::string_view(names).substr(labels[i].name_at, labels[i].name_size);
  }
  std::optional<AccountIndex> find(const Id& id) const;
  std::optional<AccountIndex> find(std::string_view name) const;
  AccountRow account_row(AccountIndex i) const;

  /// Adds rows that are known to be new.
  void add_asset(const Asset& asset, Offset offset);
  void add_account(const Account& account, Offset opened, Time opened_at);

  /// Says that a row is about to change.
  void mark(AccountIndex i);

  /// Brings `sum` up to date.
  Digest digest();

  // Deciding, by kind of record; the body is in `body` and was checked. They change the state only
  // where they return ok.
  Verdict decide(const Stamp& stamp, const RecordView& record);
  Verdict decide_asset(const Stamp& stamp);
  Verdict decide_account(const Stamp& stamp);
  Verdict decide_transact(const Stamp& stamp);

  /// Adds an accepted transaction's legs to the totals; false where it can't have been accepted.
  bool redo_transact(const Stamp& stamp);
};

/// The verdict of a refusal, of a record that is the first with its id.
Verdict refusal(const Stamp& stamp, Code code, Detail detail);

}  // namespace ledger::book
