// Bytes of a file in memory: cheap to copy, and long runs of zeros cost nothing.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "base/types.h"

namespace ledger::io {

/// A byte string that grows and shrinks like a file. Copies share their bytes until one is written
/// to; a chunk that was never anything but zeros takes no memory.
///
/// Threads: one at a time, for all copies of one another together.
class Chunks {
 public:
  uint64_t size() const { return size_; }

  /// Copies into `into` what there is from byte `at` on, and returns how many bytes there were.
  size_t read(uint64_t at, std::span<char> into) const;

  /// Writes `bytes` at `at`. Between an earlier end and `at` there are zeros.
  void write(uint64_t at, Bytes bytes);

  /// Cuts, or appends zeros.
  void resize(uint64_t size);

 private:
  static constexpr size_t chunk_bytes = 4096;
  using Chunk = std::array<char, chunk_bytes>;

  // Null is zeros. What lies past size_ in the last chunk is zeros too.
  std::vector<std::shared_ptr<Chunk>> chunks_;
  uint64_t size_ = 0;

  Chunk& own(size_t number);
};

}  // namespace ledger::io
