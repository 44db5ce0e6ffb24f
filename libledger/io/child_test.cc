#include "io/child.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <csignal>
#include <string>

#include "io/lifeline.h"
#include "io/local_socket.h"
#include "io/temporary_directory.h"

namespace ledger::io {
namespace {

constexpr int patience_ms = 20'000;

/// A shell that runs `script`, its output in a pipe.
struct Shell {
  explicit Shell(const std::string& script, std::vector<std::string> environment = {},
                 int lifeline = -1)
      : child(start(script, std::move(environment), lifeline)) {}

  Child start(const std::string& script, std::vector<std::string> environment, int lifeline) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    output = Descriptor(ends[0]);
    const Descriptor theirs(ends[1]);
    environment.emplace_back("PATH=/usr/bin:/bin");
    return Child::spawn({.program = "/bin/sh",
                         .arguments = {"sh", "-c", script},
                         .environment = std::move(environment),
                         .output = theirs.get(),
                         .errors = theirs.get(),
                         .lifeline = lifeline})
        .value();
  }
  std::string read_line() {
    std::string line;
    for (char c = 0; ::read(output.get(), &c, 1) == 1 && c != '\n';) line.push_back(c);
    return line;
  }
  Exit wait() {
    REQUIRE(wait_readable(child.descriptor(), patience_ms));
    return child.reap().value();
  }

  Descriptor output;
  Child child;
};

TEST_CASE("a child says how it ended") {
  CHECK(Shell("exit 73").wait() == Exit{.code = 73});
  CHECK(Shell("kill -9 $$").wait() == Exit{.signal = 9});
  CHECK(Exit{.code = 73}.text() == "exit code 73");
  CHECK(Exit{.signal = 9}.text() == "signal 9 (SIGKILL)");
  CHECK_FALSE(Child::spawn({.program = "/nowhere", .output = 1, .errors = 2}));
}

TEST_CASE("a child that runs is not reaped, and its group goes with it") {
  Shell shell("sleep 1000 & echo $!; wait");
  const pid_t grandchild = std::stoi(shell.read_line());
  CHECK_FALSE(shell.child.reap());
  const Descriptor end = watch_process(grandchild);
  shell.child.signal(SIGKILL);
  CHECK(shell.wait().signal == SIGKILL);
  CHECK(wait_readable(end.get(), patience_ms));
}

TEST_CASE("a child has no descriptor of ours but the three, and a group of its own") {
  const Descriptor open(::open("/dev/null", O_RDONLY));
  Shell shell("ls /proc/self/fd | wc -l; cut -d' ' -f5 /proc/$$/stat; cat; echo end");
  CHECK(std::stoi(shell.read_line()) == 4);  // ls itself has the directory open.
  CHECK(std::stoi(shell.read_line()) == shell.child.pid());
  CHECK(shell.read_line() == "end");
  shell.wait();
}

TEST_CASE("a process is known again by its start, not by its number alone") {
  Shell shell("echo; cat /proc/self/stat; sleep 1000");
  shell.read_line();
  const std::optional<ProcessMark> mark = mark_of(shell.child.pid());
  REQUIRE(mark);
  CHECK(mark->start_ticks > 0);
  CHECK(mark_of(shell.child.pid()) == mark);
  CHECK_FALSE(mark->program.empty());
  shell.child.signal_group(SIGKILL);
  shell.wait();
  CHECK_FALSE(mark_of(shell.child.pid()));
  CHECK_FALSE(watch_process(shell.child.pid()));
  CHECK_FALSE(boot_id().empty());
}

TEST_CASE("signals are known by every name they have") {
  CHECK(signal_named("KILL") == SIGKILL);
  CHECK(signal_named("SIGSEGV") == SIGSEGV);
  CHECK(signal_named("9") == SIGKILL);
  for (const char* name : {"", "NONE", "0", "-1", "9x", "100000", "kill"}) {
    CAPTURE(name);
    CHECK_FALSE(signal_named(name));
  }
}

TEST_CASE("a lifeline ends with the one who holds it") {
  std::optional<Lifeline> lifeline = Lifeline::make().value();
  Shell shell("echo; cat <&3; echo end", {}, lifeline->child_end());
  shell.read_line();
  CHECK_FALSE(wait_readable(shell.output.get(), 0));
  lifeline.reset();
  CHECK(shell.read_line() == "end");
  shell.wait();
}

TEST_CASE("lines go both ways through a local socket, and only one listens at a path") {
  const TemporaryDirectory directory;
  const std::string path = directory / "s";
  CHECK_FALSE(LocalStream::connect(path));
  {
    LocalListener listener = LocalListener::listen(path).value();
    LocalStream client = LocalStream::connect(path).value();
    std::optional<LocalStream> server = listener.accept();
    REQUIRE(server);
    CHECK_FALSE(listener.accept());
    REQUIRE(client.send_line("one"));
    REQUIRE(client.send_line("two"));
    CHECK(server->wait_line(std::chrono::seconds(20)).value() == "one");
    CHECK(server->wait_line(std::chrono::seconds(20)).value() == "two");
    CHECK_FALSE(server->take_line());
    CHECK_FALSE(client.wait_line(std::chrono::milliseconds(1)));
    server.reset();
    CHECK(client.wait_line(std::chrono::seconds(20)).value() == std::nullopt);
    CHECK_FALSE(client.send_line("three"));
  }
  CHECK_FALSE(LocalStream::connect(path));
  CHECK_FALSE(LocalListener::listen(std::string(200, 'x')));
}

}  // namespace
}  // namespace ledger::io
