#include "dev/life.h"

#include <algorithm>
#include <array>

namespace ledger::dev {
namespace {

constexpr Duration backoff_min = std::chrono::milliseconds(500);
constexpr Duration backoff_max = std::chrono::seconds(10);
constexpr Duration crash_window = std::chrono::seconds(60);
constexpr size_t crashes_max = 5;

constexpr std::array<std::string_view, 7> state_names = {
    "starting", "ready", "stopped", "paused", "backoff", "crash-loop", "exited"};
constexpr std::array<std::string_view, 3> desired_names = {"running", "stopped", "paused"};

template <class E, size_t n>
std::optional<E> named(const std::array<std::string_view, n>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin());
}

/// Exit codes that say: the same would happen again.
bool is_final(const io::Exit& exit) {
  constexpr std::array<int, 7> codes = {0, 64, 65, 66, 73, 77, 78};
  return exit.signal == 0 && std::ranges::find(codes, exit.code) != codes.end();
}

}  // namespace

std::string_view name(State state) {
  return state_names[static_cast<size_t>(state)];
}
std::string_view name(Desired desired) {
  return desired_names[static_cast<size_t>(desired)];
}
std::optional<State> state_named(std::string_view name) {
  return named<State>(state_names, name);
}
std::optional<Desired> desired_named(std::string_view name) {
  return named<Desired>(desired_names, name);
}

bool Life::runs() const {
  return state_ == State::starting || state_ == State::ready || state_ == State::paused;
}

void Life::started(Instant now) {
  state_ = State::starting;
  started_at_ = now;
  again_ = false;
}

void Life::ready() {
  if (state_ == State::starting) state_ = State::ready;
}

void Life::want(Desired desired) {
  again_ = false;
  desired_ = desired;
  switch (desired) {
    case Desired::running:
      if (state_ == State::paused) state_ = State::ready;
      if (runs()) break;
      // Somebody asks for it, so what was before no longer counts.
      crashes_.clear();
      crashes_in_a_row_ = 0;
      start_at_ = Instant();
      state_ = State::backoff;
      break;
    case Desired::stopped:
      if (!runs()) state_ = State::stopped;
      break;
    case Desired::paused:
      if (runs()) state_ = State::paused;
      break;
  }
}

void Life::want_again() {
  const bool ran = runs();
  want(Desired::running);
  again_ = ran;
}

bool Life::ended(Instant now, const io::Exit& exit, const Policy& policy) {
  if (desired_ == Desired::stopped) {
    state_ = State::stopped;
    return false;
  }
  desired_ = Desired::running;
  if (again_) {
    again_ = false;
    ++restarts_;
    start_at_ = now;
    state_ = State::backoff;
    return false;
  }
  state_ = State::exited;
  if (is_final(exit) || !policy.restart) return true;
  if (now - started_at_ >= crash_window) crashes_in_a_row_ = 0;
  ++crashes_in_a_row_;
  crashes_.push_back(now);
  while (now - crashes_.front() > crash_window) crashes_.pop_front();
  if (crashes_.size() >= crashes_max) {
    state_ = State::crash_loop;
    return true;
  }
  ++restarts_;
  state_ = State::backoff;
  start_at_ = now + backoff();
  return true;
}

Duration Life::backoff() const {
  Duration wait = backoff_min;
  for (uint64_t i = 1; i < crashes_in_a_row_ && wait < backoff_max; ++i) wait *= 2;
  return std::min(wait, backoff_max);
}

std::optional<Instant> Life::start_at() const {
  if (state_ != State::backoff) return std::nullopt;
  return start_at_;
}

}  // namespace ledger::dev
