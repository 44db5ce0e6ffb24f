// Files and names in memory, each as it is seen and as it would survive a power cut.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/chunks.h"
#include "io/faults.h"
#include "io/seeded_random.h"

namespace ledger::io {

/// The state of a MemoryDisk. Everything is there twice: *seen* is what calls observe, *stable* is
/// what is durable; between them lie writes and changes of names that wait for their sync.
///
/// A value: copies are independent and cheap. Threads: one at a time, for all copies together.
class MemoryTree {
 public:
  /// A file or a directory, whatever its name. 0 is none, 1 the root; never used twice.
  using Node = uint64_t;

  MemoryTree();

  // ---- Names, as seen. Paths are well-formed; errors are those of Disk. ----

  Result<Node> file(std::string_view call, const std::string& path) const;
  Result<Node> directory(std::string_view call, const std::string& path) const;
  Result<std::vector<std::string>> list(const std::string& path) const;
  Result<Node> create(const std::string& path);
  Result<void> make_directory(const std::string& path);
  Result<void> rename(const std::string& from, const std::string& to);
  Result<void> remove(const std::string& path);
  void sync_names(Node directory);

  /// The changes that wait in `directory` will never be durable, though they are seen.
  void forget_names(Node directory);

  // ---- Bytes of a file. ----

  const Chunks& bytes(Node file) const { return nodes_.at(file).seen; }
  void write(Node file, uint64_t at, Bytes bytes);
  size_t unsynced(Node file) const { return nodes_.at(file).unsynced.size(); }

  /// Makes the first `count` unsynced writes durable.
  void sync(Node file, size_t count);
  void forget(Node file) { nodes_.at(file).unsynced.clear(); }

  // ---- The whole. ----

  void crash(const Crash& how);

  /// Forgets what is cached and clean: what no sync is pending for is read as it is durable.
  void evict();

  /// An open file lives on without a name. `close_all` closes those of a process that is gone.
  void opened(Node file) { ++nodes_.at(file).handles; }
  void closed(Node file) { --nodes_.at(file).handles; }
  void close_all();

  /// Bytes of all files that are seen or open.
  uint64_t used() const;

  /// Paths of all files, sorted.
  std::vector<std::string> files() const;

  // ---- Behind everybody's back: seen and stable at once. ----

  /// A file with these bytes, in place of any that was there; its directory exists.
  void put(const std::string& path, Bytes bytes);
  void lose(const std::string& path);
  void cut(Node file, uint64_t size);
  void edit(Node file, uint64_t at, Bytes bytes);

 private:
  using Table = std::map<std::string, Node>;

  struct Write {
    uint64_t at;
    std::shared_ptr<const std::string> bytes;
  };

  struct Item {
    bool directory = false;
    Chunks seen;
    Chunks stable;
    std::vector<Write> unsynced;
    Table names;
    Table stable_names;
    size_t handles = 0;
  };

  /// Creation has no `from_directory`, removal no `to_directory`, a rename has both and is atomic.
  struct Change {
    Node node;
    Node from_directory = 0;
    std::string from = {};
    Node to_directory = 0;
    std::string to = {};

    bool in(Node directory) const {
      return from_directory == directory || to_directory == directory;
    }
  };

  std::map<Node, Item> nodes_;
  std::vector<Change> changes_;
  Node next_ = 2;

  Node find(std::string_view path) const;
  Result<Node> parent(std::string_view call, const std::string& path) const;
  void change(Change change);
  void apply(const Change& change, Table Item::*names);
  static void settle(Item& file, const Crash& how, SeededRandom& random);
  std::set<Node> reachable(Table Item::*names) const;
  void collect();
};

}  // namespace ledger::io
