#include "io/notify.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "io/descriptor.h"
#include "io/temporary_directory.h"

using namespace ledger;
using namespace ledger::io;

namespace {

/// The end that listens, as a supervisor does.
class Listener {
 public:
  /// `@` and a name is abstract, else it is a path.
  explicit Listener(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
  }

  /// The next datagram that is here already; `none` without one.
  std::string next() {
    std::string bytes(1000, '\0');
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) return "none";
    bytes.resize(static_cast<size_t>(count));
    return bytes;
  }

 private:
  Descriptor socket_;
};

/// A variable of the environment for the time of a test.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("a state arrives whole at the socket that the environment names") {
  const TemporaryDirectory directory;
  Listener listener(directory / "socket");
  const Environment variable("NOTIFY_SOCKET", directory / "socket");
  REQUIRE(notify("READY=1"));
  REQUIRE(notify("RELOADING=1\nSTATUS=two lines"));
  CHECK(listener.next() == "READY=1");
  CHECK(listener.next() == "RELOADING=1\nSTATUS=two lines");
  CHECK(listener.next() == "none");
}

TEST_CASE("an abstract socket is reached by its name after @") {
  const TemporaryDirectory directory;  // Its name is nobody else's.
  const std::string name = "@" + directory.path();
  Listener listener(name);
  REQUIRE(notify("STOPPING=1", name));
  CHECK(listener.next() == "STOPPING=1");
}

TEST_CASE("without a socket nothing is sent and nothing is wrong") {
  ::unsetenv("NOTIFY_SOCKET");
  CHECK(notify("READY=1"));
  const Environment variable("NOTIFY_SOCKET", "");
  CHECK(notify("READY=1"));
}

TEST_CASE("a socket that nobody listens on is unreachable, and says so") {
  const TemporaryDirectory directory;
  const Error error = notify("READY=1", directory / "socket").error();
  CHECK(error.code == Code::unreachable);
  CHECK(error.message == "notice to " + directory / "socket" + ": no such file or directory");
}

TEST_CASE("a socket that is full does not hold us") {
  const TemporaryDirectory directory;
  const Listener listener(directory / "socket");
  Result<void> last;
  for (int i = 0; i < 100'000 && last; ++i) last = notify("STATUS=again", directory / "socket");
  REQUIRE_FALSE(last);
  CHECK(last.error().code == Code::busy);
}

TEST_CASE("a name that is none is refused") {
  for (const std::string& name : {std::string("relative"), std::string("@"), std::string("/"),
                                  "/" + std::string(107, 'x'), std::string("vsock:2:1")}) {
    CAPTURE(name);
    CHECK(notify("READY=1", name).error().code == Code::invalid_value);
  }
}
