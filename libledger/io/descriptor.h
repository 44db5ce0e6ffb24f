// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace ledger::io {

/// Owns a descriptor, or none (-1).
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    // What close could report was reported by sync, or nobody was promised anything.
    if (number_ >= 0) ::close(number_);
  }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

  /// Gives it up.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

}  // namespace ledger::io
