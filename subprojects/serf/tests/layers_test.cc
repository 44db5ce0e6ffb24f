// The pure folders stay pure: which folder may include which, and no header of clock, chance, file,
// socket or thread below the driver.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace serf {

namespace {

/// What the sources of a folder may include of this library; "" is the top folder.
const std::map<std::string, std::set<std::string>> may_include = {
    {"wire", {"", "wire"}},
    {"core", {"", "wire", "core"}},
    {"", {"", "wire", "core"}},
    {"driver", {"", "wire", "core", "driver"}},
};

const std::set<std::string> worldly = {"chrono",
                                       "ctime",
                                       "time.h",
                                       "random",
                                       "fstream",
                                       "filesystem",
                                       "iostream",
                                       "thread",
                                       "mutex",
                                       "atomic",
                                       "future",
                                       "unistd.h",
                                       "fcntl.h",
                                       "netdb.h",
                                       "cstdio",
                                       "cstdlib",
                                       "condition_variable",
                                       "openssl/rand.h",
                                       "arpa/inet.h",
                                       "netinet/in.h"};

std::string folder_of(const std::string& path) {
  const size_t first = path.find('/');
  const size_t last = path.rfind('/');
  return first == last ? "" : path.substr(first + 1, last - first - 1);
}

bool is_test(const std::string& name) {
  return name.ends_with("_test.cc") || name.ends_with("_fuzz.cc");
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("the example in the README is the one that is compiled") {
  const std::filesystem::path root = std::filesystem::path(SERF_VECTORS) / "../..";
  const std::string compiled = text_of(root / "examples/web.cc");
  const size_t begin = compiled.find("#include");
  REQUIRE(begin != std::string::npos);
  CHECK(text_of(root / "README.md").find("```cpp\n" + compiled.substr(begin) + "```\n") !=
        std::string::npos);
}

TEST_CASE("no folder includes what lies above it, and only the driver touches the world") {
  const std::filesystem::path root = std::filesystem::path(SERF_VECTORS) / "../..";
  size_t checked = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "serf")) {
    const std::string name = std::filesystem::relative(entry.path(), root).generic_string();
    const auto allowed = may_include.find(folder_of(name));
    if (!entry.is_regular_file() || is_test(name) || allowed == may_include.end()) continue;
    ++checked;
    CAPTURE(name);
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("#include ")) continue;
      const std::string what = line.substr(10, line.find_last_of("\">") - 10);
      CAPTURE(what);
      // Between quotes stands what is ours, and there is nothing else in this library.
      if (line[9] == '"') CHECK(what.starts_with("serf/"));
      if (what.starts_with("serf/")) CHECK(allowed->second.contains(folder_of(what)));
      if (allowed->first == "driver") continue;
      // Formatting a number needs no file.
      const bool format_only = name == "serf/address.cc" && what == "cstdio";
      CHECK((format_only || (!worldly.contains(what) && !what.starts_with("sys/"))));
    }
  }
  CHECK(checked > 40);
}

}  // namespace serf
