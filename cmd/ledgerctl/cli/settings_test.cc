#include "cli/settings.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ledger::cli {
namespace {

namespace fs = std::filesystem;

/// An environment without our variables and with an empty home, and a file in it.
class World {
 public:
  World() {
    std::string path = (fs::temp_directory_path() / "ledgerctl-settings-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
    home_ = path;
    for (const char* name : {"ENDPOINT", "DEV", "TIMEOUT", "OUTPUT", "CONFIG", "X"}) {
      unsetenv((std::string("LEDGERCTL_") + name).c_str());
    }
    setenv("XDG_CONFIG_HOME", home_.c_str(), 1);
  }
  ~World() { fs::remove_all(home_); }

  void file(const std::string& text) {
    fs::create_directories(home_ / "ledgerctl");
    std::ofstream(home_ / "ledgerctl/config.toml") << text;
  }

 private:
  fs::path home_;
};

const Command& sample() {
  static const Command command = {.path = "health", .summary = "", .examples = {}};
  return command;
}

Checked<Settings> settled(const std::vector<std::string>& words) {
  return settle(sample(), parse(sample(), words).value());
}

TEST_CASE("flag beats environment beats file beats default, each option by itself") {
  World world;
  CHECK(settled({}).value().endpoints[0].text() == "127.0.0.1:17400");
  CHECK_FALSE(settled({}).value().json);
  CHECK(settled({}).value().timeout(Deadline::ordinary) == std::chrono::seconds(5));

  world.file("endpoint = [\"file:1\", \"file:2\"]\noutput = \"json\"\ntimeout = \"1s\"\n");
  CHECK(settled({}).value().endpoints.size() == 2);
  CHECK(settled({}).value().json);
  CHECK(settled({}).value().timeout(Deadline::ordinary) == std::chrono::seconds(1));

  setenv("LEDGERCTL_ENDPOINT", "env:1,env:2", 1);
  setenv("LEDGERCTL_OUTPUT", "", 1);  // counts as unset
  setenv("LEDGERCTL_TIMEOUT", "2s", 1);
  CHECK(settled({}).value().endpoints[1].text() == "env:2");
  CHECK(settled({}).value().json);
  CHECK(settled({}).value().timeout(Deadline::ordinary) == std::chrono::seconds(2));

  const Settings flags =
      settled({"-e", "flag:1", "-o", "text", "-t", "3s", "-e", "flag:2"}).value();
  CHECK(flags.endpoints.size() == 2);
  CHECK(flags.endpoints[0].text() == "flag:1");
  CHECK_FALSE(flags.json);
  CHECK(flags.timeout(Deadline::ordinary) == std::chrono::seconds(3));
}

TEST_CASE("environment and file set the deadline of ordinary commands only") {
  World world;
  setenv("LEDGERCTL_TIMEOUT", "2s", 1);
  CHECK(settled({}).value().timeout(Deadline::streaming) == std::chrono::seconds(30));
  CHECK(settled({"-t", "2s"}).value().timeout(Deadline::streaming) == std::chrono::seconds(2));
  CHECK(settled({"-t", "0"}).value().timeout(Deadline::streaming) == std::nullopt);
  CHECK(settled({}).value().timeout(Deadline::none) == std::nullopt);
}

TEST_CASE("a wrong value in the file is the file's fault, with its place") {
  World world;
  for (const char* text :
       {"timeout = \"5\"", "output = \"yaml\"", "endpoint = \"x\"", "timeout = 5", "color = true",
        "endpiont = \"a:1\"", "[node]\nnme = \"a\"", "tls = 3", "a = = 1"}) {
    CAPTURE(text);
    world.file(text);
    const Checked<Settings> got = settled({});
    REQUIRE_FALSE(got);
    CHECK(got.error().code == Code::config_invalid);
    CHECK(got.error().message.find("config.toml:") != std::string::npos);
  }
  world.file("endpiont = \"a:1\"");
  CHECK(settled({}).error().hint == "did you mean 'endpoint'?");
}

TEST_CASE("two targets in one place are one too many, and the line wins over the environment") {
  World world;
  setenv("LEDGERCTL_ENDPOINT", "a:1", 1);
  setenv("LEDGERCTL_DEV", "test", 1);
  CHECK(settled({}).error().code == Code::ambiguous_target);
  CHECK(settled({"-e", "b:1"}));
  unsetenv("LEDGERCTL_ENDPOINT");
  CHECK(settled({}).value().dev == "test");
  CHECK_FALSE(settled({}).value().endpoints_given);
  CHECK(settled({"--dev", "other"}).value().dev == "other");
  CHECK(settled({"-e", "b:1", "--dev", "x"}).error().code == Code::ambiguous_target);
  world.file("endpoint = \"a:1\"\n");
  CHECK(settled({}).value().dev == "test");
  CHECK_FALSE(settled({}).value().endpoints_given);
  unsetenv("LEDGERCTL_DEV");
  CHECK_FALSE(settled({}).value().dev);
  world.file("dev = \"test\"\n");
  CHECK(settled({}).value().dev == "test");
  world.file("dev = \"test\"\nendpoint = \"a:1\"\n");
  CHECK(settled({}).error().code == Code::config_invalid);
}

TEST_CASE("a variable nobody knows is worth a warning") {
  World world;
  setenv("LEDGERCTL_X", "1", 1);
  CHECK(settled({}).value().unknown_variables == std::vector<std::string>{"LEDGERCTL_X"});
}

TEST_CASE("a file that is named must be there, one that is not named need not") {
  World world;
  CHECK(settled({"--config", "/nowhere/config.toml"}).error().code == Code::no_such_file);
  setenv("LEDGERCTL_CONFIG", "/nowhere/config.toml", 1);
  CHECK(settled({}).error().code == Code::no_such_file);
}

}  // namespace
}  // namespace ledger::cli
