#include "io/lifeline.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "io/system_error.h"

namespace ledger::io {
namespace {

constexpr int child_descriptor = 3;
constexpr const char* descriptor_name = "LEDGERCTL_LIFELINE_FD";
constexpr const char* parent_name = "LEDGERCTL_PARENT";
constexpr int stop_patience_ms = 5'000;

std::optional<int> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  int number = 0;
  if (!text || *text == '\0') return std::nullopt;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

/// Waits for the end of the pipe, then ends the process.
void wait_for_end(int lifeline) {
  char byte = 0;
  ssize_t count = 0;
  do {
    count = ::read(lifeline, &byte, 1);
  } while (count > 0 || (count < 0 && errno == EINTR));
  ::kill(::getpid(), SIGTERM);
  ::poll(nullptr, 0, stop_patience_ms);
  ::_exit(128 + SIGTERM);
}

}  // namespace

Result<Lifeline> Lifeline::make() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(errno, "make", "pipe");
  Lifeline lifeline;
  lifeline.child_end_ = Descriptor(ends[0]);
  lifeline.our_end_ = Descriptor(ends[1]);
  return lifeline;
}

std::string Lifeline::descriptor_variable() {
  return fmt::format("{}={}", descriptor_name, child_descriptor);
}

std::string Lifeline::parent_variable() {
  return fmt::format("{}={}", parent_name, ::getpid());
}

void follow_parent() {
  const std::optional<int> lifeline = number_in(descriptor_name);
  const std::optional<int> parent = number_in(parent_name);
  if (!lifeline || !parent || ::fcntl(*lifeline, F_GETFD) < 0) return;
  // No child of ours may hold it, or believe that it has one.
  ::fcntl(*lifeline, F_SETFD, FD_CLOEXEC);
  ::unsetenv(descriptor_name);
  ::unsetenv(parent_name);
  // SIGTERM would be a second one beside ours, and that means at once; what a process that is
  // stopped needs is to go on, so that it can see the end of the pipe.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
  if (::getppid() != *parent) ::raise(SIGTERM);  // It ended before that was set.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread(wait_for_end, *lifeline).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace ledger::io
