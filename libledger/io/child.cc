#include "io/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

#include "io/system_error.h"

namespace ledger::io {
namespace {

/// posix_spawn's two lists, freed whatever happens.
class SpawnLists {
 public:
  SpawnLists() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  ~SpawnLists() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  SpawnLists(const SpawnLists&) = delete;
  SpawnLists& operator=(const SpawnLists&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
};

/// The kernel's own calls: glibc 2.36 declares them for C alone.
Descriptor open_process(pid_t pid) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

void describe(SpawnLists& lists, const ChildOptions& options) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&lists.attributes, &none);
  posix_spawnattr_setsigdefault(&lists.attributes, &all);
  posix_spawnattr_setpgroup(&lists.attributes, 0);
  const int group = options.session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&lists.attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK |
                                                                 POSIX_SPAWN_SETSIGDEF | group));
  posix_spawn_file_actions_addopen(&lists.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&lists.actions, options.output, 1);
  posix_spawn_file_actions_adddup2(&lists.actions, options.errors, 2);
  if (options.lifeline >= 0) {
    posix_spawn_file_actions_adddup2(&lists.actions, options.lifeline, 3);
  }
  posix_spawn_file_actions_addclosefrom_np(&lists.actions, options.lifeline >= 0 ? 4 : 3);
}

Exit exit_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.signal = info.si_status, .core = info.si_code == CLD_DUMPED};
}

}  // namespace

std::string signal_name(int number) {
  const char* short_name = ::sigabbrev_np(number);
  return short_name ? std::string("SIG") + short_name : fmt::format("signal {}", number);
}

std::optional<int> signal_named(std::string_view name) {
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size()) {
    return number > 0 && number < NSIG ? std::optional(number) : std::nullopt;
  }
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (number = 1; number < NSIG; ++number) {
    const char* short_name = ::sigabbrev_np(number);
    if (short_name && name == short_name) return number;
  }
  return std::nullopt;
}

std::string Exit::text() const {
  if (signal == 0) return fmt::format("exit code {}", code);
  return fmt::format("signal {} ({}{})", signal, signal_name(signal), core ? ", core dumped" : "");
}

Result<Child> Child::spawn(const ChildOptions& options) {
  assert(options.output >= 0 && options.errors >= 0);
  SpawnLists lists;
  describe(lists, options);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, options.program.c_str(), &lists.actions, &lists.attributes,
                    pointers(options.arguments).data(), pointers(options.environment).data());
  if (error != 0) return failed(error, "start", options.program);
  // Nobody else reaps it, so the number is still its own.
  Descriptor process = open_process(pid);
  if (!process) {
    const int cause = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return failed(cause, "watch", options.program);
  }
  return Child(pid, std::move(process));
}

void Child::signal(int number) const {
  if (!reaped_) ::syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0);
}

void Child::signal_group(int number) const {
  // Until it is reaped, its number belongs to it, and so does the group's.
  if (!reaped_) ::kill(-pid_, number);
}

std::optional<Exit> Child::reap() {
  assert(!reaped_);
  siginfo_t info = {};
  const auto id = static_cast<id_t>(process_.get());
  if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  ::kill(-pid_, SIGKILL);
  ::waitid(P_PIDFD, id, &info, WEXITED);
  reaped_ = true;
  return exit_of(info);
}

bool Child::group_is_empty() const {
  return reaped_ && ::kill(-pid_, 0) != 0 && errno == ESRCH;
}

void reap_strangers(const std::vector<pid_t>& known) {
  for (;;) {
    siginfo_t info = {};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (std::ranges::find(known, info.si_pid) != known.end()) return;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

std::optional<ProcessMark> mark_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // The name, field 2, stands in parentheses and may hold anything; field 22 is the twentieth
  // after it.
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  size_t at = name_end + 2;
  for (int field = 3; field < 22; ++field) {
    at = text.find(' ', at);
    if (at == std::string::npos) return std::nullopt;
    ++at;
  }
  ProcessMark mark{.pid = pid, .start_ticks = 0, .program = {}};
  std::from_chars(text.data() + at, text.data() + text.size(), mark.start_ticks);
  char path[4096];
  const ssize_t size = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), path, sizeof path);
  if (size > 0) mark.program.assign(path, static_cast<size_t>(size));
  // What the kernel adds where the file was replaced meanwhile.
  constexpr std::string_view gone = " (deleted)";
  if (mark.program.ends_with(gone)) mark.program.resize(mark.program.size() - gone.size());
  return mark;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

Descriptor watch_process(pid_t pid) {
  return open_process(pid);
}

bool wait_readable(int descriptor, int patience_ms) {
  pollfd ready = {descriptor, POLLIN, 0};
  return ::poll(&ready, 1, patience_ms) > 0;
}

}  // namespace ledger::io
