#include "cli/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace ledger::cli {
namespace {

/// `timeout` and some shells send a signal twice at once: that is one wish.
constexpr int64_t one_wish_ns = 500'000'000;

volatile std::sig_atomic_t came = 0;
volatile int64_t came_at = 0;
std::array<int, 2> ends = {-1, -1};

void remember(int number) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t at = now.tv_sec * 1'000'000'000 + now.tv_nsec;
  if (came == number && at - came_at > one_wish_ns) {
    std::signal(number, SIG_DFL);
    raise(number);
    return;
  }
  if (came == 0) came_at = at;
  came = number;
  const char byte = 0;
  [[maybe_unused]] const ssize_t wrote = write(ends[1], &byte, 1);
}

}  // namespace

void catch_stop_signals() {
  if (ends[0] >= 0 || pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = 0;  // No SA_RESTART: reads wake up.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int stop_signal() {
  return came;
}

int stop_descriptor() {
  return ends[0];
}

}  // namespace ledger::cli
