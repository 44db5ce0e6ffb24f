#pragma once

#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "serf/wire/msgpack.h"

/// How a structure becomes a map: a message lists its fields once, in ascending order of their
/// names, in `fields(message, visitor)`, and both directions follow from that.
namespace serf::wire::detail {

template <class Self, class Message>
concept Either = std::same_as<std::remove_const_t<Self>, Message>;

/// Counts the fields of a message.
struct Count {
  size_t pairs = 0;
  template <class T>
  void operator()(const char* /*name*/, T& /*value*/) {
    ++pairs;
  }
};

template <class T>
void write_value(Writer& writer, const T& value);

struct Put {
  Writer& writer;
  template <class T>
  void operator()(const char* name, T& value) {
    writer.text(name);
    write_value(writer, value);
  }
};

template <class Message>
void write_fields(Writer& writer, const Message& message) {
  Count count;
  fields(message, count);
  writer.map(count.pairs);
  fields(message, Put{writer});
}

inline void write_one(Writer& writer, const std::string& value) {
  writer.text(value);
}
inline void write_one(Writer& writer, const Blob& value) {
  writer.bytes(value);
}
inline void write_one(Writer& writer, bool value) {
  writer.boolean(value);
}
inline void write_one(Writer& writer, double value) {
  writer.real(value);
}
template <std::integral T>
requires(!std::same_as<T, bool>) void write_one(Writer& writer, T value) {
  if constexpr (std::is_signed_v<T>) {
    writer.integer(value);
  } else {
    writer.uint(value);
  }
}
template <class T>
requires std::is_enum_v<T>
void write_one(Writer& writer, T value) {
  writer.uint(static_cast<uint64_t>(value));
}
template <class T>
void write_one(Writer& writer, const std::vector<T>& values) {
  writer.array(values.size());
  for (const T& value : values) write_value(writer, value);
}
template <class T>
void write_one(Writer& writer, const std::map<std::string, T>& values) {
  writer.map(values.size());
  for (const auto& [key, value] : values) {
    writer.text(key);
    write_value(writer, value);
  }
}
template <class T>
void write_one(Writer& writer, const std::optional<T>& value) {
  value ? write_value(writer, *value) : writer.nil();
}
template <class T>
requires requires(const T& m, Count& c) {
  fields(m, c);
}
void write_one(Writer& writer, const T& value) {
  write_fields(writer, value);
}

template <class T>
void write_value(Writer& writer, const T& value) {
  write_one(writer, value);
}

template <class T>
void read_value(Reader& reader, T& value);

/// Reads into the field called `name`, if the message has it.
struct Take {
  Reader& reader;
  View name;
  bool taken = false;
  template <class T>
  void operator()(const char* candidate, T& value) {
    if (taken || name != candidate) return;
    taken = true;
    read_value(reader, value);
  }
};

template <class Message>
void read_fields(Reader& reader, Message& message) {
  for (size_t left = reader.map(); left > 0 && reader.ok(); --left) {
    Take take{reader, reader.text()};
    if (reader.ok()) fields(message, take);
    if (!take.taken) reader.skip();
  }
}

inline void read_one(Reader& reader, std::string& value) {
  value = reader.bytes();
}
inline void read_one(Reader& reader, Blob& value) {
  value = Blob(reader.bytes());
}
inline void read_one(Reader& reader, bool& value) {
  value = reader.boolean();
}
inline void read_one(Reader& reader, double& value) {
  value = reader.real();
}
template <std::integral T>
requires(!std::same_as<T, bool>) void read_one(Reader& reader, T& value) {
  if constexpr (std::is_signed_v<T>) {
    value = static_cast<T>(
        reader.integer(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  } else {
    value = static_cast<T>(reader.uint(std::numeric_limits<T>::max()));
  }
}
template <class T>
void read_one(Reader& reader, std::vector<T>& values) {
  values.clear();
  for (size_t left = reader.array(); left > 0 && reader.ok(); --left) {
    read_value(reader, values.emplace_back());
  }
}
template <class T>
void read_one(Reader& reader, std::map<std::string, T>& values) {
  values.clear();
  for (size_t left = reader.map(); left > 0 && reader.ok(); --left) {
    std::string key = reader.bytes();
    read_value(reader, values[std::move(key)]);
  }
}
template <class T>
void read_one(Reader& reader, std::optional<T>& value) {
  value.reset();
  if (!reader.nil()) read_value(reader, value.emplace());
}
template <class T>
requires requires(T& m, Count& c) {
  fields(m, c);
}
void read_one(Reader& reader, T& value) {
  read_fields(reader, value);
}

template <class T>
void read_value(Reader& reader, T& value) {
  read_one(reader, value);
}

}  // namespace serf::wire::detail
