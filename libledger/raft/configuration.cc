#include "raft/configuration.h"

#include <algorithm>
#include <cassert>

#include "base/bytes.h"

namespace ledger::raft {
namespace {

constexpr uint8_t version = 1;
constexpr size_t members_max = 255;

/// What `encode` may be given and `decode` may return.
bool well_formed(const Configuration& configuration) {
  const std::vector<Member>& members = configuration.members;
  if (members.empty() || members.size() > members_max) return false;
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (member.id == MemberId() || (i > 0 && members[i - 1].id >= member.id)) return false;
    if (member.standing > Standing::voter) return false;
    if (member.name.size() > member_name_bytes_max) return false;
    if (member.address.size() > member_address_bytes_max) return false;
  }
  return true;
}

}  // namespace

const Member* Configuration::find(MemberId id) const {
  const auto found = std::ranges::lower_bound(members, id, {}, &Member::id);
  return found != members.end() && found->id == id ? &*found : nullptr;
}

const Member* Configuration::named(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &Member::name);
  return found != members.end() ? &*found : nullptr;
}

size_t Configuration::voters() const {
  return static_cast<size_t>(std::ranges::count(members, Standing::voter, &Member::standing));
}

bool Configuration::is_voter(MemberId id) const {
  const Member* member = find(id);
  return member != nullptr && member->standing == Standing::voter;
}

std::string Configuration::encode() const {
  assert(well_formed(*this));
  std::string out;
  put(out, version);
  put(out, static_cast<uint8_t>(members.size()));
  for (const Member& member : members) {
    put(out, member.id.value);
    put(out, static_cast<uint8_t>(member.standing));
    put(out, static_cast<uint8_t>(member.name.size()));
    out += member.name;
    put(out, static_cast<uint8_t>(member.address.size()));
    out += member.address;
  }
  return out;
}

std::optional<Configuration> Configuration::decode(Bytes bytes) {
  Cursor cursor(bytes);
  if (cursor.take<uint8_t>() != version) return std::nullopt;
  const std::optional<uint8_t> count = cursor.take<uint8_t>();
  if (!count) return std::nullopt;
  Configuration configuration;
  for (size_t i = 0; i < *count; ++i) {
    const auto id = cursor.take<uint64_t>();
    const auto standing = cursor.take<uint8_t>();
    const auto name_bytes = cursor.take<uint8_t>();
    if (!id || !standing || !name_bytes) return std::nullopt;
    const auto name = cursor.take_bytes(*name_bytes);
    const auto address_bytes = cursor.take<uint8_t>();
    if (!name || !address_bytes) return std::nullopt;
    const auto address = cursor.take_bytes(*address_bytes);
    if (!address) return std::nullopt;
    configuration.members.push_back(Member{MemberId(*id), static_cast<Standing>(*standing),
                                           std::string(*name), std::string(*address)});
  }
  if (!cursor.empty() || !well_formed(configuration)) return std::nullopt;
  return configuration;
}

}  // namespace ledger::raft
