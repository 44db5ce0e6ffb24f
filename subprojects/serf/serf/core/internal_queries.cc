#include "serf/core/internal_queries.h"

#include <algorithm>

namespace serf {
namespace {

constexpr View alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr View no_ring = "No keyring to modify (encryption not enabled)";
/// Keys listed in one answer, which is at most 1024 bytes: 44 characters and two octets each.
constexpr size_t listed_keys_max = 16;

}  // namespace

std::string base64(View bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : alphabet[group >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

Result<std::string> from_base64(View text) {
  std::string out;
  uint32_t group = 0;
  size_t digits = 0;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (text.size() % 4 != 0) return fail(Code::invalid, "base64: length is no multiple of 4");
  for (char c : text.substr(0, text.size() - padding)) {
    const size_t value = alphabet.find(c);
    if (value == View::npos) return fail(Code::invalid, "base64: character outside the alphabet");
    group = group << 6 | static_cast<uint32_t>(value);
    if (++digits % 4 != 0) continue;
    for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(group >> shift);
    group = 0;
  }
  if (padding > 0) group <<= 6 * padding;
  for (size_t i = 0; padding > 0 && i < 3 - padding; ++i) {
    out += static_cast<char>(group >> (16 - 8 * i));
  }
  return out;
}

std::optional<std::string> InternalQueries::answer(const wire::Query& query, Out& out) {
  const View name = View(query.name).substr(6);
  if (name == "conflict") return conflict(query.payload);
  if (name == "install-key" || name == "use-key" || name == "remove-key" || name == "list-keys") {
    return encode(keys(name, query.payload, out));
  }
  return std::nullopt;  // "ping" wants the ack only.
}

std::optional<std::string> InternalQueries::conflict(const std::string& name) const {
  if (name == shared_->config.name) return std::nullopt;
  const Member* member = members_->find(name);
  std::optional<wire::ConflictMember> out;
  if (member != nullptr) {
    out = wire::ConflictMember{
        member->name, wire::Blob(member->address.ip),       member->address.port,
        member->tags, static_cast<uint8_t>(member->status), member->vsn};
  }
  return encode(out);
}

wire::KeyResponse InternalQueries::keys(View operation, View payload, Out& out) {
  wire::KeyResponse response;
  const bool list = operation == "list-keys";
  if (shared_->ring.empty()) {
    response.message = list ? "Keyring is empty (encryption not enabled)" : std::string(no_ring);
    return response;
  }
  if (list) {
    response.result = true;
    response.primary_key = base64(shared_->ring.primary());
    response.keys.emplace();
    for (const std::string& key : shared_->ring.keys()) {
      if (response.keys->size() < listed_keys_max) response.keys->push_back(base64(key));
    }
    return response;
  }
  const auto request = payload.empty() ? fail(Code::invalid, "empty key request")
                                       : wire::decode<wire::KeyRequest>(payload.substr(1));
  const Result<void> changed =
      request ? change(operation, request->key) : tl::unexpected(request.error());
  response.result = changed.has_value();
  if (!changed) {
    response.message = changed.error().message;
    return response;
  }
  out.info("keys: " + std::string(operation) + " done");
  out.effects.notices.emplace_back(KeysChanged{shared_->ring.keys()});
  return response;
}

Result<void> InternalQueries::change(View operation, const std::string& key) {
  if (operation == "install-key") return shared_->ring.install(key);
  if (operation == "use-key") return shared_->ring.use(key);
  return shared_->ring.remove(key);
}

}  // namespace serf
