// A disk in memory that does what real ones do on their worst day, on demand and repeatably.
#pragma once

#include <array>
#include <functional>
#include <mutex>

#include "io/disk.h"
#include "io/faults.h"
#include "io/memory_tree.h"

namespace ledger::io {

/// A Disk for tests and the simulator. Without a plan for a fault it behaves as PosixDisk does on a
/// healthy file system, except that only what is synced survives a `crash`.
///
/// It opens in microseconds and copies in microseconds: a sweep copies one prepared disk, lets one
/// call of the copy go wrong, and looks.
///
///     MemoryDisk disk = prepared;
///     disk.stop_at({.nth = n, .when = Stop::When::middle, .written_bytes = 13});
///     run(disk);                                  // fails with `io` from mutating call n on
///     disk.crash({.seed = n, .writes = Writes::drawn});
///     check(disk);
///
/// It must outlive the files opened on it. Threads: any, for one disk; copies of one another, which
/// share bytes, all on one.
class MemoryDisk final : public Disk {
 public:
  MemoryDisk() = default;

  /// Copies names and bytes, seen and durable, and the quota. Plans, counts and open files stay
  /// behind.
  MemoryDisk(const MemoryDisk& other);
  MemoryDisk& operator=(const MemoryDisk& other);

  Result<std::unique_ptr<File>> open(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<uint64_t> free_bytes() override;

  // ---- The end of a life. Files that were open answer `io` from then on. ----

  /// A power cut, and the power is back: what was not synced is dealt with as `how` says. Plans
  /// that are not yet due are dropped.
  void crash(const Crash& how = {});

  /// The process ended and begins again, the machine ran on: all that was written is there, whether
  /// synced or not. Plans that are not yet due are dropped.
  void restart();

  /// The page cache is emptied of what is clean: what a failed sync forgot can be seen no more.
  void evict();

  // ---- Plans. ----

  void fail(const Failure& failure);
  void stop_at(const Stop& stop);
  void misdirect(const Misdirection& misdirection);
  void drop_plans();

  /// A stop is due and neither `crash` nor `restart` has come.
  bool stopped() const;

  /// At most that many bytes in all files together; more is `no_space`, after what fits is
  /// written. Nothing may be created on a full disk. Absent: endless.
  void set_quota(std::optional<uint64_t> bytes);

  /// Is called before every call, without a lock, in the caller's thread: a test waits, counts or
  /// spends simulated time in it. Set it before the disk is shared.
  void before_call(std::function<void(Call, const std::string& path)> hook);

  /// Calls so far, failed ones included.
  uint64_t calls(Call call) const;
  uint64_t mutations() const;

  // ---- Bytes at rest, seen and durable at once. Paths are those of existing files, positions lie
  // inside them. Whatever is pending in the file is synced first. ----

  std::vector<std::string> files() const;  ///< Paths of all, sorted.
  std::string bytes(const std::string& path) const;
  void put(const std::string& path, Bytes bytes);  ///< Makes or replaces a file.
  void lose(const std::string& path);              ///< The file is gone.
  void cut(const std::string& path, uint64_t size);
  void flip(const std::string& path, uint64_t at, uint8_t mask = 0xff);  ///< XOR of one byte.
  void overwrite(const std::string& path, uint64_t at, Bytes bytes);
  void zero(const std::string& path, uint64_t at, uint64_t count);
  void garble(const std::string& path, uint64_t at, uint64_t count, uint64_t seed);
  /// Moves all from `at` on by `count` zero bytes towards the end; the size stays.
  void shift(const std::string& path, uint64_t at, uint64_t count);
  /// Copies a range over another, in the same file or not: a misdirected or repeated block.
  void copy(const std::string& from, uint64_t from_at, const std::string& to, uint64_t to_at,
            uint64_t count);
  void swap(const std::string& a, uint64_t a_at, const std::string& b, uint64_t b_at,
            uint64_t count);

 private:
  friend class MemoryFile;

  /// A call goes wrong, with `error`.
  struct Fault {
    Error error;
    bool done = false;           ///< It takes effect nevertheless.
    bool half = false;           ///< Of a sync: half of it does.
    uint64_t written_bytes = 0;  ///< Of a write: that much of it does.
    bool forget = false;         ///< Of a sync: what it was to make durable never will be.
  };

  /// What a handle holds on to.
  struct Opened {
    MemoryTree::Node node;
    uint64_t life;
  };

  mutable std::mutex mutex_;
  MemoryTree tree_;
  std::optional<uint64_t> quota_;
  uint64_t life_ = 1;  ///< Grows when all open files become invalid.
  bool stopped_ = false;
  std::optional<Stop> stop_;
  std::vector<Failure> failures_;
  std::optional<Misdirection> misdirection_;
  std::function<void(Call, const std::string&)> hook_;
  std::array<uint64_t, call_count> calls_ = {};

  std::optional<Fault> enter(Call call, const std::string& path);
  std::optional<Fault> stop_due(Call call);
  std::optional<Fault> failure_due(Call call, const std::string& path);
  template <class Work>
  auto perform(Call call, const std::string& path, Work work) -> decltype(work());
  Result<void> write(MemoryTree::Node node, const std::string& path, uint64_t at, Bytes bytes);
  uint64_t room() const;
  MemoryTree::Node at_rest(const std::string& path) const;
  std::string range(const std::string& path, uint64_t at, uint64_t count) const;
  void end_life();
};

}  // namespace ledger::io
