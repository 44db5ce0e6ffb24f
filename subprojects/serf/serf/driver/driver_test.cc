#include "serf/driver/driver.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "serf/driver/keyring_file.h"

namespace serf {

namespace {

Config config_named(const std::string& name) {
  Config config;
  config.name = name;
  config.address = parse_address("127.0.0.1:0").value();
  return config;
}

/// Runs all drivers until the condition holds. Waits on sockets, at most 20 s.
bool run_until(std::vector<Driver*> drivers, const std::function<bool()>& condition,
               std::vector<Notice>* notices = nullptr) {
  const Instant end = monotonic_now() + seconds(20);
  while (!condition()) {
    if (monotonic_now() > end) return false;
    for (Driver* driver : drivers) {
      auto told = driver->run_once(milliseconds(5));
      REQUIRE(told);
      if (notices != nullptr) std::ranges::move(*told, std::back_inserter(*notices));
    }
  }
  return true;
}

struct TempDir {
  TempDir() {
    char name[] = "/tmp/serf-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("two members on real sockets join, exchange an event and part") {
  Config config = config_named("a");
  config.keys = wire::KeyRing::of({std::string(32, 'k')}).value();
  Driver a = Driver::open(config).value();
  config.name = "b";
  Driver b = Driver::open(config).value();
  b.command(Join{{a.node().config().address}});
  REQUIRE(run_until(
      {&a, &b}, [&] { return a.node().members().size() == 2 && b.node().members().size() == 2; }));

  b.command(SendUserEvent{"hello", "there"});
  std::vector<Notice> notices;
  const auto heard = [&] {
    return std::ranges::any_of(notices, [](const Notice& notice) {
      const auto* event = std::get_if<UserEventNotice>(&notice);
      return event != nullptr && event->payload == "there";
    });
  };
  CHECK(run_until({&a, &b}, heard, &notices));

  b.command(Leave{});
  CHECK(run_until({&a, &b}, [&] { return b.node().stopped(); }));
  CHECK(a.node().members().at("b").status == Status::left);
}

TEST_CASE("joining where nobody listens fails with the reason") {
  Driver a = Driver::open(config_named("a")).value();
  Address nowhere;
  {
    Driver gone = Driver::open(config_named("b")).value();
    nowhere = gone.node().config().address;
  }
  a.command(Join{{nowhere}});
  std::vector<Notice> notices;
  std::vector<std::string> errors;
  CHECK(run_until(
      {&a},
      [&] {
        for (const Notice& notice : notices) {
          if (const auto* done = std::get_if<JoinDone>(&notice)) errors = done->errors;
        }
        return !errors.empty();
      },
      &notices));
  CHECK(errors.at(0) == format(nowhere) + ": connect: Connection refused");
}

TEST_CASE("a port that is taken is an error that names it") {
  Driver a = Driver::open(config_named("a")).value();
  Config config = config_named("b");
  config.address = a.node().config().address;
  const auto second = Driver::open(config);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::io);
  CHECK(second.error().message.find(format(config.address)) != std::string::npos);
}

TEST_CASE("a key ring is read back as it was saved, and only from a private file") {
  const TempDir dir;
  const std::string path = dir.path + "/ring";
  const std::vector<std::string> keys = {std::string(32, 'a'), std::string(16, 'b')};
  REQUIRE(save_keyring(path, keys));
  CHECK(load_keyring(path).value().keys() == keys);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(load_keyring(path).error().code == Code::denied);
  CHECK_FALSE(load_keyring(dir.path + "/none"));
}

TEST_CASE("keys may stand one a line, and a file without any is no key ring") {
  const TempDir dir;
  const std::string path = dir.path + "/keys";
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    return load_keyring(path);
  };
  const std::string key_16 = "ABEiM0RVZneImaq7zN3u/w==";
  const std::string key_32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  const wire::KeyRing ring = read(key_32 + " \r\n\n" + key_16).value();
  REQUIRE(ring.keys().size() == 2);
  CHECK(ring.primary().size() == 32);
  CHECK(read("[\"" + key_32 + "\"]").value().keys().size() == 1);
  for (const std::string text : {"", "\n \n", "[]", "[1]", "{}", "short", "c2hvcnQ="}) {
    CAPTURE(text);
    const auto refused = read(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::invalid);
  }
}

TEST_CASE("nonces of the system do not repeat") {
  SystemNonces nonces;
  CHECK(nonces.draw() != nonces.draw());
}

}  // namespace serf
