// The rooms and the arrows between them, as data, held against every #include of the library.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

using Names = std::set<std::string>;

/// room -> the rooms whose headers it may include.
const std::map<std::string, Names> arrows = {
    {"base", {}},
    {"raft", {"base"}},
    {"book", {"base"}},
    {"io", {"base"}},
    {"log", {"base", "io"}},
    {"history", {"base", "book", "io", "log"}},
    {"rpc", {"base", "raft", "book"}},
    {"sql", {"base", "book", "history", "log"}},
    {"node", {"base", "raft", "book", "io", "log", "history", "rpc", "serf"}},
    {"dev", {"base", "io", "rpc"}},
    {"sim", {"base", "raft", "book", "io", "log", "history", "rpc", "sql", "node"}},
};

/// Rooms that are functions of their inputs, and the headers that would make them something else.
const Names pure = {"raft", "book"};
const std::regex impure_header(
    R"re(<(chrono|ctime|time\.h|random|thread|mutex|shared_mutex|condition_variable|future|atomic|)re"
    R"re(fstream|filesystem|iostream|cstdio|stdio\.h|unistd\.h|fcntl\.h|sys/.*|pthread\.h|netinet/.*|)re"
    R"re(arpa/.*)>)re");
const std::regex include_line(R"re(^\s*#\s*include\s+(?:"([a-z]+)/[^"]+"|(<[^>]+>)))re");

struct Include {
  std::string from;    ///< The file, below libledger.
  std::string room;    ///< Its room.
  std::string target;  ///< The room included, or `<header>`.
};

std::vector<Include> includes() {
  const fs::path root = fs::path(std::getenv("LEDGER_SOURCE_ROOT")) / "libledger";
  std::vector<Include> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".h" && path.extension() != ".cc") continue;
    const fs::path below = path.lexically_relative(root);
    if (!below.has_parent_path()) continue;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, include_line)) continue;
      if (line.find(".pb.h") != std::string::npos) continue;  // Of no room; see the last test.
      found.push_back({below, *below.begin(), match[1].matched ? match[1] : match[2]});
    }
  }
  return found;
}

/// Tests and benchmarks may build the world around a pure room.
bool is_test(const std::string& file) {
  return std::regex_search(file, std::regex("_(test|fuzz|bench)\\.cc$"));
}

}  // namespace

TEST_CASE("every include follows an arrow of the design") {
  const std::vector<Include> all = includes();
  REQUIRE(all.size() > 20);
  for (const Include& include : all) {
    if (include.target.starts_with('<')) continue;
    CAPTURE(include.from);
    CAPTURE(include.target);
    REQUIRE(arrows.contains(include.room));
    CHECK((include.target == include.room || arrows.at(include.room).contains(include.target)));
  }
}

TEST_CASE("a pure room has no clock, randomness, file, socket or thread") {
  for (const Include& include : includes()) {
    if (!pure.contains(include.room) || is_test(include.from)) continue;
    CAPTURE(include.from);
    CAPTURE(include.target);
    CHECK_FALSE(std::regex_match(include.target, impure_header));
  }
}

TEST_CASE("generated headers are known to the room rpc alone") {
  const fs::path root = fs::path(std::getenv("LEDGER_SOURCE_ROOT"));
  for (const char* top : {"libledger", "cmd"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file()) continue;
      const std::string below = entry.path().lexically_relative(root);
      if (below.starts_with("libledger/rpc/") || is_test(below)) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        CAPTURE(below);
        CHECK_FALSE(std::regex_search(line, std::regex(R"re(^\s*#\s*include.*\.pb\.h)re")));
      }
    }
  }
}
