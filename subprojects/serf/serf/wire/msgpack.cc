#include "serf/wire/msgpack.h"

#include <bit>
#include <cassert>

namespace serf::wire {

// ---- Writer

void Writer::big_endian(uint64_t value, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
    out_ += static_cast<char>(value >> shift);
}

void Writer::header(unsigned small, unsigned large, size_t count) {
  assert(count <= UINT32_MAX);
  if (count < 16) {
    out_ += static_cast<char>(small | count);
  } else if (count <= UINT16_MAX) {
    out_ += static_cast<char>(large);
    big_endian(count, 2);
  } else {
    out_ += static_cast<char>(large + 1);
    big_endian(count, 4);
  }
}

void Writer::uint(uint64_t value) {
  if (value < 0x80) return big_endian(value, 1);
  const int size = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
  out_ += static_cast<char>(0xcc + std::countr_zero(static_cast<unsigned>(size)));
  big_endian(value, size);
}

void Writer::integer(int64_t value) {
  if (value >= 0) return uint(static_cast<uint64_t>(value));
  if (value >= -32) return big_endian(static_cast<uint64_t>(value), 1);
  const int size = value >= INT8_MIN ? 1 : value >= INT16_MIN ? 2 : value >= INT32_MIN ? 4 : 8;
  out_ += static_cast<char>(0xd0 + std::countr_zero(static_cast<unsigned>(size)));
  big_endian(static_cast<uint64_t>(value), size);
}

void Writer::real(double value) {
  out_ += '\xcb';
  big_endian(std::bit_cast<uint64_t>(value), 8);
}

void Writer::text(View value) {
  assert(value.size() <= UINT32_MAX);
  if (value.size() < 32) {
    out_ += static_cast<char>(0xa0 | value.size());
  } else if (value.size() <= UINT16_MAX) {
    out_ += '\xda';
    big_endian(value.size(), 2);
  } else {
    out_ += '\xdb';
    big_endian(value.size(), 4);
  }
  out_ += value;
}

void Writer::bytes(View value) {
  value.empty() ? nil() : text(value);
}

// ---- Reader

void Reader::set(Code code, std::string why) {
  if (error_) return;
  error_ = true;
  code_ = code;
  why_ = "msgpack at byte " + std::to_string(position()) + ": " + std::move(why);
  if (code == Code::incomplete && wanted_ == 0) wanted_ = all_.size() + 1;
}

Result<void> Reader::status() const {
  if (error_) return fail(code_, why_);
  return {};
}

View Reader::take(size_t size) {
  if (error_) return {};
  if (size > rest_.size()) {
    wanted_ = position() + size;
    set(Code::incomplete,
        std::to_string(size) + " bytes announced, " + std::to_string(rest_.size()) + " there");
    return {};
  }
  View taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

uint64_t Reader::big_endian(int size) {
  uint64_t value = 0;
  for (char octet : take(static_cast<size_t>(size)))
    value = value << 8 | static_cast<uint8_t>(octet);
  return value;
}

bool Reader::nil() {
  if (error_ || rest_.empty() || rest_[0] != '\xc0') return false;
  rest_.remove_prefix(1);
  return true;
}

size_t Reader::count(unsigned small, unsigned large, size_t bytes_each, const char* what) {
  if (nil()) return 0;
  const auto head = static_cast<unsigned>(big_endian(1));
  size_t items = 0;
  if ((head & 0xf0) == small) {
    items = head & 0x0f;
  } else if (head == large || head == large + 1) {
    items = big_endian(head == large ? 2 : 4);
  } else if (ok()) {
    set(Code::invalid, std::string("not a ") + what);
  }
  if (ok() && items * bytes_each > rest_.size()) {
    wanted_ = position() + items * bytes_each;
    set(Code::incomplete, std::string(what) + " of " + std::to_string(items) + " does not fit");
  }
  return ok() ? items : 0;
}

bool Reader::number(uint64_t& magnitude, bool& negative) {
  negative = false;
  if (nil()) return magnitude = 0, true;
  if (!ok()) return false;
  if (rest_.empty()) return big_endian(1), false;
  const auto head = static_cast<uint8_t>(rest_[0]);
  if (head < 0x80 || head >= 0xe0) {
    rest_.remove_prefix(1);
    negative = head >= 0xe0;
    magnitude = negative ? 256U - head : head;
    return true;
  }
  if (head < 0xcc || head > 0xd3) return false;
  rest_.remove_prefix(1);
  const int size = 1 << ((head - 0xcc) & 3);
  magnitude = big_endian(size);
  const uint64_t sign = uint64_t{1} << (8 * size - 1);
  if (head >= 0xd0 && (magnitude & sign) != 0) {
    negative = true;
    magnitude = (~magnitude + 1) & (sign | (sign - 1));
  }
  return ok();
}

uint64_t Reader::uint(uint64_t most) {
  uint64_t value = 0;
  bool negative = false;
  if (!number(value, negative)) return set(Code::invalid, "not an integer"), 0;
  if (negative || value > most) return set(Code::invalid, "integer out of range"), 0;
  return value;
}

int64_t Reader::integer(int64_t least, int64_t most) {
  uint64_t value = 0;
  bool negative = false;
  if (!number(value, negative)) return set(Code::invalid, "not an integer"), 0;
  const auto whole = static_cast<int64_t>(negative ? ~value + 1 : value);
  if ((whole < 0) != (negative && value != 0) || whole < least || whole > most) {
    return set(Code::invalid, "integer out of range"), 0;
  }
  return whole;
}

bool Reader::boolean() {
  if (ok() && !rest_.empty() && (rest_[0] == '\xc2' || rest_[0] == '\xc3')) {
    return take(1)[0] == '\xc3';
  }
  return uint(1) != 0;
}

double Reader::real() {
  const unsigned head = ok() && !rest_.empty() ? static_cast<uint8_t>(rest_[0]) : 0U;
  if (head == 0xca) {
    take(1);
    return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(big_endian(4))));
  }
  if (head == 0xcb) {
    take(1);
    return std::bit_cast<double>(big_endian(8));
  }
  return static_cast<double>(integer(INT64_MIN, INT64_MAX));
}

