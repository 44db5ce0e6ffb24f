// This program is its own second process: started with LEDGER_TEST_LOCK it locks that directory,
// says so on its stdout and holds the lock until its stdin ends.
#include "io/directory_lock.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "io/temporary_directory.h"

using namespace ledger;
using namespace ledger::io;

namespace {

constexpr Time start = {1'767'225'721'500'000'000};  // 2026-01-01T00:02:01.5Z

[[maybe_unused]] const bool is_child = [] {
  const char* directory = std::getenv("LEDGER_TEST_LOCK");
  if (directory == nullptr) return false;
  const auto lock = DirectoryLock::take(directory, start);
  const char answer = lock ? 'y' : 'n';
  char end = 0;
  const bool told = ::write(STDOUT_FILENO, &answer, 1) == 1;
  while (told && ::read(STDIN_FILENO, &end, 1) > 0) continue;
  ::_exit(0);
}();

/// Another process that holds, or was refused, the lock of a directory.
class OtherProcess {
 public:
  explicit OtherProcess(const std::string& directory) {
    std::array<int, 2> in = {};
    std::array<int, 2> out = {};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    const Descriptor child_in(in[0]);
    const Descriptor child_out(out[1]);
    lifeline_ = Descriptor(in[1]);
    const Descriptor answers(out[0]);

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
    std::string program = "/proc/self/exe";
    std::string variable = "LEDGER_TEST_LOCK=" + directory;
    std::array<char*, 2> arguments = {program.data(), nullptr};
    std::array<char*, 2> environment = {variable.data(), nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(),
                          environment.data()) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    REQUIRE(::read(answers.get(), &answer_, 1) == 1);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() { kill(); }

  bool locked() const { return answer_ == 'y'; }
  pid_t pid() const { return pid_; }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

 private:
  Descriptor lifeline_;
  pid_t pid_ = 0;
  char answer_ = '?';
};

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a lock is held until it is destroyed, and its file stays") {
  const TemporaryDirectory directory;
  CHECK_FALSE(*DirectoryLock::holder(directory.path()));
  CHECK_FALSE(std::filesystem::exists(directory / "lock"));
  {
    const auto lock = DirectoryLock::take(directory.path(), start);
    REQUIRE(lock);
    CHECK(content(directory / "lock") == std::to_string(::getpid()) + " 2026-01-01T00:02:01Z\n");
    CHECK((*DirectoryLock::holder(directory.path()))->pid == ::getpid());
    CHECK(DirectoryLock::take(directory.path(), start).error().code == Code::data_dir_locked);
  }
  CHECK_FALSE(*DirectoryLock::holder(directory.path()));
  std::ofstream(directory / "lock") << "what a former holder, by far more talkative, has left here";
  const auto lock = DirectoryLock::take(directory.path(), start);
  REQUIRE(lock);
  CHECK(content(directory / "lock") == std::to_string(::getpid()) + " 2026-01-01T00:02:01Z\n");
}

TEST_CASE("a directory that another process holds is refused, with its pid and since when") {
  const TemporaryDirectory directory;
  OtherProcess other(directory.path());
  REQUIRE(other.locked());

  const Error refused = DirectoryLock::take(directory.path(), Time{}).error();
  CHECK(refused.code == Code::data_dir_locked);
  CHECK(refused.message == directory.path() + " is used by pid " + std::to_string(other.pid()) +
                               " since 2026-01-01T00:02:01Z");

  const auto holder = *DirectoryLock::holder(directory.path());
  REQUIRE(holder);
  CHECK(holder->pid == other.pid());
  CHECK(holder->since == Time{1'767'225'721'000'000'000});

  other.kill();
  CHECK_FALSE(*DirectoryLock::holder(directory.path()));
  CHECK(DirectoryLock::take(directory.path(), start));
}

TEST_CASE("a process that is refused does not disturb the holder's note") {
  const TemporaryDirectory directory;
  const auto lock = DirectoryLock::take(directory.path(), start);
  const OtherProcess other(directory.path());
  CHECK_FALSE(other.locked());
  CHECK((*DirectoryLock::holder(directory.path()))->pid == ::getpid());
}

TEST_CASE("asking takes nothing: a start in the same moment succeeds") {
  const TemporaryDirectory directory;
  { REQUIRE(DirectoryLock::take(directory.path(), start)); }
  const auto asked = DirectoryLock::holder(directory.path());
  CHECK(OtherProcess(directory.path()).locked());
}

TEST_CASE("a note that makes no sense is left out of the message") {
  const TemporaryDirectory directory;
  const auto lock = DirectoryLock::take(directory.path(), start);
  const std::string used = directory.path() + " is used by ";
  for (const auto& example : {std::pair<std::string, std::string>("", "another process"),
                              {"x", "another process"},
                              {"-4", "another process"},
                              {"99999999999999999999 2026-01-01", "another process"},
                              {"12", "pid 12"},
                              {"12 never", "pid 12"},
                              {std::string(500, '1'), "another process"},
                              {"12 \x1b[31m", "pid 12"}}) {
    CAPTURE(example.first);
    std::ofstream(directory / "lock") << example.first;
    CHECK(DirectoryLock::take(directory.path(), start).error().message == used + example.second);
  }
}

TEST_CASE("a lock needs its directory, and follows no symbolic link") {
  const TemporaryDirectory directory;
  CHECK(DirectoryLock::take(directory / "none", start).error().code == Code::no_such_file);
  CHECK_FALSE(*DirectoryLock::holder(directory / "none"));
  std::ofstream(directory / "victim") << "precious";
  std::filesystem::create_symlink("victim", directory / "lock");
  CHECK(DirectoryLock::take(directory.path(), start).error().code == Code::file_permission);
  CHECK(DirectoryLock::holder(directory.path()).error().code == Code::file_permission);
  CHECK(content(directory / "victim") == "precious");
}

TEST_CASE("the lock file is private") {
  const TemporaryDirectory directory;
  const auto lock = DirectoryLock::take(directory.path(), start);
  struct stat status = {};
  REQUIRE(::stat((directory / "lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}
