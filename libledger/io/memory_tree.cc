#include "io/memory_tree.h"

#include <algorithm>
#include <cassert>

#include "io/path.h"

namespace ledger::io {
namespace {

constexpr MemoryTree::Node root = 1;
constexpr uint64_t sector_bytes = 512;

/// A part of a write: positions in the file.
struct Part {
  uint64_t from;
  uint64_t end;
  bool arrived;
};

/// Cuts a write into what reaches the disk and what does not.
std::vector<Part> torn(uint64_t at, uint64_t end, const Crash& how, SeededRandom& random) {
  if (how.torn_bytes) {
    const uint64_t place = std::min(end, at + *how.torn_bytes);
    return {{at, place, true}, {place, end, false}};
  }
  std::vector<Part> parts;
  while (at < end) {
    const uint64_t next = std::min(end, (at / sector_bytes + 1) * sector_bytes);
    parts.push_back({at, next, random.below(2) == 0});
    at = next;
  }
  return parts;
}

std::vector<Part> fate(uint64_t at, uint64_t end, const Crash& how, SeededRandom& random) {
  Writes writes = how.writes;
  if (writes == Writes::drawn) writes = static_cast<Writes>(random.below(3));
  if (writes == Writes::torn) return torn(at, end, how, random);
  return {{at, end, writes == Writes::kept}};
}

/// What stands in for bytes that did not arrive.
void fill(Chunks& bytes, uint64_t from, uint64_t end, Rest rest, SeededRandom& random) {
  if (from >= end) return;
  if (rest == Rest::drawn) rest = static_cast<Rest>(random.below(3));
  if (rest == Rest::old) return;
  std::string filling(end - from, '\0');
  if (rest == Rest::garbage) {
    random.fill({reinterpret_cast<uint8_t*>(filling.data()), filling.size()});
  }
  bytes.write(from, filling);
}

}  // namespace

MemoryTree::MemoryTree() {
  nodes_[root].directory = true;
}

MemoryTree::Node MemoryTree::find(std::string_view path) const {
  Node node = root;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const Item& item = nodes_.at(node);
    const auto name = item.names.find(std::string(path.substr(0, slash)));
    if (name == item.names.end()) return 0;
    node = name->second;
    path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
  }
  return node;
}

Result<MemoryTree::Node> MemoryTree::file(std::string_view call, const std::string& path) const {
  const Node node = find(path);
  if (node == 0) return failed(Code::no_such_file, call, path, "no such file");
  if (nodes_.at(node).directory) return failed(Code::io, call, path, "is a directory");
  return node;
}

Result<MemoryTree::Node> MemoryTree::directory(std::string_view call,
                                               const std::string& path) const {
  const Node node = find(path);
  if (node == 0 || !nodes_.at(node).directory) {
    return failed(Code::no_such_file, call, path, "no such directory");
  }
  return node;
}

Result<MemoryTree::Node> MemoryTree::parent(std::string_view call, const std::string& path) const {
  if (path.empty()) return failed(Code::io, call, path, "is the root");
  const Node node = find(split_path(path).first);
  if (node == 0 || !nodes_.at(node).directory) {
    return failed(Code::no_such_file, call, path, "no such directory");
  }
  return node;
}

Result<std::vector<std::string>> MemoryTree::list(const std::string& path) const {
  const Node node = TRY(directory("list", path));
  std::vector<std::string> names;
  for (const auto& [name, _] : nodes_.at(node).names) names.push_back(name);
  return names;
}

void MemoryTree::apply(const Change& change, Table Item::*names) {
  if (change.from_directory != 0) {
    Table& table = nodes_.at(change.from_directory).*names;
    const auto name = table.find(change.from);
    if (name != table.end() && name->second == change.node) table.erase(name);
  }
  if (change.to_directory != 0) {
    (nodes_.at(change.to_directory).*names)[change.to] = change.node;
  }
}

void MemoryTree::change(Change change) {
  apply(change, &Item::names);
  changes_.push_back(std::move(change));
}

Result<MemoryTree::Node> MemoryTree::create(const std::string& path) {
  const Node directory = TRY(parent("create", path));
  if (find(path) != 0) return failed(Code::output_exists, "create", path, "exists already");
  const Node node = next_++;
  nodes_[node];
  change({.node = node, .to_directory = directory, .to = split_path(path).second});
  return node;
}

Result<void> MemoryTree::make_directory(const std::string& path) {
  if (const Node there = find(path); there != 0) {
    if (nodes_.at(there).directory) return {};
    return failed(Code::io, "mkdir", path, "is there and no directory");
  }
  const Node directory = TRY(parent("mkdir", path));
  const Node node = next_++;
  nodes_[node].directory = true;
  change({.node = node, .to_directory = directory, .to = split_path(path).second});
  return {};
}

Result<void> MemoryTree::rename(const std::string& from, const std::string& to) {
  const Node node = TRY(file("rename", from));
  const Node to_directory = TRY(parent("rename", to));
  const Node there = find(to);
  if (there == node) return {};
  if (there != 0 && nodes_.at(there).directory) {
    return failed(Code::io, "rename", to, "is a directory");
  }
  const auto [from_parent, from_name] = split_path(from);
  change({.node = node,
          .from_directory = find(from_parent),
          .from = from_name,
          .to_directory = to_directory,
          .to = split_path(to).second});
  return {};
}

Result<void> MemoryTree::remove(const std::string& path) {
  const Node node = TRY(file("remove", path));
  const auto [directory, name] = split_path(path);
  change({.node = node, .from_directory = find(directory), .from = name});
  return {};
}

