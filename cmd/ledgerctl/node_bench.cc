// A cluster from outside, of one node and of three: appends and reads over gRPC, durable, beside a
// probe of the same disk.
//
// Starts the real program in a temporary directory, measures, and prints a table. Rates depend on
// the machine and on its neighbours; the ratios to the probe of the same run are what counts.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "node_clients_bench.h"
#include "rpc/client.h"
#include "rpc/process.h"
#include "throwaway.h"

using namespace ledger;
using namespace ledger::bench;

namespace {

/// Has the machine take all the memory that a measurement will use. A virtual one gets it from its
/// host at the first touch, page by page: 2 ns a byte were measured, a third of all that a streamed
/// record costs three nodes. Pages that were touched and given back are the machine's own.
void touch_memory() {
  constexpr size_t bytes = 3ull << 30;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) give_up("there are no 3 GiB of memory");
  munmap(memory, bytes);
}

/// MB/s of 1 MiB writes with a sync each into a zero-filled file, and syncs/s of 4 KiB ones.
std::pair<double, double> probe_disk(const std::string& directory) {
  const std::string path = directory + "/probe";
  const int file = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  std::string block(1 << 20, '\0');
  constexpr int blocks = 64;
  for (int i = 0; i < blocks; ++i) {
    if (pwrite(file, block.data(), block.size(), i << 20) < 0) give_up("the probe can't write");
  }
  fsync(file);
  block.assign(block.size(), 'x');
  Clock::time_point start = Clock::now();
  for (int i = 0; i < blocks; ++i) {
    if (pwrite(file, block.data(), block.size(), i << 20) < 0 || fdatasync(file) != 0) {
      give_up("the probe can't write");
    }
  }
  const double large = blocks * 1.048576 / seconds_since(start);
  start = Clock::now();
  constexpr int small_writes = 300;
  for (int i = 0; i < small_writes; ++i) {
    if (pwrite(file, block.data(), 4096, i * 4096) < 0 || fdatasync(file) != 0) {
      give_up("the probe can't write");
    }
  }
  const double small = small_writes / seconds_since(start);
  close(file);
  unlink(path.c_str());
  return {large, small};
}

/// How long it takes to wake a thread that waits on another processor, in us. The write of one
/// caller is some ten of them and two syncs, one after the other.
double probe_wake() {
  constexpr int rounds = 2000;
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) give_up("there are no pipes");
  const auto pass = [](int from, int to, int processor) {
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET(processor, &processors);
    sched_setaffinity(0, sizeof processors, &processors);
    char byte = 0;
    for (int i = 0; i < rounds; ++i) {
      if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) give_up("a pipe broke");
    }
  };
  const Clock::time_point start = Clock::now();
  std::thread one(pass, there[0], back[1], 0);
  std::thread other(pass, back[0], there[1], 1);
  one.join();
  other.join();
  const double took = seconds_since(start);
  for (const int end : {there[0], there[1], back[0], back[1]}) close(end);
  return took / rounds * 1e6;
}

/// Waits until the cluster has one.
std::string leader_of(const cli::Throwaway& cluster) {
  auto client = rpc::Client::create({.endpoints = cluster.endpoints(),
                                     .patience = {.limit = std::chrono::seconds(30)},
                                     .verbose = {}});
  if (!client) give_up(client.error().message);
  const auto leader = (*client)->leader();
  if (!leader) {
    if (const auto running = cluster.check(); !running) give_up(running.error().message);
    give_up(leader.error().message);
  }
  return leader->leader;
}

/// What is measured of one cluster, beside what the disk alone does.
void run(const std::string& program, size_t nodes) {
  touch_memory();
  auto started = cli::Throwaway::start(program, nodes);
  if (!started) give_up(started.error().message);
  const cli::Throwaway& cluster = **started;
  rpc::prepare_process();
  const std::string leader = leader_of(cluster);
  const auto [disk_mb, disk_syncs] = probe_disk(cluster.directory(0));
  Connection connection(leader);
  connection.append_unary(1, 10);
  fmt::print("{} node{}\n", nodes, nodes == 1 ? "" : "s");
  fmt::print("  disk probe                 {:10.0f} MB/s at 1 MiB, {:.0f} syncs/s at 4 KiB\n",
             disk_mb, disk_syncs);
  fmt::print("  thread probe               {:10.1f} us a wake\n", probe_wake());
  fmt::print("  idle node                  {:10.1f} MB RSS\n", cluster.rss_mb());

  // All processes: the nodes, and this one, which is the clients.
  const auto cpu = [&] { return cluster.cpu_seconds() + cli::own_cpu_seconds(); };
  constexpr int calls_of_one = 2000;
  constexpr int calls = 40'000;
  const auto callers = [&](const std::string& how, Felt (Connection::*append)(int, int)) {
    const Felt one = (connection.*append)(1, calls_of_one);
    fmt::print("  {:<26} {:10.0f} /s     p50 {:.0f} us, p99 {:.0f} us\n", "1 caller, " + how,
               one.rate, one.p50_us, one.p99_us);
    const double before = cpu();
    const Felt many = (connection.*append)(64, calls);
    fmt::print("  {:<26} {:10.0f} /s     p50 {:.0f} us, p99 {:.0f} us, {:.1f} us CPU a record\n",
               "64 callers, " + how, many.rate, many.p50_us, many.p99_us,
               (cpu() - before) / calls * 1e6);
  };
  callers("a stream each", &Connection::append_each);
  callers("unary calls", &Connection::append_unary);
  double before = cpu();
  constexpr uint32_t messages = 2000;
  constexpr double records = messages * 1000.0;
  const double rate = connection.append_stream(messages);
  fmt::print(
      "  streamed, 1000 a message   {:10.0f} /s     {:.0f} MB/s ({:.2f} of the probe), "
      "{:.2f} us CPU a record\n",
      rate, rate * 148 / 1e6, rate * 148 / 1e6 / disk_mb, (cpu() - before) / records * 1e6);
  before = cpu();
  const double read = connection.read_stream();
  fmt::print("  read back                  {:10.0f} /s     {:.2f} us CPU a record\n", read,
             (cpu() - before) / records * 1e6);
  uint64_t bytes = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(cluster.directory(0) + "/segments")) {
    bytes += entry.file_size();
  }
  fmt::print("  after it                   {:10.1f} MB RSS, segments {:.1f} bytes a record\n",
             cluster.rss_mb(),
             static_cast<double>(bytes) / (records + 2.0 * (calls + calls_of_one) + 10));
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

