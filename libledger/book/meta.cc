#include "book/meta.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/ascii.h"
#include "book/text.h"

namespace ledger::book {
namespace {

void put_utf8(std::string& out, uint32_t point) {
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return push(point);
  if (point < 0x800) {
    push(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      push(0xe0 | point >> 12);
    } else {
      push(0xf0 | point >> 18);
      push(0x80 | (point >> 12 & 0x3f));
    }
    push(0x80 | (point >> 6 & 0x3f));
  }
  push(0x80 | (point & 0x3f));
}

/// A recursive descent over one text. Each function takes what it is named after from the front,
/// or says what is wrong in `fault_` and returns false.
class Checker {
 public:
  explicit Checker(Bytes text) : text_(text) {}

  std::optional<std::string> run() {
    skip_blanks();
    if (!is_utf8(text_)) {
      fail("is not UTF-8");
    } else if (peek() != '{') {
      fail("is not a JSON object");
    } else if (object()) {
      skip_blanks();
      if (at_ < text_.size()) fail("goes on after the object");
    }
    if (fault_.empty()) return std::nullopt;
    return fault_ + " at byte " + std::to_string(at_);
  }

 private:
  bool fail(std::string fault) {
    if (fault_.empty()) fault_ = std::move(fault);
    return false;
  }

  /// The next character; NUL, which no JSON has, at the end.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  bool take_word(Bytes word) {
    if (!text_.substr(at_).starts_with(word)) return fail("is not JSON");
    at_ += word.size();
    return true;
  }

  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  bool value() {
    skip_blanks();
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string(nullptr);
      case 't':
        return take_word("true");
      case 'f':
        return take_word("false");
      case 'n':
        return take_word("null");
      default:
        return number();
    }
  }

  bool deeper() { return ++depth_ <= meta_depth_max || fail("is nested deeper than 16"); }

  bool object() {
    take('{');
    if (!deeper()) return false;
    std::vector<std::string> names;
    skip_blanks();
    if (!take('}')) {
      do {
        skip_blanks();
        if (!member(names)) return false;
      } while (take(','));
      if (!take('}')) return fail("is not JSON");
    }
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) != names.end()) return fail("has a name twice");
    --depth_;
    return true;
  }

  bool member(std::vector<std::string>& names) {
    if (peek() != '"') return fail("is not JSON");
    if (!string(&names.emplace_back())) return false;
    skip_blanks();
    if (!take(':')) return fail("is not JSON");
    if (!value()) return false;
    skip_blanks();
    return true;
  }

  bool array() {
    take('[');
    if (!deeper()) return false;
    skip_blanks();
    if (!take(']')) {
      do {
        if (!value()) return false;
        skip_blanks();
      } while (take(','));
      if (!take(']')) return fail("is not JSON");
    }
    --depth_;
    return true;
  }

  /// Without its escapes into `to`, where that is wanted.
  bool string(std::string* to) {
    take('"');
    while (!take('"')) {
      if (at_ == text_.size() || static_cast<uint8_t>(peek()) < 0x20) return fail("is not JSON");
      if (peek() == '\\') {
        if (!escape(to)) return false;
      } else {
        if (to) to->push_back(peek());
        ++at_;
      }
    }
    return true;
  }

  bool escape(std::string* to) {
    constexpr Bytes letters = "\"\\/bfnrt";
    constexpr Bytes meant = "\"\\/\b\f\n\r\t";
    take('\\');
    if (peek() == 'u') return unicode_escape(to);
    const size_t letter = peek() == '\0' ? Bytes::npos : letters.find(peek());
    if (letter == Bytes::npos) return fail("is not JSON");
    ++at_;
    if (to) to->push_back(meant[letter]);
    return true;
  }

  bool unicode_escape(std::string* to) {
    std::optional<uint32_t> point = code_unit();
    if (!point) return fail("is not JSON");
    if (*point == 0) return fail("has \\u0000");
    if (*point >= 0xdc00 && *point <= 0xdfff) return fail("has a lone surrogate");
    if (*point >= 0xd800 && *point <= 0xdbff) {
      const std::optional<uint32_t> low = take('\\') ? code_unit() : std::nullopt;
      if (!low || *low < 0xdc00 || *low > 0xdfff) return fail("has a lone surrogate");
      point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
    }
    if (to) put_utf8(*to, *point);
    return true;
  }

  /// `uXXXX`
  std::optional<uint32_t> code_unit() {
    if (!take('u')) return std::nullopt;
    uint32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const char lower = static_cast<char>(c | 0x20);
      if (is_digit(c)) {
        unit = unit << 4 | static_cast<uint32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        unit = unit << 4 | static_cast<uint32_t>(lower - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    return unit;
  }

  size_t digits() {
    const size_t start = at_;
    while (is_digit(peek())) ++at_;
    return at_ - start;
  }

  bool number() {
    const size_t start = at_;
    take('-');
    if (!take('0') && digits() == 0) return fail("is not JSON");
    if (take('.') && digits() == 0) return fail("is not JSON");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      const size_t exponent = digits();
      if (exponent == 0) return fail("is not JSON");
      if (exponent > meta_exponent_digits_max) return fail("has an exponent of over 3 digits");
    }
    if (at_ - start > meta_number_bytes_max) return fail("has a number of over 32 characters");
    return true;
  }

  Bytes text_;
  size_t at_ = 0;
  size_t depth_ = 0;
  std::string fault_;
};

}  // namespace

std::optional<std::string> meta_fault(Bytes meta) {
  return Checker(meta).run();
}

}  // namespace ledger::book
