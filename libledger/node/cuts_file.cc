#include "node/cuts_file.h"

#include <fmt/format.h>

namespace ledger::node {
namespace {

Result<Cuts::Named> named(io::Disk& disk) {
  constexpr size_t bytes_max = 64 << 10;
  const Result<std::string> text = io::read_file(disk, "faults", bytes_max);
  if (!text && text.error().code == Code::no_such_file) return Cuts::Named();
  if (!text) return tl::unexpected(text.error());
  return Cuts::parse(*text);
}

}  // namespace

void read_cuts(io::Disk& disk, Cuts& cuts, Journal& journal) {
  Result<Cuts::Named> read = named(disk);
  if (!read) return journal.error(read.error().message + ": what was cut stays so");
  if (!read->empty()) journal.warning(fmt::format("cut off from {} on purpose", read->size()));
  cuts.set(*std::move(read));
}

}  // namespace ledger::node