void MemoryTree::sync_names(Node directory) {
  for (const Change& change : changes_) {
    if (change.in(directory)) apply(change, &Item::stable_names);
  }
  forget_names(directory);
  collect();
}

void MemoryTree::forget_names(Node directory) {
  std::erase_if(changes_, [&](const Change& change) { return change.in(directory); });
}

void MemoryTree::write(Node file, uint64_t at, Bytes bytes) {
  if (bytes.empty()) return;
  Item& item = nodes_.at(file);
  item.seen.write(at, bytes);
  item.unsynced.push_back({at, std::make_shared<const std::string>(bytes)});
}

void MemoryTree::sync(Node file, size_t count) {
  Item& item = nodes_.at(file);
  assert(count <= item.unsynced.size());
  const auto end = item.unsynced.begin() + static_cast<ptrdiff_t>(count);
  for (auto write = item.unsynced.begin(); write != end; ++write) {
    item.stable.write(write->at, *write->bytes);
  }
  item.unsynced.erase(item.unsynced.begin(), end);
}

void MemoryTree::settle(Item& file, const Crash& how, SeededRandom& random) {
  const uint64_t end_before = how.rest_everywhere ? 0 : file.stable.size();
  for (const Write& write : file.unsynced) {
    const uint64_t end = write.at + write.bytes->size();
    for (const Part& part : fate(write.at, end, how, random)) {
      if (part.arrived) {
        const Bytes bytes = *write.bytes;
        if (part.from == part.end) continue;
        file.stable.write(part.from, bytes.substr(part.from - write.at, part.end - part.from));
      } else {
        fill(file.stable, std::max(part.from, end_before), part.end, how.rest, random);
      }
    }
  }
  file.unsynced.clear();
  file.seen = file.stable;
}

void MemoryTree::crash(const Crash& how) {
  SeededRandom random(how.seed);
  for (const Change& change : changes_) {
    const bool kept =
        how.names == Names::kept || (how.names == Names::drawn && random.below(2) == 0);
    if (kept) apply(change, &Item::stable_names);
  }
  changes_.clear();
  for (auto& [_, item] : nodes_) {
    item.names = item.stable_names;
    settle(item, how, random);
  }
  close_all();
}

void MemoryTree::evict() {
  for (auto& [_, item] : nodes_) {
    item.seen = item.stable;
    for (const Write& write : item.unsynced) item.seen.write(write.at, *write.bytes);
  }
}

void MemoryTree::close_all() {
  for (auto& [_, item] : nodes_) item.handles = 0;
  collect();
}

std::set<MemoryTree::Node> MemoryTree::reachable(Table Item::*names) const {
  std::set<Node> found = {root};
  std::vector<Node> open = {root};
  while (!open.empty()) {
    const Node node = open.back();
    open.pop_back();
    for (const auto& [_, next] : nodes_.at(node).*names) {
      if (found.insert(next).second) open.push_back(next);
    }
  }
  return found;
}

void MemoryTree::collect() {
  std::set<Node> live = reachable(&Item::names);
  live.merge(reachable(&Item::stable_names));
  for (const Change& change : changes_) {
    live.insert({change.node, change.from_directory, change.to_directory});
  }
  std::erase_if(nodes_, [&](const auto& entry) {
    return !live.contains(entry.first) && entry.second.handles == 0;
  });
}

uint64_t MemoryTree::used() const {
  const std::set<Node> seen = reachable(&Item::names);
  uint64_t sum = 0;
  for (const auto& [node, item] : nodes_) {
    if (seen.contains(node) || item.handles > 0) sum += item.seen.size();
  }
  return sum;
}

std::vector<std::string> MemoryTree::files() const {
  std::vector<std::string> found;
  std::vector<std::pair<std::string, Node>> open = {{"", root}};
  while (!open.empty()) {
    const auto [path, node] = open.back();
    open.pop_back();
    for (const auto& [name, next] : nodes_.at(node).names) {
      const std::string below = path.empty() ? name : path + "/" + name;
      if (nodes_.at(next).directory) {
        open.emplace_back(below, next);
      } else {
        found.push_back(below);
      }
    }
  }
  std::ranges::sort(found);
  return found;
}

void MemoryTree::put(const std::string& path, Bytes bytes) {
  if (find(path) != 0) lose(path);
  const auto [directory, name] = split_path(path);
  const Node node = next_++;
  const Change made = {.node = node, .to_directory = find(directory), .to = name};
  assert(made.to_directory != 0);
  nodes_[node];
  apply(made, &Item::names);
  apply(made, &Item::stable_names);
  edit(node, 0, bytes);
}

void MemoryTree::lose(const std::string& path) {
  const auto [directory, name] = split_path(path);
  const Change gone = {.node = find(path), .from_directory = find(directory), .from = name};
  assert(gone.node != 0 && !nodes_.at(gone.node).directory);
  std::erase_if(changes_, [&](const Change& change) { return change.node == gone.node; });
  apply(gone, &Item::names);
  for (auto& [_, item] : nodes_) {
    std::erase_if(item.stable_names, [&](const auto& entry) { return entry.second == gone.node; });
  }
  collect();
}

void MemoryTree::cut(Node file, uint64_t size) {
  sync(file, unsynced(file));
  nodes_.at(file).seen.resize(size);
  nodes_.at(file).stable.resize(size);
}

void MemoryTree::edit(Node file, uint64_t at, Bytes bytes) {
  sync(file, unsynced(file));
  nodes_.at(file).seen.write(at, bytes);
  nodes_.at(file).stable.write(at, bytes);
}

}  // namespace ledger::io