/// Octets of the length that follows a str or bin head; 0 for a fixstr, -1 for anything else.
int Reader::length_size(unsigned head) {
  if ((head & 0xe0) == 0xa0) return 0;
  if (head == 0xd9 || head == 0xc4) return 1;
  if (head == 0xda || head == 0xc5) return 2;
  if (head == 0xdb || head == 0xc6) return 4;
  return -1;
}

View Reader::text() {
  if (nil()) return {};
  const auto head = static_cast<unsigned>(big_endian(1));
  if (!ok()) return {};
  const int size = length_size(head);
  if (size < 0) return set(Code::invalid, "not a string"), View();
  return take(size == 0 ? head & 0x1f : big_endian(size));
}

std::string Reader::bytes() {
  const unsigned head = ok() && !rest_.empty() ? static_cast<uint8_t>(rest_[0]) : 0xc0U;
  if ((head & 0xf0) != 0x90 && head != 0xdc && head != 0xdd) return std::string(text());
  std::string out;
  for (size_t left = array(); left > 0 && ok(); --left) out += static_cast<char>(uint(255));
  return ok() ? out : std::string();
}

void Reader::skip(size_t depth) {
  if (!ok()) return;
  if (depth >= msgpack_depth_max) return set(Code::invalid, "nested too deeply");
  if (rest_.empty()) return static_cast<void>(take(1));
  const unsigned head = static_cast<uint8_t>(rest_[0]);
  if ((head & 0xf0) == 0x80 || head == 0xde || head == 0xdf) {
    for (size_t left = 2 * map(); left > 0 && ok(); --left) skip(depth + 1);
  } else if ((head & 0xf0) == 0x90 || head == 0xdc || head == 0xdd) {
    for (size_t left = array(); left > 0 && ok(); --left) skip(depth + 1);
  } else if (length_size(head) >= 0) {
    text();
  } else if (head == 0xc2 || head == 0xc3) {
    boolean();
  } else if (head >= 0xc7 && head <= 0xc9) {  // extensions: length, then a type octet
    take(1);
    const auto size = big_endian(1 << (head - 0xc7));
    take(size + 1);
  } else if (head >= 0xd4 && head <= 0xd8) {
    take(2 + (size_t{1} << (head - 0xd4)));
  } else {
    real();
  }
}

}  // namespace serf::wire
