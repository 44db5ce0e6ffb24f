// The one file that includes nlohmann's json.hpp, which costs seconds to compile.
#include "cli/json.h"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "cli/text.h"

namespace ledger::cli::json {
namespace {

/// Walks over JSON that is known to be right, value by value.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  char peek() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void take() { ++at_; }

  Value value() {
    skip_blanks();
    const size_t begin = at_;
    size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
      } else {
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at_;
      }
    } while (at_ < text_.size() && (depth > 0 || !ends_value(text_[begin], text_[at_])));
    return Value{text_.substr(begin, at_ - begin)};
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  /// After the first character: strings, objects and arrays end by themselves, the rest goes on.
  static bool ends_value(char first, char next) {
    return first == '"' || first == '{' || first == '[' || is_blank(next) || next == ',' ||
           next == '}' || next == ']';
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool plain(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string quote(std::string_view text) {
  if (plain(text)) return '"' + std::string(text) + '"';
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string base64(Bytes bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < have ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += j <= have ? alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    size_t padding = 0;
    for (size_t j = 0; j < 4; ++j) {
      const char c = text[i + j];
      const size_t digit = alphabet.find(c);
      if (c == '=' && j >= 2 && i + 4 == text.size()) {
        ++padding;
        group <<= 6;
      } else if (digit == std::string_view::npos || padding > 0) {
        return std::nullopt;
      } else {
        group = group << 6 | static_cast<uint32_t>(digit);
      }
    }
    for (size_t j = 0; j + padding < 3; ++j) {
      out += static_cast<char>(group >> (16 - 8 * j) & 0xff);
    }
    // Bits that the padding leaves over must be 0, or two texts would mean the same bytes.
    if ((padding == 1 && (group & 0xff) != 0) || (padding == 2 && (group & 0xffff) != 0)) {
      return std::nullopt;
    }
  }
  return out;
}

Object& Object::add(std::string_view key, std::string_view text) {
  return add_json(key, quote(text));
}

Object& Object::add(std::string_view key, Time time) {
  return add_json(key, quote(format_time(time)));
}

Object& Object::add_bytes(std::string_view key, Bytes bytes) {
  if (valid_utf8(bytes)) return add(key, bytes);
  return add_json(std::string(key) + "_b64", quote(base64(bytes)));
}

Object& Object::add_json(std::string_view key, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += key;
  text_ += "\":";
  text_ += json;
  return *this;
}

std::string array(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += value;
  }
  return out + "]";
}

std::string Value::string() const {
  assert(is_string());
  if (text.find('\\') == std::string_view::npos)
    return std::string(text.substr(1, text.size() - 2));
  return nlohmann::json::parse(text).get<std::string>();
}

std::string Value::compact() const {
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    out += c;
    if (in_string && c == '\\') {
      out += text[++i];
    } else if (c == '"') {
      in_string = !in_string;
    }
  }
  return out;
}

Result<std::vector<Member>> members(std::string_view text) {
  // The library takes a zero byte for the end of the text.
  if (text.find('\0') != std::string_view::npos || !nlohmann::json::accept(text)) {
    return fail(Code::invalid_message, valid_utf8(text) ? "not JSON" : "not UTF-8");
  }
  Walker walker(text);
  if (walker.peek() != '{') return fail(Code::invalid_message, "not a JSON object");
  walker.take();
  std::vector<Member> found;
  while (walker.peek() != '}') {
    if (!found.empty()) walker.take();  // the comma
    std::string name = walker.value().string();
    walker.peek();
    walker.take();  // the colon
    if (std::ranges::find(found, name, &Member::name) != found.end()) {
      return fail(Code::invalid_message, "field '" + escaped(name, Escape::line) + "' twice");
    }
    found.push_back({std::move(name), walker.value()});
  }
  return found;
}

std::vector<Value> elements(Value array) {
  assert(array.is_array());
  Walker walker(array.text);
  walker.take();
  std::vector<Value> found;
  while (walker.peek() != ']') {
    if (!found.empty()) walker.take();
    found.push_back(walker.value());
  }
  return found;
}

}  // namespace ledger::cli::json
