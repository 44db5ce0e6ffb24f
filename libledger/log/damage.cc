#include "log/damage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ledger::log {
namespace {

constexpr std::string_view start_first = "start the node: its peers repair it; ";
constexpr std::string_view or_start = ", or start the node: its peers repair it";

std::string hint(std::optional<Offset> offset) {
  const std::string cut =
      offset ? fmt::format(
                   "'ledgerctl segment repair {} --truncate-at {} --apply --yes' gives up "
                   "that record and all after it",
                   directory_hole, offset->value)
             : "restore the file from a backup";
  return std::string(start_first) + "alone: " + cut;
}

/// As a shell takes it for one word.
std::string quoted(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("/._-+:@%,=").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

}  // namespace

Error located(Error error, const std::string& directory, Told told) {
  const bool ours = error.code == Code::corrupt_segment || error.code == Code::offset_gap ||
                    error.code == Code::format_too_new || error.code == Code::cluster_id_mismatch;
  if (ours && !error.message.starts_with(directory)) {
    const bool path = error.message.starts_with("segments/") || error.message.starts_with("vote.");
    const bool slash = directory.ends_with('/');
    error.message = directory + (path ? (slash ? "" : "/") : ": ") + error.message;
  }
  if (error.code == Code::no_such_file) replace(error.message, "this directory", directory);
  if (told == Told::node) {
    replace(error.hint, start_first, "");
    replace(error.hint, or_start, " from a backup");
  }
  replace(error.hint, directory_hole, quoted(directory));
  return error;
}

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
