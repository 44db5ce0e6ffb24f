// The clients of node_bench: what they do, and what they feel.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ledger::bench {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start);

[[noreturn]] void give_up(const std::string& why);

/// What callers felt.
struct Felt {
  size_t calls = 0;
  double rate = 0;  ///< A second.
  double p50_us = 0;
  double p99_us = 0;
  /// The median of the p99s of so many calls in a row: a machine that stops for 50 ms once stays
  /// out.
  double usual_p99_us = 0;
  static constexpr size_t in_a_row = 250;
};

/// A connection to one node. Whatever fails ends the process.
class Connection {
 public:
  explicit Connection(const std::string& address);
  ~Connection();

  /// Records a second, streamed in messages of 1000, answers read by a second thread.
  double append_stream(uint32_t messages);
  /// The same of all that is read, from the first to the last.
  double read_stream();

  /// `callers` at a time, each with a stream and one record under way, the next once the last is
  /// answered: as our own client has it.
  Felt append_each(int callers, int calls);
  /// The same as unary calls, by callback.
  Felt append_unary(int callers, int calls);

 private:
  friend class Pace;
  struct Stub;
  const std::unique_ptr<Stub> stub_;
};

/// Begins a call every so often, whatever became of those before, until told to stop.
class Pace {
 public:
  Pace(Connection& connection, std::chrono::microseconds every);

  /// Once all calls are answered.
  Felt end();

 private:
  void run(std::chrono::microseconds every);

  Connection& connection_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<bool> stops_ = false;
  std::mutex mutex_;
  std::condition_variable answered_;
  size_t begun_ = 0;
  std::vector<double> latencies_us_;
  std::string failure_;
  std::thread thread_;  ///< Begins last.
};

}  // namespace ledger::bench
