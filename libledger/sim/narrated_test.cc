// testdata/raft/*.txt: runs of a few members, told as prose. With REWRITE=1 in the environment each
// file is rewritten with what truly happens, to be read before it is committed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/narration.h"

using namespace ledger;
using namespace ledger::sim;

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> narrations() {
  std::vector<fs::path> paths;
  const fs::path root = fs::path(std::getenv("LEDGER_SOURCE_ROOT")) / "testdata" / "raft";
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

}  // namespace

TEST_CASE("each narrated run comes true, and ends otherwise without the guards that it names") {
  const std::vector<fs::path> paths = narrations();
  CHECK(paths.size() > 20);
  for (const fs::path& path : paths) {
    CAPTURE(path.filename().string());
    const Narration narration = Narration::parse(read(path));
    const Retelling retelling = perform(narration, 0);
    CHECK_MESSAGE(!retelling.failure, retelling.failure.value_or(""));
    if (std::getenv("REWRITE") != nullptr) std::ofstream(path) << retelling.text;
    for (unsigned guard : narration.guards) {
      CAPTURE(guard);
      CHECK(perform(narration, 1u << guard).end);
    }
  }
}

TEST_CASE("a narrated run that does not come true is told with what is true") {
  const auto told = [](const std::string& text) { return perform(Narration::parse(text), 0); };
  const std::string head = "founders n1 n2\n";
  CHECK_FALSE(told(head + "n1: follower, term 1, committed 1\n").failure);
  const Retelling wrong = told(head + "n1: leader, term 9, committed 1\nlog n1: 1^1\n");
  CHECK(wrong.failure ==
        "line 2: expected leader, term 9, committed 1; but it is follower, term 1, committed 1");
  CHECK(wrong.text == head + "n1: follower, term 1, committed 1\nlog n1: 1^1\n");
  for (const char* unclear : {"sing", "timeout", "timeout 1", "timeout n3", "wait n1 1", "beat n1",
                              "ask n1 to sing", "deliver n1", "mood n1: good", "pull n1 from n2"}) {
    CAPTURE(std::string(unclear));
    CHECK(told(head + unclear + "\n").failure);
  }
}
