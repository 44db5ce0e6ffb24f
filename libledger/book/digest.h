// The state digest: what two nodes compare instead of their states.
#pragma once

#include <memory>
#include <string>

#include "base/int128.h"
#include "book/book.h"

struct evp_md_st;
struct evp_md_ctx_st;

namespace ledger::book {

/// The sum, modulo 2^256, of SHA-256 over each row, taken as a big-endian number. Rows may be added
/// and taken away in any order. Integers in rows are little-endian:
///
///     asset row    02 code[16, zero-padded] scale:u8
///     account row  01 id[16] asset[16, zero-padded] kind:u8 flags:u8 (1 closed | 2 floor | 4
///     ceiling)
///                  floor:i128 ceiling:i128 (0 if absent) debits_posted:u128 credits_posted:u128
///                  debits_pending:u128 credits_pending:u128 version:u64 name_size:u8 name
class DigestSum {
 public:
  DigestSum();

  void add(Bytes row);
  void take_away(Bytes row);
  Digest value() const;

 private:
  using Number = std::array<uint64_t, 4>;  ///< Least significant first.
  Number hash(Bytes row);

  struct Free {
    void operator()(evp_md_st* md) const;
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_st, Free> sha256_;  ///< Fetched once: fetching costs more than hashing.
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  Number sum_{};
};

/// The bytes that are hashed.
std::string digest_row(const AssetRow& asset);
std::string digest_row(const AccountRow& account);

}  // namespace ledger::book
