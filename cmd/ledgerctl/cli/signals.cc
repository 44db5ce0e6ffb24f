#include "cli/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace ledger::cli {
namespace {

volatile std::sig_atomic_t came = 0;
std::array<int, 2> ends = {-1, -1};

void remember(int number) {
  came = number;
  const char byte = 0;
  [[maybe_unused]] const ssize_t wrote = write(ends[1], &byte, 1);
}

}  // namespace

void catch_stop_signals() {
  if (ends[0] >= 0 || pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESETHAND;  // The second time it ends us. No SA_RESTART: reads wake up.
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
