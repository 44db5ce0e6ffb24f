#pragma once

#include <array>
#include <string>
#include <vector>

#include "serf/result.h"

namespace serf::wire {

/// What encryption adds to a message: version, nonce, tag.
constexpr size_t seal_bytes = 1 + 12 + 16;

using Nonce = std::array<char, 12>;

/// Where nonces come from. Under one key no nonce may ever come twice, so a real source is the
/// system's generator; only a simulation whose keys protect nothing may count.
class Nonces {
 public:
  virtual ~Nonces() = default;
  virtual Nonce draw() = 0;
};

/// The keys of a cluster, each 16, 24 or 32 bytes (AES-128, 192, 256). The first is primary: it
/// alone encrypts, all are tried to decrypt. An empty ring means: no encryption. (Spec 14.)
class KeyRing {
 public:
  KeyRing() = default;
  /// Errors: `invalid` for a key of another length.
  static Result<KeyRing> of(const std::vector<std::string>& keys);

  bool empty() const { return keys_.empty(); }
  const std::vector<std::string>& keys() const { return keys_; }
  const std::string& primary() const { return keys_.front(); }

  /// Appends the key unless it is there. Errors: `invalid`.
  Result<void> install(const std::string& key);
  /// Makes the key primary. Errors: `invalid` when it is absent.
  Result<void> use(const std::string& key);
  /// Forgets the key, if it is there. Errors: `invalid` for the primary key.
  Result<void> remove(const std::string& key);

 private:
  std::vector<std::string> keys_;
};

/// AES-GCM with the ring's primary key, version 1:
///
///     sealed := 01 nonce:12 ciphertext tag:16
std::string seal(const KeyRing& ring, const Nonce& nonce, View plain, View associated);

/// Opens versions 1 and 0 (0 is padded by PKCS#7), trying every key, primary first.
///
/// Errors: `incomplete` when too short, `invalid` for another version or when no key fits.
Result<std::string> unseal(const KeyRing& ring, View sealed, View associated);

}  // namespace serf::wire
