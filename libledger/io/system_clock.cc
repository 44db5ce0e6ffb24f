#include "io/system_clock.h"

#include <sys/random.h>

#include <cassert>
#include <cerrno>
#include <ctime>

namespace ledger::io {
namespace {

int64_t nanoseconds(clockid_t clock) {
  timespec time = {};
  [[maybe_unused]] const int result = ::clock_gettime(clock, &time);
  assert(result == 0);  // Both clocks exist on every Linux.
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Instant SystemClock::now() {
  return {nanoseconds(CLOCK_BOOTTIME)};
}

Time SystemClock::wall() {
  return {nanoseconds(CLOCK_REALTIME)};
}

void SystemRandom::fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
    assert(count > 0 || errno == EINTR);  // It knows no other failure for a valid buffer.
    if (count > 0) bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

}  // namespace ledger::io
