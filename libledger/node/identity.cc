#include "node/identity.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/crc32c.h"

namespace ledger::node {
namespace {

const std::string path = "node";
const std::string left_path = "left";
constexpr size_t file_bytes_max = 4096;

tl::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::corrupt_segment, fmt::format("file {}: {}", path, what),
              "restore the file from a copy, or start with an empty directory");
}

/// Takes the line `name value` from the front.
std::optional<std::string_view> take_line(Bytes& text, std::string_view name) {
  const size_t end = text.find('\n');
  if (end == Bytes::npos || !text.starts_with(name) || text.size() <= name.size() ||
      text[name.size()] != ' ') {
    return std::nullopt;
  }
  const std::string_view value = text.substr(name.size() + 1, end - name.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

template <class T>
std::optional<T> number(std::string_view digits, int base) {
  T value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

Identity Identity::draw(std::string name, const Id& cluster, io::Random& random) {
  Identity identity{.name = std::move(name),
                    .member = MemberId(random.number()),
                    .cluster = cluster,
                    .hash_key = {}};
  random.fill(identity.hash_key);
  return identity;
}

std::string Identity::encode() const {
  std::string key;
  for (const uint8_t byte : hash_key) key += fmt::format("{:02x}", byte);
  const std::string text = fmt::format("format {}\nname {}\nmember {}\ncluster {}\nhash-key {}\n",
                                       data_format, name, member_text(member), cluster.text(), key);
  return text + fmt::format("crc32c {:08x}\n", crc32c(text));
}

Result<Identity> Identity::decode(Bytes text) {
  const Bytes all = text;
  const auto format = take_line(text, "format");
  const auto version = format ? number<unsigned>(*format, 10) : std::nullopt;
  if (!version) return damaged("no format line");
  if (*version > data_format) {
    return fail(Code::format_too_new,
                fmt::format("data format {}, this build knows up to {}", *version, data_format),
                "upgrade ledgerctl");
  }
  Identity identity;
  const auto name = take_line(text, "name");
  const auto member = take_line(text, "member");
  const auto cluster = take_line(text, "cluster");
  const auto key = take_line(text, "hash-key");
  const size_t covered = all.size() - text.size();
  const auto crc = take_line(text, "crc32c");
  if (!name || !member || !cluster || !key || !crc || !text.empty()) {
    return damaged("a line is missing");
  }
  if (number<uint32_t>(*crc, 16) != crc32c(all.substr(0, covered))) {
    return damaged(
        fmt::format("checksum {}, expected {:08x}", *crc, crc32c(all.substr(0, covered))));
  }
  const auto member_number = number<uint64_t>(*member, 16);
  const auto cluster_id = parse_id(*cluster);
  if (!member_number || !cluster_id || key->size() != 2 * identity.hash_key.size()) {
    return damaged("a value is malformed");
  }
  identity.name = *name;
  identity.member = MemberId(*member_number);
  identity.cluster = *cluster_id;
  for (size_t i = 0; i < identity.hash_key.size(); ++i) {
    const auto byte = number<uint8_t>(key->substr(2 * i, 2), 16);
    if (!byte) return damaged("a value is malformed");
    identity.hash_key[i] = *byte;
  }
  return identity;
}

Result<std::optional<Identity>> Identity::load(io::Disk& disk) {
  const Result<std::string> text = io::read_file(disk, path, file_bytes_max);
  if (!text && text.error().code == Code::no_such_file) return std::nullopt;
  if (!text) return tl::unexpected(text.error());
  return TRY(decode(*text));
}

Result<void> Identity::save(io::Disk& disk) const {
  return io::write_file_durably(disk, path, encode());
}

Result<bool> Identity::has_left(io::Disk& disk) {
  const Result<std::string> text = io::read_file(disk, left_path, file_bytes_max);
  if (text) return true;
  if (text.error().code == Code::no_such_file) return false;
  return tl::unexpected(text.error());
}

Result<void> Identity::mark_left(io::Disk& disk) {
  return io::write_file_durably(disk, left_path, "left\n");
}

Result<void> Identity::forget_left(io::Disk& disk) {
  TRY(disk.remove(left_path));
  return disk.sync_directory("");
}

}  // namespace ledger::node