/// What a member that comes back after long costs those who write meanwhile: their p99 while one of
/// three is down, and while it catches up. LEDGER_CATCH_UP_MB says how much it lacks.
void catch_up(const std::string& program) {
  constexpr auto every = std::chrono::microseconds(4000);
  constexpr auto quiet = std::chrono::seconds(8);
  constexpr uint32_t messages_at_once = 250;
  constexpr double message_mb = 1000 * 148 / 1e6;
  const char* given = std::getenv("LEDGER_CATCH_UP_MB");
  const double wanted_mb = given != nullptr ? std::atof(given) : 1000;

  touch_memory();
  auto started = cli::Throwaway::start(program, 3);
  if (!started) give_up(started.error().message);
  cli::Throwaway& cluster = **started;
  rpc::prepare_process();
  leader_of(cluster);
  constexpr size_t late = 0;
  const std::string& address = cluster.endpoints()[late];
  cluster.stop(late);
  double lacks_mb = 0;
  for (Connection all(leader_of(cluster)); lacks_mb < wanted_mb;
       lacks_mb += messages_at_once * message_mb) {
    all.append_stream(messages_at_once);
  }
  // What the others hold in memory would go by AppendEntries: the way of a member that was down for
  // long is to read segments.
  for (size_t node = 1; node < cluster.endpoints().size(); ++node) {
    cluster.stop(node);
    if (const auto again = cluster.start_again(node); !again) give_up(again.error().message);
  }
  const std::string leader = leader_of(cluster);
  Connection connection(leader);
  connection.append_unary(1, 10);
  const auto [disk_mb, disk_syncs] = probe_disk(cluster.directory(late));

  Pace without(connection, every);
  std::this_thread::sleep_for(quiet);
  const Felt quietly = without.end();
  auto client = rpc::Client::create({.endpoints = cluster.endpoints(),
                                     .patience = {.limit = std::chrono::seconds(30)},
                                     .verbose = {}});
  if (!client) give_up(client.error().message);
  const auto goal = (*client)->status_of(leader);
  if (!goal) give_up(goal.error().message);

  const Clock::time_point start = Clock::now();
  if (const auto again = cluster.start_again(late); !again) give_up(again.error().message);
  Pace with(connection, every);
  for (;;) {
    const auto status = (*client)->status_of(address);
    if (status && status->applied >= goal->applied) break;
    if (seconds_since(start) > 300) give_up("it does not catch up within 300s");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const double took = seconds_since(start);
  const Felt meanwhile = with.end();
  fmt::print("one of 3 nodes catches up, with {} appends/s of one record\n",
             std::chrono::microseconds(std::chrono::seconds(1)) / every);
  fmt::print("  disk probe                 {:10.0f} MB/s at 1 MiB, {:.0f} syncs/s at 4 KiB\n",
             disk_mb, disk_syncs);
  fmt::print("  catches up                 {:10.0f} MB/s     {:.0f} MB in {:.1f} s\n",
             lacks_mb / took, lacks_mb, took);
  fmt::print(
      "  p99 of the leader          {:10.0f} us     {:.0f} us without, ratio {:.2f} ({} and {} "
      "calls, load {:.1f})\n",
      meanwhile.p99_us, quietly.p99_us, meanwhile.p99_us / quietly.p99_us, meanwhile.calls,
      quietly.calls, load_average());
  fmt::print("  p99 of a usual second      {:10.0f} us     {:.0f} us without, ratio {:.2f}\n",
             meanwhile.usual_p99_us, quietly.usual_p99_us,
             meanwhile.usual_p99_us / quietly.usual_p99_us);
  fmt::print("  p50 of the leader          {:10.0f} us     {:.0f} us without\n", meanwhile.p50_us,
             quietly.p50_us);
}

/// In a process of its own: another must be started before there are threads, too. Whether it ends
/// well.
template <class Measure>
bool apart(const Measure& measure) {
  const pid_t child = fork();
  if (child == 0) {
    measure();
    std::exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const char* program = std::getenv("LEDGERCTL");
  if (program == nullptr) give_up("LEDGERCTL names no program");
  // All, or what is named: the size of a cluster, or catch-up.
  const std::string_view named = argc > 1 ? argv[1] : "";
  const auto wanted = [&](std::string_view name) { return named.empty() || named == name; };
  if (wanted("1") && !apart([&] { run(program, 1); })) return 1;
  if (wanted("3") && !apart([&] { run(program, 3); })) return 1;
  if (wanted("catch-up") && !apart([&] { catch_up(program); })) return 1;
  return 0;
}
