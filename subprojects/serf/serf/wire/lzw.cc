#include "serf/wire/lzw.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace serf::wire {
namespace {

constexpr uint32_t code_clear = 256;
constexpr uint32_t code_end = 257;
constexpr uint32_t code_none = 4096;
constexpr int width_first = 9;
constexpr int width_max = 12;
constexpr size_t codes_max = 4096;

class Encoder {
 public:
  explicit Encoder(View plain)
      : plain_(plain), slots_(std::bit_ceil(4 * std::clamp<size_t>(plain.size(), 64, codes_max))) {}

  std::string run() {
    write(code_clear);
    if (!plain_.empty()) {
      uint32_t code = static_cast<uint8_t>(plain_[0]);
      for (char next : plain_.substr(1)) code = step(code, static_cast<uint8_t>(next));
      write(code);
      advance();
    }
    write(code_end);
    if (bit_count_ > 0) out_ += static_cast<char>(bits_ & 0xff);
    return std::move(out_);
  }

 private:
  uint32_t step(uint32_t code, uint8_t next) {
    const uint32_t key = code << 8 | next;
    const size_t mask = slots_.size() - 1;
    size_t at = (key * 0x9e3779b1U) >> 18 & mask;
    for (; slots_[at] != 0; at = (at + 1) & mask) {
      if (slots_[at] >> 12 == key) return slots_[at] & 0xfff;
    }
    write(code);
    if (advance()) slots_[at] = key << 12 | high_;
    return next;
  }

  /// False when the table was full and everything began anew.
  bool advance() {
    ++high_;
    if (high_ == overflow_) {
      ++width_;
      overflow_ <<= 1;
    }
    if (high_ < 4095) return true;
    write(code_clear);
    width_ = width_first;
    high_ = code_end;
    overflow_ = 512;
    std::ranges::fill(slots_, 0);
    return false;
  }

  void write(uint32_t code) {
    bits_ |= code << bit_count_;
    for (bit_count_ += width_; bit_count_ >= 8; bit_count_ -= 8, bits_ >>= 8) {
      out_ += static_cast<char>(bits_ & 0xff);
    }
  }

  View plain_;
  std::string out_;
  uint32_t bits_ = 0;
  int bit_count_ = 0;
  int width_ = width_first;
  uint32_t high_ = code_end;
  uint32_t overflow_ = 512;
  /// An open hash table from (code, byte) to the code of the longer string, a quarter full at most:
  /// an octet adds one string or none. A slot holds key << 12 | value; a value is never 0, so 0 is
  /// an empty slot.
  std::vector<uint32_t> slots_;
};

class Decoder {
 public:
  Decoder(View packed, size_t bytes_max) : packed_(packed), bytes_max_(bytes_max) {}

  Result<std::string> run() {
    for (;;) {
      const uint32_t code = read();
      if (code == code_none) return fail(Code::incomplete, "lzw: no end code");
      if (code == code_end) return std::move(out_);
      if (code == code_clear) {
        clear();
        continue;
      }
      const size_t begin = out_.size();
      if (!expand(code)) return fail(Code::invalid, "lzw: code without entry");
      if (out_.size() > bytes_max_) {
        return fail(Code::invalid, "lzw: inflates above " + std::to_string(bytes_max_) + " bytes");
      }
      learn(code, out_[begin]);
    }
  }

 private:
  void clear() {
    width_ = width_first;
    high_ = code_end;
    overflow_ = 512;
    last_ = code_none;
    entries_ = code_end + 1;
  }

  uint32_t read() {
    while (bit_count_ < width_) {
      if (packed_.empty()) return code_none;
      bits_ |= static_cast<uint32_t>(static_cast<uint8_t>(packed_[0])) << bit_count_;
      bit_count_ += 8;
      packed_.remove_prefix(1);
    }
    const uint32_t code = bits_ & ((1U << width_) - 1);
    bits_ >>= width_;
    bit_count_ -= width_;
    return code;
  }

  /// Appends what `code` stands for. An entry's chain only leads to older ones, so it ends.
  bool expand(uint32_t code) {
    const bool repeats = code == high_ && last_ != code_none && code >= entries_;
    if (code >= entries_ && !repeats) return false;
    size_t size = repeats ? 1 : 0;
    std::array<char, 4097> reversed;
    uint32_t walk = repeats ? last_ : code;
    for (; walk > code_end; walk = prefix_[walk]) reversed[size++] = suffix_[walk];
    reversed[size++] = static_cast<char>(walk);
    if (repeats) reversed[0] = static_cast<char>(walk);
    out_.append(reversed.rend() - static_cast<std::ptrdiff_t>(size), reversed.rend());
    return true;
  }

  void learn(uint32_t code, char first) {
    if (last_ != code_none) {
      suffix_[high_] = first;
      prefix_[high_] = static_cast<uint16_t>(last_);
      entries_ = high_ + 1;
    }
    last_ = code;
    ++high_;
    if (high_ < overflow_) return;
    if (width_ == width_max) {  // Full: nothing is learnt until a clear.
      last_ = code_none;
      --high_;
    } else {
      ++width_;
      overflow_ <<= 1;
    }
  }

  View packed_;
  size_t bytes_max_;
  std::string out_;
  uint32_t bits_ = 0;
  int bit_count_ = 0;
  int width_ = width_first;
  uint32_t high_ = code_end;
  uint32_t overflow_ = 512;
  uint32_t last_ = code_none;
  uint32_t entries_ = code_end + 1;
  std::array<uint16_t, 4096> prefix_;
  std::array<char, 4096> suffix_;
};

}  // namespace

std::string lzw_encode(View plain) {
  return Encoder(plain).run();
}

Result<std::string> lzw_decode(View packed, size_t bytes_max) {
  return Decoder(packed, bytes_max).run();
}

}  // namespace serf::wire
