#include "serf/wire/seal.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <memory>
#include <optional>

#include "serf/wire/try.h"

namespace serf::wire {
namespace {

constexpr size_t nonce_size = 12;
constexpr size_t tag_size = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

bool key_fits(const std::string& key) {
  return key.size() == 16 || key.size() == 24 || key.size() == 32;
}

const EVP_CIPHER* cipher(const std::string& key) {
  return key.size() == 16   ? EVP_aes_128_gcm()
         : key.size() == 24 ? EVP_aes_192_gcm()
                            : EVP_aes_256_gcm();
}

const unsigned char* octets(View bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* octets(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

/// The plaintext, padding included, or nothing when the tag does not fit.
std::optional<std::string> decrypt(const std::string& key, View nonce, View ciphertext, View tag,
                                   View associated) {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string plain(ciphertext.size(), '\0');
  std::string wanted(tag);
  int done = 0;
  bool fine =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), cipher(key), nullptr, octets(key), octets(nonce)) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &done, octets(associated),
                        static_cast<int>(associated.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), octets(plain), &done, octets(ciphertext),
                        static_cast<int>(ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, wanted.data()) == 1;
  std::array<unsigned char, 16> rest{};
  fine = fine && EVP_DecryptFinal_ex(context.get(), rest.data(), &done) == 1;
  return fine ? std::optional(std::move(plain)) : std::nullopt;
}

/// Every octet of the padding is checked, because the version octet is not authenticated: whoever
/// flips it from 1 to 0 would otherwise cut the end off a message.
Result<std::string> unpad(std::string plain) {
  const size_t padding = plain.empty() ? 0 : static_cast<uint8_t>(plain.back());
  const bool fits = padding >= 1 && padding <= 16 && padding <= plain.size();
  if (!fits || !plain.ends_with(std::string(padding, plain.back()))) {
    return fail(Code::invalid, "encrypted message: bad padding");
  }
  plain.resize(plain.size() - padding);
  return plain;
}

}  // namespace

Result<KeyRing> KeyRing::of(const std::vector<std::string>& keys) {
  KeyRing ring;
  for (const std::string& key : keys) SERF_TRY(ring.install(key));
  return ring;
}

Result<void> KeyRing::install(const std::string& key) {
  if (!key_fits(key)) return fail(Code::invalid, "key size must be 16, 24 or 32 bytes");
  if (std::ranges::find(keys_, key) == keys_.end()) keys_.push_back(key);
  return {};
}

Result<void> KeyRing::use(const std::string& key) {
  auto at = std::ranges::find(keys_, key);
  if (at == keys_.end()) return fail(Code::invalid, "Requested key is not in the keyring");
  std::rotate(keys_.begin(), at, at + 1);
  return {};
}

Result<void> KeyRing::remove(const std::string& key) {
  if (!keys_.empty() && key == primary()) {
    return fail(Code::invalid, "Removing the primary key is not allowed");
  }
  std::erase(keys_, key);
  return {};
}

std::string seal(const KeyRing& ring, const Nonce& nonce, View plain, View associated) {
  assert(!ring.empty());
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out = "\x01" + std::string(nonce.data(), nonce.size());
  const size_t begin = out.size();
  out.resize(begin + plain.size() + tag_size);
  const std::string& key = ring.primary();
  int done = 0;
  const bool fine = context != nullptr &&
                    EVP_EncryptInit_ex(context.get(), cipher(key), nullptr, octets(key),
                                       octets(View(nonce.data(), nonce.size()))) == 1 &&
                    EVP_EncryptUpdate(context.get(), nullptr, &done, octets(associated),
                                      static_cast<int>(associated.size())) == 1 &&
                    EVP_EncryptUpdate(context.get(), octets(out) + begin, &done, octets(plain),
                                      static_cast<int>(plain.size())) == 1 &&
                    EVP_EncryptFinal_ex(context.get(), octets(out) + begin + done, &done) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size,
                                        octets(out) + begin + plain.size()) == 1;
  assert(fine && "AES-GCM failed: out of memory, or OpenSSL has no AES");
  static_cast<void>(fine);
  return out;
}

Result<std::string> unseal(const KeyRing& ring, View sealed, View associated) {
  if (sealed.size() < seal_bytes) return fail(Code::incomplete, "encrypted message: too short");
  const char version = sealed[0];
  if (version != 0 && version != 1) {
    return fail(Code::invalid, "encrypted message: version " +
                                   std::to_string(static_cast<uint8_t>(version)) + " is unknown");
  }
  if (version == 0 && sealed.size() < seal_bytes + 16) {
    return fail(Code::incomplete, "encrypted message: too short");
  }
  const View nonce = sealed.substr(1, nonce_size);
  const View tag = sealed.substr(sealed.size() - tag_size);
  const View ciphertext = sealed.substr(1 + nonce_size, sealed.size() - seal_bytes);
  for (const std::string& key : ring.keys()) {
    std::optional<std::string> plain = decrypt(key, nonce, ciphertext, tag, associated);
    if (!plain) continue;
    if (version == 0) return unpad(*std::move(plain));
    return *std::move(plain);
  }
  return fail(Code::invalid, "encrypted message: no installed key fits");
}

}  // namespace serf::wire
