// A cluster from outside, of one node and of three: appends and reads over gRPC, durable, beside a
// probe of the same disk.
//
// Starts the real program in a temporary directory, measures, and prints a table. Rates depend on
// the machine and on its neighbours; the ratios to the probe of the same run are what counts.
#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/crc32c.h"
#include "base/record.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/channel.h"
#include "rpc/client.h"
#include "rpc/limits.h"
#include "rpc/process.h"
#include "throwaway.h"

using namespace ledger;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t body_bytes = 128;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "node_bench: {}\n", why);
  std::exit(1);
}

/// Random bodies and ids: what a compressor or a sorted id would make easy is not measured.
class Records {
 public:
  std::string packed(uint32_t count) {
    std::string out;
    out.reserve(count * (body_bytes + 20));
    std::string body(body_bytes, '\0');
    for (uint32_t i = 0; i < count; ++i) {
      std::array<uint8_t, 10> chance{};
      for (uint8_t& byte : chance) byte = static_cast<uint8_t>(draw());
      for (size_t at = 0; at < body.size(); at += 8) store(body.data() + at, draw());
      encode_record(out,
                    {.id = make_id(Time{static_cast<int64_t>(draw() >> 2)}, chance), .body = body});
    }
    return out;
  }

 private:
  uint64_t draw() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }
  uint64_t state_ = static_cast<uint64_t>(Clock::now().time_since_epoch().count()) | 1;
};

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

std::unique_ptr<logpb::v1::Log::Stub> connect(const std::string& address) {
  // As our own client has them: what gRPC does by default would be measured with the node.
  grpc::ChannelArguments arguments = rpc::channel_arguments();
  arguments.SetMaxReceiveMessageSize(rpc::response_bytes_max);
  return logpb::v1::Log::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

logpb::v1::AppendRequest request(Records& records, uint32_t count) {
  logpb::v1::AppendRequest request;
  request.set_packed(records.packed(count));
  request.set_count(count);
  request.set_crc32c(crc32c(request.packed()));
  return request;
}

/// Records a second, streamed in messages of 1000, answers read by a second thread.
double append_stream(logpb::v1::Log::Stub& stub, uint32_t messages) {
  Records records;
  std::vector<logpb::v1::AppendRequest> requests;
  for (uint32_t i = 0; i < messages; ++i) requests.push_back(request(records, 1000));
  grpc::ClientContext context;
  const Clock::time_point start = Clock::now();
  auto stream = stub.AppendStream(&context);
  std::thread writer([&] {
    for (const auto& message : requests) stream->Write(message);
    stream->WritesDone();
  });
  logpb::v1::AppendResponse response;
  uint64_t answered = 0;
  while (stream->Read(&response)) answered += static_cast<uint64_t>(response.offsets_size());
  writer.join();
  const double took = seconds_since(start);
  if (!stream->Finish().ok() || answered != messages * 1000ull) give_up("an append failed");
  return static_cast<double>(answered) / took;
}

/// `callers` unary calls at a time, one record each, by callback: rate, and latency percentiles.
struct Unary {
  double rate = 0;
  double p50_us = 0;
  double p99_us = 0;
};
Unary append_unary(logpb::v1::Log::Stub& stub, int callers, int calls) {
  struct Call {
    grpc::ClientContext context;
    logpb::v1::AppendRequest request;
    logpb::v1::AppendResponse response;
    Clock::time_point start;
  };
  Records records;
  std::vector<logpb::v1::AppendRequest> requests;
  for (int i = 0; i < calls; ++i) requests.push_back(request(records, 1));
  std::vector<double> latencies(static_cast<size_t>(calls));
  std::atomic<int> next = 0;
  std::atomic<int> failed = 0;
  std::string why;
  int done = 0;
  std::mutex mutex;
  std::condition_variable finished;
  std::function<void()> begin = [&] {
    const int number = next++;
    if (number >= calls) return;
    auto* call = new Call;
    call->request = std::move(requests[static_cast<size_t>(number)]);
    call->start = Clock::now();
    stub.async()->Append(&call->context, &call->request, &call->response,
                         [&, call, number](const grpc::Status& status) {
                           latencies[static_cast<size_t>(number)] =
                               seconds_since(call->start) * 1e6;
                           if (!status.ok()) {
                             failed = 1;
                             why = status.error_message();
                           }
                           delete call;
                           begin();
                           const std::lock_guard lock(mutex);
                           if (++done == calls) finished.notify_one();
                         });
  };
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < callers; ++i) begin();
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return done == calls; });
  const double took = seconds_since(start);
  if (failed > 0) give_up("a unary append failed: " + why);
  std::ranges::sort(latencies);
  const auto at = [&](double q) {
    return latencies[static_cast<size_t>(q * static_cast<double>(calls - 1))];
  };
  return {calls / took, at(0.5), at(0.99)};
}

/// Begins a call every so often, whatever became of those before, until told to stop.
class Pace {
 public:
  Pace(logpb::v1::Log::Stub& stub, std::chrono::microseconds every)
      : stub_(stub), thread_([this, every] { run(every); }) {}

