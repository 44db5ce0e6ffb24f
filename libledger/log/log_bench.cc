// How fast the log is, beside what the disk of the same minute can do.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "io/posix_disk.h"
#include "log/scan.h"
#include "log/test_entries.h"
#include "log/verify.h"

using namespace ledger;
using namespace ledger::log;

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of our own code, and of the kernel for us.
std::pair<double, double> cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {of(usage.ru_utime), of(usage.ru_stime)};
}

/// Time and processor time since it was made.
struct Watch {
  double wall = seconds();
  std::pair<double, double> cpu = cpu_seconds();
  double elapsed() const { return seconds() - wall; }
  double user() const { return cpu_seconds().first - cpu.first; }
  double kernel() const { return cpu_seconds().second - cpu.second; }
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message);
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// What a log without a log would reach: writes of `bytes` into a zero-filled file, each synced.
void probe(const std::filesystem::path& directory, size_t bytes, size_t count) {
  const std::filesystem::path path = directory / "probe";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::string zeros(bytes, '\0');
  const std::string ones(bytes, '\1');
  bool fine = file >= 0;
  for (size_t i = 0; i < count; ++i) {
    fine &= pwrite(file, zeros.data(), bytes, static_cast<off_t>(i * bytes)) ==
            static_cast<ssize_t>(bytes);
  }
  fine &= fsync(file) == 0;
  std::vector<double> times;
  const Watch watch;
  for (size_t i = 0; i < count; ++i) {
    const double start = seconds();
    fine &= pwrite(file, ones.data(), bytes, static_cast<off_t>(i * bytes)) ==
            static_cast<ssize_t>(bytes);
    fine &= fdatasync(file) == 0;
    times.push_back(seconds() - start);
  }
  const double elapsed = watch.elapsed();
  std::sort(times.begin(), times.end());
  fmt::print("probe: pwrite + fdatasync of {} KiB: {:.0f} MB/s, p50 {:.0f} µs{}\n", bytes >> 10,
             static_cast<double>(bytes * count) / elapsed / 1e6, times[times.size() / 2] * 1e6,
             fine ? "" : " (failed)");
  close(file);
  std::filesystem::remove(path);
}

/// A batch as a leader makes it: `count` records of 128 bytes, id and frame included in none of it.
Entry batch(uint32_t count) {
  Entry entry;
  entry.term = Term(1);
  entry.kind = EntryKind::records;
  entry.record_count = count;
  std::string payload;
  for (uint32_t i = 0; i < count; ++i) {
    RecordFields fields;
    std::memcpy(fields.id.bytes.data(), &i, sizeof i);
    fields.id.bytes[15] = 1;
    const std::string body(128, 'x');
    fields.body = body;
    encode_record(payload, fields);
  }
  entry.payload = std::make_shared<const std::string>(std::move(payload));
  return entry;
}

/// Appends `entry` again and again, `per_drain` of them for each sync.
void append(const char* name, io::Disk& disk, Entry entry, size_t total, size_t per_drain) {
  io::SeededRandom random(1);
  must(Log::create(disk, random, test_cluster(), {}, founding_entry()));
  const std::unique_ptr<Log> log = must(Log::open(disk, random, test_cluster(), {}));
  const Watch watch;
  for (size_t i = 0; i < total; ++i) {
    entry.index = log->last_index() + 1;
    entry.base_offset = log->next_offset();
    entry.recorded = Time{log->last_recorded().ns + 1};
    must(log->append(std::span(&entry, 1)));
    if ((i + 1) % per_drain == 0) must(log->drain());
  }
  must(log->drain());
  log->set_committed(log->last_index());
  log->save_idle();
  must(log->drain());
  const double elapsed = watch.elapsed();
  const double bytes = static_cast<double>(total * (frame_bytes + entry.bytes().size()));
  const double records = static_cast<double>(total) * entry.record_count;
  fmt::print(
      "{}: {:.0f} MB/s, {:.0f} entries/s, {:.0f} records/s; our own processor time {:.0f} MB/s, "
      "{:.2f} µs an entry, the kernel's {:.0f} MB/s; {:.1f} bytes a record\n",
      name, bytes / elapsed / 1e6, static_cast<double>(total) / elapsed, records / elapsed,
      bytes / watch.user() / 1e6, watch.user() / static_cast<double>(total) * 1e6,
      bytes / watch.kernel() / 1e6, bytes / records);
}

void read_all(const std::string& directory, double gigabytes) {
  const auto disk = must(io::PosixDisk::at(directory, io::Access::write));
  io::SeededRandom random(1);
  {
    const Watch watch;
    const std::unique_ptr<Log> log = must(Log::open(*disk, random, test_cluster(), {}));
    fmt::print("open a clean log of {:.2f} GB: {:.0f} ms\n", gigabytes, watch.elapsed() * 1e3);
    const Watch reading;
    Index next(1);
    while (next <= log->last_index()) {
      next = must(log->read(next, log->last_index() + 1, 1 << 20)).back().index + 1;
    }
    fmt::print("read back by index: {:.2f} GB/s\n", gigabytes / reading.elapsed());
  }
  for (int round = 0; round < 2; ++round) {
    const Watch watch;
    const VerifyReport report = must(verify(*disk, {}));
    fmt::print("verify: {:.2f} GB/s{}\n", gigabytes / watch.elapsed(),
               report.corrupt() ? " (corrupt)" : "");
  }
  const Watch watch;
  Scan scan = must(Scan::open(*disk));
  while (must(scan.next())) {
  }
  fmt::print("scan with payloads: {:.2f} GB/s\n", gigabytes / watch.elapsed());
}

}  // namespace

int main() {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / fmt::format("log_bench.{}", getpid());
  std::filesystem::create_directories(root / "large");
  std::filesystem::create_directories(root / "small");
  probe(root, 4 << 10, 2000);
  probe(root, 1 << 20, 512);

  const Entry large = batch(7000);
  const Entry single = batch(1);
  {
    io::MemoryDisk disk;
    append("memory, 7000 records an entry", disk, large, 512, 1);
  }
  {
    io::MemoryDisk disk;
    append("memory, 1 record an entry, 64 a sync", disk, single, 1 << 19, 64);
  }
  append("disk, 7000 records an entry", *must(io::PosixDisk::make_at(root / "large")), large, 1024,
         1);
  append("disk, 1 record an entry, 1 a sync", *must(io::PosixDisk::make_at(root / "small")), single,
         2000, 1);
  probe(root, 4 << 10, 2000);
  probe(root, 1 << 20, 512);
  read_all(root / "large", 1024 * static_cast<double>(large.bytes().size() + frame_bytes) / 1e9);
  std::filesystem::remove_all(root);
  return 0;
}
