#include "log/chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/planted.h"

namespace ledger::log {
namespace {

/// The numbers of all segments, in order, and what else lies there.
Result<std::vector<uint64_t>> list_segments(io::Disk& disk, Chain& chain) {
  std::vector<uint64_t> numbers;
  const Result<std::vector<std::string>> names = disk.list(segments_directory);
  if (!names) {
    if (names.error().code == Code::no_such_file) return numbers;
    return tl::unexpected(names.error());
  }
  for (const std::string& name : *names) {
    if (std::optional<uint64_t> number = number_of(name, ".seg")) numbers.push_back(*number);
    if (std::optional<uint64_t> number = number_of(name, ".idx")) chain.indexes.push_back(*number);
    if (name == "next.tmp") chain.next_prepared = true;
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Damage missing_segment(const Link& missing, const Link* successor) {
  Damage damage;
  damage.path = missing.path;
  damage.error.code = Code::offset_gap;
  damage.error.message = fmt::format("{} is missing", missing.path);
  if (successor != nullptr && successor->header) {
    damage.end_missing = successor->header->first_index;
    damage.error.message += fmt::format(": it holds the entries before {}, where {} begins",
                                        successor->header->first_index.value, successor->path);
  }
  damage.error.hint = "restore the file, or start the node: its peers repair it";
  return damage;
}

Damage wrong_file(const Link& link, std::string what) {
  Damage damage;
  damage.path = link.path;
  damage.error = {Code::corrupt_segment, fmt::format("{}: {}", link.path, what),
                  "restore the file, or start the node: its peers repair it"};
  return damage;
}

/// Fills in what the file says; `damage` where that is not what its name or successor say.
Result<void> read_into(io::Disk& disk, Link& link, const Link* successor) {
  const std::unique_ptr<io::File> file = TRY(disk.open(link.path, io::Access::read));
  const uint64_t size = TRY(file->size());
  std::string bytes(header_block_bytes, '\0');
  const auto read = [&](uint64_t from) -> Result<bool> {
    Result<size_t> count = file->read(from, std::span(bytes).subspan(from));
    if (!count) {
      link.damage = damaged_entry(link.path, from, {Fault::read}, {}, count.error());
      return false;
    }
    bytes.resize(from + *count);
    return true;
  };
  if (!TRY(read(0))) return {};
  const size_t needed = header_bytes(bytes);
  if (needed > bytes.size() && bytes.size() == header_block_bytes) {
    bytes.resize(needed);
    if (!TRY(read(header_block_bytes))) return {};
  }
  tl::expected<SegmentHeader, BadBlock> header = decode_header(bytes);
  if (!header) {
    if (header.error().too_new) {
      return fail(Code::format_too_new,
                  fmt::format("{}: format {}, this build knows up to {}", link.path,
                              header.error().version, format_version),
                  "upgrade ledgerctl");
    }
    link.damage = damaged_header(link.path, header.error());
    return {};
  }
  link.file_bytes = std::min(size, header->file_bytes);
  if (header->number != link.number && link.number != 0) {
    link.damage = wrong_file(link, fmt::format("is segment {} by its header", header->number));
  } else if (successor != nullptr && successor->header &&
             header->identity != successor->header->predecessor_identity) {
    link.damage =
        wrong_file(link, fmt::format("is not the segment that {} follows", successor->path));
  } else if (successor != nullptr && successor->header &&
             header->first_index >= successor->header->first_index) {
    link.damage = wrong_file(link, fmt::format("begins at entry {}, after {}, which follows it",
                                               header->first_index.value, successor->path));
  } else if ((header->predecessor == 0) != (header->first_index == Index(1)) ||
             header->predecessor >= header->number) {
    link.damage = wrong_file(link, "its header names no predecessor");
  } else {
    link.number = header->number;
    if (size < header->file_bytes) {
      link.damage = wrong_file(
          link, fmt::format("is {} bytes long, {} by its header", size, header->file_bytes));
    }
    link.header = *std::move(header);
  }
  return {};
}

/// Walks from the newest segment back. False: a file vanished meanwhile, so that all must be read
/// again.
Result<bool> walk(io::Disk& disk, const std::vector<uint64_t>& numbers, Chain& chain) {
  bool trusted = true;
  uint64_t number = numbers.empty() ? 0 : numbers.back();
  const Link* successor = nullptr;  // Only where it names us.
  std::vector<Link> backwards;
  backwards.reserve(numbers.size() * 2);
  while (number != 0) {
    Link& link = backwards.emplace_back();
    link.number = number;
    link.path = segment_path(number);
    link.trusted = trusted;
    if (successor != nullptr) link.last = Tip(*successor->header);
    if (std::binary_search(numbers.begin(), numbers.end(), number)) {
      const Result<void> read = read_into(disk, link, successor);
      if (!read && read.error().code == Code::no_such_file) return false;
      if (!read) return tl::unexpected(read.error());
    } else if (planted(Mistake::missing_segment_is_end)) {
      backwards.pop_back();
      break;
    } else {
      link.damage = missing_segment(link, successor);
    }
    if (link.header) {
      number = link.header->predecessor;
      successor = &link;
      continue;
    }
    trusted = false;
    // Who came before is not known; what lies there is read all the same, as far as it can be.
    const auto lower = std::lower_bound(numbers.begin(), numbers.end(), number);
    number = lower == numbers.begin() ? 0 : *(lower - 1);
    successor = nullptr;
  }
  chain.links.assign(std::make_move_iterator(backwards.rbegin()),
                     std::make_move_iterator(backwards.rend()));
  return true;
}

}  // namespace

bool Chain::whole() const {
  return std::none_of(links.begin(), links.end(),
                      [](const Link& link) { return link.damage.has_value(); });
}

Result<Chain> read_chain(io::Disk& disk) {
  // A running node may remove a dead segment between our list and our look.
  constexpr int attempts = 5;
  for (int i = 0; i < attempts; ++i) {
    Chain chain;
    const std::vector<uint64_t> numbers = TRY(list_segments(disk, chain));
    if (!TRY(walk(disk, numbers, chain))) continue;
    if (chain.whole()) {
      auto link = chain.links.begin();  // Both are in order.
      for (uint64_t number : numbers) {
        if (link != chain.links.end() && link->number == number) {
          ++link;
        } else {
          chain.dead.push_back(number);
        }
      }
    }
    return chain;
  }
  return fail(Code::io, "segments come and go while they are read", "try again");
}

Result<Link> read_link(io::Disk& disk, const std::string& path) {
  Link link;
  link.path = path;
  link.trusted = true;
  TRY(read_into(disk, link, nullptr));
  return link;
}

}  // namespace ledger::log
