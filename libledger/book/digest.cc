#include "book/digest.h"

#include <openssl/evp.h>

#include <cassert>

#include "base/bytes.h"
#include "book/text.h"

namespace ledger::book {
namespace {

constexpr char asset_tag = 2;
constexpr char account_tag = 1;
constexpr uint8_t flag_closed = 1;
constexpr uint8_t flag_floor = 2;
constexpr uint8_t flag_ceiling = 4;

void put_code(std::string& out, std::string_view code) {
  assert(code.size() <= asset_code_bytes_max);
  out.append(code);
  out.append(asset_code_bytes_max - code.size(), '\0');
}

/// std::integral leaves 128-bit integers out in strict C++20.
template <class T>
void put_wide(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

void DigestSum::Free::operator()(evp_md_st* md) const {
  EVP_MD_free(md);
}

void DigestSum::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

DigestSum::DigestSum()
    : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  assert(sha256_ && context_);
}

DigestSum::Number DigestSum::hash(Bytes row) {
  std::array<uint8_t, 32> digest;
  const bool hashed = EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr) == 1 &&
                      EVP_DigestUpdate(context_.get(), row.data(), row.size()) == 1 &&
                      EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1;
  assert(hashed);
  Number number{};
  for (size_t i = 0; i < digest.size(); ++i) {
    uint64_t& limb = number[3 - i / 8];
    limb = limb << 8 | digest[i];
  }
  return number;
}

void DigestSum::add(Bytes row) {
  const Number number = hash(row);
  uint64_t carry = 0;
  for (size_t i = 0; i < sum_.size(); ++i) {
    const Uint128 limb = Uint128{sum_[i]} + number[i] + carry;
    sum_[i] = static_cast<uint64_t>(limb);
    carry = static_cast<uint64_t>(limb >> 64);
  }
}

void DigestSum::take_away(Bytes row) {
  const Number number = hash(row);
  uint64_t borrow = 0;
  for (size_t i = 0; i < sum_.size(); ++i) {
    const Uint128 limb = Uint128{sum_[i]} - number[i] - borrow;
    sum_[i] = static_cast<uint64_t>(limb);
    borrow = (limb >> 64) != 0;
  }
}

Digest DigestSum::value() const {
  Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(sum_[3 - i / 8] >> (56 - 8 * (i % 8)));
  }
  return digest;
}

std::string digest_row(const AssetRow& asset) {
  std::string row(1, asset_tag);
  put_code(row, asset.code);
  row.push_back(static_cast<char>(asset.scale));
  return row;
}

std::string digest_row(const AccountRow& account) {
  const Account& fixed = account.account;
  std::string row(1, account_tag);
  row.append(fixed.account.view());
  put_code(row, fixed.asset);
  row.push_back(static_cast<char>(fixed.kind));
  row.push_back(static_cast<char>((account.closed ? flag_closed : 0) |
                                  (fixed.floor ? flag_floor : 0) |
                                  (fixed.ceiling ? flag_ceiling : 0)));
  put_wide(row, fixed.floor.value_or(0));
  put_wide(row, fixed.ceiling.value_or(0));
  put_wide(row, account.debits_posted);
  put_wide(row, account.credits_posted);
  put_wide(row, account.debits_pending);
  put_wide(row, account.credits_pending);
  put(row, account.version);
  row.push_back(static_cast<char>(fixed.name.size()));
  row.append(fixed.name);
  return row;
}

}  // namespace ledger::book