  /// Once all calls are answered: how many there were, and percentiles in µs.
  struct Felt {
    size_t calls = 0;
    double p50_us = 0;
    double p99_us = 0;
  };
  Felt end() {
    stops_ = true;
    thread_.join();
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&] { return latencies_us_.size() == begun_; });
    if (!failure_.empty()) give_up("an append failed: " + failure_);
    std::ranges::sort(latencies_us_);
    const auto at = [&](size_t percent) {
      return latencies_us_.at((latencies_us_.size() - 1) * percent / 100);
    };
    return {begun_, at(50), at(99)};
  }

 private:
  struct Call {
    grpc::ClientContext context;
    logpb::v1::AppendRequest request;
    logpb::v1::AppendResponse response;
    Clock::time_point due;
  };

  void run(std::chrono::microseconds every) {
    Records records;
    for (Clock::time_point due = Clock::now(); !stops_; due += every) {
      std::this_thread::sleep_until(due);
      auto* call = new Call{{}, request(records, 1), {}, due};
      {
        const std::lock_guard lock(mutex_);
        ++begun_;
      }
      // From when it was due: what holds up this thread would hold up any client.
      stub_.async()->Append(&call->context, &call->request, &call->response,
                            [this, call](const grpc::Status& status) {
                              const std::unique_ptr<Call> ended(call);
                              const std::lock_guard lock(mutex_);
                              latencies_us_.push_back(seconds_since(ended->due) * 1e6);
                              if (!status.ok()) failure_ = status.error_message();
                              answered_.notify_one();
                            });
    }
  }

  logpb::v1::Log::Stub& stub_;
  std::atomic<bool> stops_ = false;
  std::mutex mutex_;
  std::condition_variable answered_;
  size_t begun_ = 0;
  std::vector<double> latencies_us_;
  std::string failure_;
  std::thread thread_;  ///< Begins last.
};

double read_stream(logpb::v1::Log::Stub& stub) {
  grpc::ClientContext context;
  logpb::v1::ReadRequest request;
  const Clock::time_point start = Clock::now();
  auto stream = stub.ReadStream(&context, request);
  logpb::v1::ReadResponse response;
  uint64_t read = 0;
  while (stream->Read(&response)) {
    if (crc32c(response.packed()) != response.crc32c()) give_up("a read batch is damaged");
    read += response.count();
  }
  if (!stream->Finish().ok()) give_up("a read failed");
  return static_cast<double>(read) / seconds_since(start);
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
  const auto stub = connect(leader);
  append_unary(*stub, 1, 10);
  fmt::print("{} node{}\n", nodes, nodes == 1 ? "" : "s");
  fmt::print("  disk probe                 {:10.0f} MB/s at 1 MiB, {:.0f} syncs/s at 4 KiB\n",
             disk_mb, disk_syncs);
  fmt::print("  idle node                  {:10.1f} MB RSS\n", cluster.rss_mb());

  // All processes: the nodes, and this one, which is the clients.
  const auto cpu = [&] { return cluster.cpu_seconds() + cli::own_cpu_seconds(); };
  const Unary one = append_unary(*stub, 1, 2000);
  fmt::print(
      "  1 caller, 1 record         {:10.0f} /s     p50 {:.0f} us, p99 {:.0f} us ({:.2f} of the "
      "probe's syncs)\n",
      one.rate, one.p50_us, one.p99_us, one.rate / disk_syncs);
  double before = cpu();
  constexpr int calls = 40'000;
  const Unary many = append_unary(*stub, 64, calls);
  fmt::print(
      "  64 callers, 1 record each  {:10.0f} /s     p50 {:.0f} us, p99 {:.0f} us, {:.1f} us "
      "CPU a record\n",
      many.rate, many.p50_us, many.p99_us, (cpu() - before) / calls * 1e6);
  before = cpu();
  constexpr uint32_t messages = 2000;
  constexpr double records = messages * 1000.0;
  const double rate = append_stream(*stub, messages);
  fmt::print(
      "  streamed, 1000 a message   {:10.0f} /s     {:.0f} MB/s ({:.2f} of the probe), "
      "{:.2f} us CPU a record\n",
      rate, rate * 148 / 1e6, rate * 148 / 1e6 / disk_mb, (cpu() - before) / records * 1e6);
  before = cpu();
  const double read = read_stream(*stub);
  fmt::print("  read back                  {:10.0f} /s     {:.2f} us CPU a record\n", read,
             (cpu() - before) / records * 1e6);
  uint64_t bytes = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(cluster.directory(0) + "/segments")) {
    bytes += entry.file_size();
  }
  fmt::print("  after it                   {:10.1f} MB RSS, segments {:.1f} bytes a record\n",
             cluster.rss_mb(), static_cast<double>(bytes) / (records + calls + 2010));
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
  for (const auto all = connect(leader_of(cluster)); lacks_mb < wanted_mb;
       lacks_mb += messages_at_once * message_mb) {
    append_stream(*all, messages_at_once);
  }
  // What the others hold in memory would go by AppendEntries: the way of a member that was down for
  // long is to read segments.
  for (size_t node = 1; node < cluster.endpoints().size(); ++node) {
    cluster.stop(node);
    if (const auto again = cluster.start_again(node); !again) give_up(again.error().message);
  }
  const std::string leader = leader_of(cluster);
  const auto stub = connect(leader);
  append_unary(*stub, 1, 10);
  const auto [disk_mb, disk_syncs] = probe_disk(cluster.directory(late));

  Pace without(*stub, every);
  std::this_thread::sleep_for(quiet);
  const Pace::Felt quietly = without.end();
  auto client = rpc::Client::create({.endpoints = cluster.endpoints(),
                                     .patience = {.limit = std::chrono::seconds(30)},
                                     .verbose = {}});
  if (!client) give_up(client.error().message);
  const auto goal = (*client)->status_of(leader);
  if (!goal) give_up(goal.error().message);

  const Clock::time_point start = Clock::now();
  if (const auto again = cluster.start_again(late); !again) give_up(again.error().message);
  Pace with(*stub, every);
  for (;;) {
    const auto status = (*client)->status_of(address);
    if (status && status->applied >= goal->applied) break;
    if (seconds_since(start) > 300) give_up("it does not catch up within 300s");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const double took = seconds_since(start);
  const Pace::Felt meanwhile = with.end();
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
