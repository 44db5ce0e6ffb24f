#include "node/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <cassert>
#include <csignal>

namespace ledger::node {

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = io::Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  finished_ = io::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  assert(signals_ && finished_);
}

void Signals::finish() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(finished_.get(), &one, sizeof one);
}

std::optional<int> Signals::wait(std::optional<Duration> patience) {
  const int timeout_ms =
      patience ? static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(*patience).count())
               : -1;
  pollfd ready[] = {{signals_.get(), POLLIN, 0}, {finished_.get(), POLLIN, 0}};
  while (poll(ready, 2, timeout_ms) < 0) {
  }
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) == sizeof info) {
    return static_cast<int>(info.ssi_signo);
  }
  uint64_t finished = 0;
  if (read(finished_.get(), &finished, sizeof finished) == sizeof finished) return 0;
  return std::nullopt;
}

}  // namespace ledger::node
