#include "dev/watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <atomic>
#include <cassert>
#include <csignal>
#include <mutex>
#include <thread>

namespace ledger::dev {
namespace {

constexpr int ask_again_ms = 50;

}  // namespace

StopSignals::StopSignals() {
  struct sigaction before = {};
  ::sigaction(SIGHUP, nullptr, &before);
  hangup_ignored_ = before.sa_handler == SIG_IGN;
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = io::Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  assert(signals_);
}

std::optional<int> StopSignals::take() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD || (number == SIGHUP && hangup_ignored_)) continue;
    return number;
  }
  return std::nullopt;
}

struct HealthWatch::Shared {
  io::Descriptor told{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<bool> stops = false;
  std::atomic<bool> healthy = false;
  std::mutex mutex;
  std::string why;
};

HealthWatch::HealthWatch() : shared_(std::make_shared<Shared>()) {}

HealthWatch::~HealthWatch() {
  shared_->stops = true;
}

void HealthWatch::begin(const Healthy& healthy, std::vector<std::string> endpoints) {
  begun_ = true;
  std::thread([shared = shared_, healthy, endpoints = std::move(endpoints)] {
    while (!shared->stops) {
      const Result<void> answer = healthy(endpoints, endpoints.size());
      if (answer) {
        shared->healthy = true;
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t wrote = ::write(shared->told.get(), &one, sizeof one);
        return;
      }
      {
        const std::lock_guard lock(shared->mutex);
        shared->why = answer.error().message;
      }
      ::poll(nullptr, 0, ask_again_ms);
    }
  }).detach();
}

int HealthWatch::descriptor() const {
  return shared_->told.get();
}

bool HealthWatch::is_healthy() const {
  return shared_->healthy;
}

std::string HealthWatch::why() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->why;
}

}  // namespace ledger::dev
