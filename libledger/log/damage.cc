#include "log/damage.h"

#include <fmt/format.h>

namespace ledger::log {
namespace {

std::string hint(std::optional<Offset> offset) {
  const std::string cut = offset
                              ? fmt::format("segment repair --truncate-at {} --yes", offset->value)
                              : "restore the file from a backup";
  return "start the node: its peers repair it; alone: " + cut;
}

}  // namespace

Damage damaged_entry(const std::string& path, uint64_t position, const BadFrame& bad,
                     std::optional<Offset> offset, const Error& detail) {
  Damage damage{path, position, bad.stored_crc, bad.computed_crc, {}, {}, offset, {}};
  const std::string record = offset ? fmt::format(" (record offset {})", offset->value) : "";
  std::string message = fmt::format("{}: {} at byte {}{}", path, text(bad.fault), position, record);
  if (bad.fault == Fault::frame_crc || bad.fault == Fault::content_crc) {
    message += fmt::format(": stored {:08x}, computed {:08x}", bad.stored_crc, bad.computed_crc);
  }
  if (bad.fault == Fault::read) {
    damage.error = {Code::io, fmt::format("{}: {}", message, detail.message), "check the disk"};
  } else {
    damage.error = {Code::corrupt_segment, std::move(message), hint(offset)};
  }
  return damage;
}

Damage damaged_header(const std::string& path, const BadBlock& bad) {
  Damage damage{path, 0, bad.stored_crc, bad.computed_crc, {}, {}, {}, {}};
  damage.error = {Code::corrupt_segment,
                  fmt::format("{}: bad CRC of the header: stored {:08x}, computed {:08x}", path,
                              bad.stored_crc, bad.computed_crc),
                  hint({})};
  return damage;
}

}  // namespace ledger::log
