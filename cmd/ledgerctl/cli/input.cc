#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/signals.h"

namespace ledger::cli {
namespace {

constexpr size_t read_bytes = 256 << 10;

auto failed(int error_number) {
  return fail(Code::io,
              fmt::format("read of standard input failed: {}", std::strerror(error_number)),
              "look at where the input comes from");
}

}  // namespace

Input::Input(char separator, size_t piece_bytes_max)
    : separator_(separator), piece_bytes_max_(piece_bytes_max) {
  if (pipe2(stop_ends_, O_CLOEXEC | O_NONBLOCK) != 0) stop_ends_[0] = stop_ends_[1] = -1;
}

Input::~Input() {
  for (const int end : stop_ends_) {
    if (end >= 0) close(end);
  }
}

void Input::stop() {
  const char byte = 0;
  [[maybe_unused]] const ssize_t wrote = write(stop_ends_[1], &byte, 1);
}

Result<bool> Input::fill() {
  while (stop_signal() == 0) {
    std::array<pollfd, 3> waits = {
        {{STDIN_FILENO, POLLIN, 0}, {stop_ends_[0], POLLIN, 0}, {stop_descriptor(), POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return failed(errno);
    }
    if (waits[1].revents != 0 || waits[2].revents != 0) return false;
    if (waits[0].revents == 0) continue;
    const size_t have = buffer_.size();
    buffer_.resize(have + read_bytes);
    const ssize_t got = read(STDIN_FILENO, buffer_.data() + have, read_bytes);
    const int error = errno;
    buffer_.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got > 0) return true;
    if (got == 0 || error == EBADF) return false;
    if (error != EINTR && error != EAGAIN) return failed(error);
  }
  return false;
}

Result<std::vector<std::string_view>> Input::next() {
  buffer_.erase(0, taken_);
  taken_ = 0;
  std::vector<std::string_view> pieces;
  while (!ended_ && pieces.empty()) {
    if (buffer_.size() > piece_bytes_max_ && buffer_.find(separator_) == std::string::npos) break;
    if (!TRY(fill())) ended_ = true;
    const std::string_view all = buffer_;
    for (size_t end; (end = all.find(separator_, taken_)) != std::string_view::npos;) {
      pieces.push_back(all.substr(taken_, end - taken_));
      taken_ = end + 1;
    }
    // A signal leaves the last piece half read: it is none.
    if (ended_ && taken_ < all.size() && stop_signal() == 0) {
      pieces.push_back(all.substr(taken_));
      taken_ = all.size();
    }
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].size() <= piece_bytes_max_) continue;
    pieces_read_ += i;
    return fail(Code::too_large, fmt::format("longer than {} bytes", piece_bytes_max_), "split it");
  }
  if (!ended_ && pieces.empty()) {
    return fail(Code::too_large, fmt::format("longer than {} bytes", piece_bytes_max_), "split it");
  }
  pieces_read_ += pieces.size();
  return pieces;
}

Result<std::string> Input::read_all(size_t bytes_max) {
  std::string all;
  while (true) {
    const size_t have = all.size();
    all.resize(have + read_bytes);
    const ssize_t got = read(STDIN_FILENO, all.data() + have, read_bytes);
    const int error = errno;
    all.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (all.size() > bytes_max) {
      return fail(Code::too_large, fmt::format("input is longer than {} bytes", bytes_max),
                  "split it");
    }
    if (got == 0 || (got < 0 && error == EBADF)) return all;
    if (got < 0 && error != EINTR) return failed(error);
  }
}

bool stdin_is_terminal() {
  return isatty(STDIN_FILENO) == 1;
}

}  // namespace ledger::cli
