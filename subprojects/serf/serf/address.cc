#include "serf/address.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <vector>

namespace serf {
namespace {

constexpr View mapped_prefix{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};

template <class T>
std::optional<T> number(View text, int base, T most) {
  unsigned long value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > most) {
    return std::nullopt;
  }
  return static_cast<T>(value);
}

std::vector<View> split(View text, char separator) {
  std::vector<View> parts;
  for (size_t at = 0; (at = text.find(separator)) != View::npos; text.remove_prefix(at + 1)) {
    parts.push_back(text.substr(0, at));
  }
  parts.push_back(text);
  return parts;
}

std::optional<std::string> parse_v4(View text) {
  std::vector<View> parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::string ip;
  for (View part : parts) {
    auto octet = number<uint8_t>(part, 10, 255);
    if (!octet || (part.size() > 1 && part[0] == '0')) return std::nullopt;
    ip += static_cast<char>(*octet);
  }
  return ip;
}

std::optional<std::string> parse_groups(View text) {
  std::string out;
  if (text.empty()) return out;
  for (View part : split(text, ':')) {
    if (part.find('.') != View::npos) {
      std::optional<std::string> tail = parse_v4(part);
      if (!tail) return std::nullopt;
      out += *tail;
      continue;
    }
    auto group = number<uint16_t>(part, 16, 0xffff);
    if (!group || part.size() > 4) return std::nullopt;
    out += static_cast<char>(*group >> 8);
    out += static_cast<char>(*group & 0xff);
  }
  return out;
}

std::optional<std::string> parse_v6(View text) {
  size_t gap = text.find("::");
  std::optional<std::string> head = parse_groups(text.substr(0, gap));
  if (!head) return std::nullopt;
  if (gap == View::npos) return head->size() == 16 ? head : std::nullopt;
  std::optional<std::string> tail = parse_groups(text.substr(gap + 2));
  if (!tail || head->size() + tail->size() > 14) return std::nullopt;
  return *head + std::string(16 - head->size() - tail->size(), '\0') + *tail;
}

}  // namespace

std::string unmapped(View ip) {
  if (ip.size() == 16 && ip.starts_with(mapped_prefix)) ip.remove_prefix(12);
  return std::string(ip);
}

bool same_place(const Address& a, const Address& b) {
  return a.port == b.port && unmapped(a.ip) == unmapped(b.ip);
}

std::string format(const Address& address) {
  std::string ip = unmapped(address.ip);
  std::string text;
  std::array<char, 8> part{};
  if (ip.size() == 4) {
    for (char octet : ip) {
      if (!text.empty()) text += '.';
      text += std::to_string(static_cast<uint8_t>(octet));
    }
  } else if (ip.size() == 16) {
    for (size_t i = 0; i < 16; i += 2) {
      unsigned group = static_cast<uint8_t>(ip[i]) * 256U + static_cast<uint8_t>(ip[i + 1]);
      std::snprintf(part.data(), part.size(), "%x", group);
      text += i == 0 ? '[' : ':';
      text += part.data();
    }
    text += "]";
  } else {
    text = "?";
  }
  return text + ":" + std::to_string(address.port);
}

Result<Address> parse_address(View text, uint16_t port_default) {
  const std::string whole(text);
  uint16_t port = port_default;
  const bool bracketed = text.starts_with('[');
  const size_t close = bracketed ? text.find(']') : text.find(':');
  View host = text.substr(bracketed ? 1 : 0, bracketed && close != View::npos ? close - 1 : close);
  View rest = close == View::npos ? View() : text.substr(close + (bracketed ? 1 : 0));
  if (!rest.empty()) {
    auto given = rest[0] == ':' ? number<uint16_t>(rest.substr(1), 10, 65'535) : std::nullopt;
    if (!given) return fail(Code::invalid, "address " + whole + ": not a port");
    port = *given;
  }
  std::optional<std::string> ip = bracketed ? parse_v6(host) : parse_v4(host);
  if (!ip || (bracketed && close == View::npos))
    return fail(Code::invalid, "address " + whole + ": not an IP address");
  return Address{*std::move(ip), port};
}

}  // namespace serf
