#include "tests/vectors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace serf::testing {

std::string from_hex(std::string_view hex) {
  std::string digits;
  for (char c : hex) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string vector_named(const std::string& name) {
  std::ifstream file(std::filesystem::path(SERF_VECTORS) / (name + ".hex"));
  REQUIRE_MESSAGE(file.good(), name);
  return from_hex(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::vector<std::string> vector_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(SERF_VECTORS)) {
    if (entry.path().extension() == ".hex") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace serf::testing
