// JSON for programs, written with the keys in the order they are added, and read as it was written.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/types.h"

namespace ledger::cli::json {

/// `text` in quotes. What is not UTF-8 in it becomes U+FFFD.
std::string quote(std::string_view text);

/// Standard base64 with padding.
std::string base64(Bytes bytes);
std::optional<std::string> from_base64(std::string_view text);

/// One object.
class Object {
 public:
  Object() = default;
  /// Of the kind that is a row of output: `{"kind":"record"`.
  explicit Object(std::string_view kind) { add("kind", kind); }

  Object& add(std::string_view key, std::string_view text);
  Object& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
  Object& add(std::string_view key, const std::string& text) {
    return add(key, std::string_view(text));
  }
  Object& add(std::string_view key, const Id& id) { return add(key, id.text()); }
  /// RFC 3339, UTC.
  Object& add(std::string_view key, Time time);
  template <std::same_as<bool> T>
  Object& add(std::string_view key, T value) {
    return add_json(key, value ? "true" : "false");
  }
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Object& add(std::string_view key,
                                                                         T value) {
    return add_json(key, std::to_string(value));
  }
  template <class Tag>
  Object& add(std::string_view key, Number<Tag> number) {
    return add(key, number.value);
  }
  /// `null` where there is nothing.
  template <class T>
  Object& add(std::string_view key, const std::optional<T>& value) {
    return value ? add(key, *value) : add_json(key, "null");
  }
  /// Left out where there is nothing.
  template <class T>
  Object& add_if(std::string_view key, const std::optional<T>& value) {
    return value ? add(key, *value) : *this;
  }
  /// `bytes` as `key` where they are UTF-8, else as `key_b64`.
  Object& add_bytes(std::string_view key, Bytes bytes);
  /// A value that is JSON already.
  Object& add_json(std::string_view key, std::string_view json);

  /// The object, without a newline.
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

/// `[a,b]` of values that are JSON already.
std::string array(const std::vector<std::string>& values);

/// A value as it stands in a text: not unescaped, not rounded.
struct Value {
  std::string_view text;

  bool is_string() const { return text.starts_with('"'); }
  bool is_object() const { return text.starts_with('{'); }
  bool is_array() const { return text.starts_with('['); }
  bool is_number() const { return text[0] == '-' || (text[0] >= '0' && text[0] <= '9'); }
  /// Of a string: what it says.
  std::string string() const;
  /// With the blanks outside strings removed, else as written.
  std::string compact() const;
};

struct Member {
  std::string name;
  Value value;
};

/// The members of the object that `text` is, in order; borrowed from it. Errors: `invalid_message`
/// for what is not JSON in UTF-8, no object, or has a name twice.
Result<std::vector<Member>> members(std::string_view text);

/// The elements of an array inside a text that `members` took.
std::vector<Value> elements(Value array);

}  // namespace ledger::cli::json
