#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "serf/result.h"

namespace serf::wire {

/// Nesting deeper than this is refused; what Serf sends needs 5.
constexpr size_t msgpack_depth_max = 8;

/// A byte field, as opposed to text: empty ones are written as nil.
struct Blob : std::string {
  using std::string::string;
  Blob() = default;
  Blob(std::string bytes) : std::string(std::move(bytes)) {}
};

/// Writes msgpack exactly as stock nodes do: shortest integers, doubles, and `str` forms for bytes
/// and text alike, never `d9` and never `bin`. (Spec 4.)
///
/// It is not nlohmann::json because its output has to be the stock node's byte for byte, and its
/// reader has to be bounded in depth and usable on the front of a stream that has not ended.
class Writer {
 public:
  void map(size_t pairs) { header(0x80, 0xde, pairs); }
  void array(size_t items) { header(0x90, 0xdc, items); }
  void nil() { out_ += '\xc0'; }
  void boolean(bool value) { out_ += value ? '\xc3' : '\xc2'; }
  void uint(uint64_t value);
  void integer(int64_t value);
  void real(double value);
  /// At most 2^32 - 1 bytes.
  void text(View value);
  /// As text, but nil when empty.
  void bytes(View value);

  std::string take() { return std::move(out_); }

 private:
  void header(unsigned small, unsigned large, size_t count);
  void big_endian(uint64_t value, int size);

  std::string out_;
};

/// Reads msgpack from a borrowed buffer with errors that stick: after the first one every read
/// returns zero, and `status` tells it. So a decoder reads all its fields and asks once.
///
/// Nothing is allocated for an announced size that is not there. An array or map that announces
/// more items than the rest has bytes is `incomplete`.
class Reader {
 public:
  explicit Reader(View bytes) : all_(bytes), rest_(bytes) {}

  bool ok() const { return !error_; }
  /// The first error, if any: `incomplete` or `invalid`.
  Result<void> status() const;
  /// After `incomplete`: reading again is pointless before the buffer holds this many bytes.
  size_t wanted() const { return wanted_; }
  /// Bytes consumed so far.
  size_t position() const { return all_.size() - rest_.size(); }
  View rest() const { return rest_; }

  /// Pairs of the map that begins here; 0 for nil.
  size_t map() { return count(0x80, 0xde, 2, "map"); }
  /// Items of the array that begins here; 0 for nil.
  size_t array() { return count(0x90, 0xdc, 1, "list"); }
  /// Consumes a nil if one is next.
  bool nil();
  /// Any integer form, or nil, within the range; else `invalid`.
  uint64_t uint(uint64_t most);
  int64_t integer(int64_t least, int64_t most);
  /// True, false, 1, 0 or nil.
  bool boolean();
  /// Any float or integer form, or nil.
  double real();
  /// Text or bytes: str and bin forms and an array of integers; nil is empty.
  std::string bytes();
  /// A key or short text without copying: str or bin forms only.
  View text();
  /// Passes over one value of any kind.
  void skip() { skip(0); }
  /// Makes the reader fail.
  void refuse(std::string why) { set(Code::invalid, std::move(why)); }

 private:
  void set(Code code, std::string why);
  View take(size_t size);
  uint64_t big_endian(int size);
  size_t count(unsigned small, unsigned large, size_t bytes_each, const char* what);
  void skip(size_t depth);
  bool number(uint64_t& magnitude, bool& negative);
  static int length_size(unsigned head);

  View all_;
  View rest_;
  size_t wanted_ = 0;
  bool error_ = false;
  Code code_ = Code::invalid;
  std::string why_;
};

}  // namespace serf::wire
