#include "node/manager.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "io/descriptor.h"
#include "io/temporary_directory.h"

namespace ledger::node {
namespace {

/// A service manager that watches.
class Watcher {
 public:
  Watcher() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string path = directory_.path() + "/socket";
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "30000000", 1);
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
  }

  /// The next datagram; with `wait` it comes. `none` where there is none.
  std::string next(bool wait) {
    std::string bytes(1000, '\0');
    const ssize_t count =
        ::recv(socket_.get(), bytes.data(), bytes.size(), wait ? 0 : MSG_DONTWAIT);
    return count < 0 ? "none" : bytes.substr(0, static_cast<size_t>(count));
  }

 private:
  io::TemporaryDirectory directory_;
  io::Descriptor socket_;
};

TEST_CASE("a watchdog is told each time, a status when it is another") {
  Watcher watcher;
  Journal journal(Level::error, LogFormat::text);
  Manager manager(journal);
  manager.reassure("follower term 4");
  manager.reassure("follower term 4");
  CHECK(watcher.next(false) == "WATCHDOG=1\nSTATUS=follower term 4");
  CHECK(watcher.next(false) == "WATCHDOG=1");
}

TEST_CASE("a watchdog is fed for as long as patience is asked for, and not longer") {
  Watcher watcher;
  Journal journal(Level::error, LogFormat::text);
  Manager manager(journal);
  {
    const Patience patience(manager, std::chrono::milliseconds(1));
    for (int times = 0; times < 3; ++times) {
      CHECK(watcher.next(true) == "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000000");
    }
  }
  while (watcher.next(false) != "none") {
  }
  manager.tell("STATUS=well");
  CHECK(watcher.next(false) == "STATUS=well");
  CHECK(watcher.next(false) == "none");
}

TEST_CASE("who looks away for a while misses nothing that lasts") {
  Watcher watcher;
  Journal journal(Level::error, LogFormat::text);
  Manager manager(journal);
  // As many as any socket holds, and more.
  for (int times = 0; times < 1'000; ++times) manager.tell("STATUS=waits");
  manager.tell("READY=1\nSTATUS=mending");
  manager.tell("STATUS=");
  while (watcher.next(false) != "none") {
  }
  manager.reassure("leader term 5");
  CHECK(watcher.next(false) == "READY=1\nWATCHDOG=1\nSTATUS=leader term 5");
  CHECK(watcher.next(false) == "none");
}

TEST_CASE("who is not watched feeds nobody") {
  Watcher watcher;
  ::unsetenv("WATCHDOG_USEC");
  Journal journal(Level::error, LogFormat::text);
  Manager manager(journal);
  manager.reassure("leader term 5");
  CHECK(watcher.next(false) == "STATUS=leader term 5");
  manager.reassure("leader term 5");
  CHECK(watcher.next(false) == "none");
}

}  // namespace
}  // namespace ledger::node
