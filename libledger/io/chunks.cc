#include "io/chunks.h"

#include <algorithm>
#include <cstring>

namespace ledger::io {
namespace {

bool all_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

Chunks::Chunk& Chunks::own(size_t number) {
  std::shared_ptr<Chunk>& chunk = chunks_[number];
  if (!chunk) {
    chunk = std::make_shared<Chunk>();
  } else if (chunk.use_count() > 1) {
    chunk = std::make_shared<Chunk>(*chunk);
  }
  return *chunk;
}

size_t Chunks::read(uint64_t at, std::span<char> into) const {
  if (at >= size_) return 0;
  const size_t count = std::min<uint64_t>(into.size(), size_ - at);
  for (size_t done = 0; done < count;) {
    const size_t skip = (at + done) % chunk_bytes;
    const size_t part = std::min(count - done, chunk_bytes - skip);
    if (const Chunk* chunk = chunks_[(at + done) / chunk_bytes].get()) {
      std::memcpy(into.data() + done, chunk->data() + skip, part);
    } else {
      std::memset(into.data() + done, 0, part);
    }
    done += part;
  }
  return count;
}

void Chunks::write(uint64_t at, Bytes bytes) {
  if (at + bytes.size() > size_) resize(at + bytes.size());
  while (!bytes.empty()) {
    const size_t number = at / chunk_bytes;
    const size_t skip = at % chunk_bytes;
    const Bytes part = bytes.substr(0, chunk_bytes - skip);
    // Zeros on zeros: what makes a prepared segment free.
    if (chunks_[number] || !all_zero(part)) {
      std::memcpy(own(number).data() + skip, part.data(), part.size());
    }
    at += part.size();
    bytes.remove_prefix(part.size());
  }
}

void Chunks::resize(uint64_t size) {
  chunks_.resize((size + chunk_bytes - 1) / chunk_bytes);
  const size_t kept = size % chunk_bytes;
  if (size < size_ && kept > 0 && chunks_.back()) {
    Chunk& last = own(chunks_.size() - 1);
    std::fill(last.begin() + kept, last.end(), '\0');
  }
  size_ = size;
}

}  // namespace ledger::io
