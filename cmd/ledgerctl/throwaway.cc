#include "throwaway.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "io/system_clock.h"

namespace ledger::cli {
namespace {

constexpr int start_patience_ms = 30'000;
constexpr int stop_patience_ms = 10'000;
constexpr int poll_ms = 10;

Result<void> failed(const char* call) {
  return fail(Code::io, fmt::format("{}: {}", call, std::strerror(errno)), "see errno(3)");
}

std::string node_name(size_t node) {
  return fmt::format("n{}", node + 1);
}

sockaddr_in ipv4(const std::string& host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

bool listens(const std::string& endpoint) {
  const size_t colon = endpoint.find(':');
  const sockaddr_in address =
      ipv4(endpoint.substr(0, colon), static_cast<uint16_t>(std::stoi(endpoint.substr(colon + 1))));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) close(fd);
  return connected;
}

/// A port that nobody uses, on a loopback address that hardly anybody else draws.
std::optional<std::string> free_address() {
  io::SystemRandom random;
  const uint64_t drawn = random.number();
  const auto byte = [&](int shift) { return (drawn >> shift) % 254 + 1; };
  const std::string host = fmt::format("127.{}.{}.{}", byte(8), byte(24), byte(40));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = ipv4(host, 0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      fd >= 0 && bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  if (fd >= 0) close(fd);
  if (!bound) return std::nullopt;
  return fmt::format("{}:{}", host, ntohs(address.sin_port));
}

/// Fields of /proc/PID/stat from the third on.
std::vector<std::string> stat_fields(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string all((std::istreambuf_iterator<char>(file)), {});
  const size_t end = all.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream fields(all.substr(end + 1));
  return {std::istream_iterator<std::string>(fields), {}};
}

/// One that has been told to.
void end(io::Child& child) {
  if (!io::wait_readable(child.descriptor(), stop_patience_ms)) {
    child.signal(SIGKILL);
    io::wait_readable(child.descriptor(), -1);
  }
  child.reap();
}

}  // namespace

Result<std::unique_ptr<Throwaway>> Throwaway::start(const std::string& program, size_t count) {
  const char* base = std::getenv("TMPDIR");
  std::string work = std::string(base && *base ? base : "/tmp") + "/ledgerctl-bench-XXXXXX";
  if (mkdtemp(work.data()) == nullptr) TRY(failed("mkdtemp"));
  std::unique_ptr<Throwaway> cluster(new Throwaway(work, TRY(io::Lifeline::make())));
  cluster->program_ = program;
  for (size_t node = 0; node < count; ++node) {
    const std::optional<std::string> address = free_address();
    if (!address) TRY(failed("bind"));
    cluster->endpoints_.push_back(*address);
    cluster->peers_ += fmt::format("{}{}={}", node == 0 ? "" : ",", node_name(node), *address);
  }
  for (size_t node = 0; node < count; ++node) {
    cluster->children_.emplace_back(TRY(cluster->spawn(node)));
  }
  TRY(cluster->wait_until_listening());
  return cluster;
}

Result<io::Child> Throwaway::spawn(size_t node) const {
  const std::string& address = endpoints_[node];
  std::vector<std::string> arguments = {"ledgerctl",
                                        "node",
                                        "start",
                                        "--data-dir",
                                        directory(node),
                                        "--name",
                                        node_name(node),
                                        "--listen",
                                        address,
                                        "--http",
                                        address.substr(0, address.find(':')) + ":0",
                                        "--log-level",
                                        "warn",
                                        "--log-format",
                                        "text"};
  if (endpoints_.size() == 1) {
    arguments.insert(arguments.end(),
                     {"--bootstrap", "--gossip", address.substr(0, address.find(':')) + ":0"});
  } else {
    arguments.insert(arguments.end(),
                     {"--peers", peers_, "--bootstrap-expect", std::to_string(endpoints_.size())});
  }
  const std::string log = directory(node) + ".log";
  const io::Descriptor nothing(open("/dev/null", O_WRONLY | O_CLOEXEC));
  const io::Descriptor errors(open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!nothing || !errors) TRY(failed("open"));
  std::vector<std::string> environment;
  for (char** variable = environ; *variable; ++variable) environment.emplace_back(*variable);
  environment.push_back(io::Lifeline::descriptor_variable());
  environment.push_back(io::Lifeline::parent_variable());
  return io::Child::spawn({.program = program_,
                           .arguments = std::move(arguments),
                           .environment = std::move(environment),
                           .output = nothing.get(),
                           .errors = errors.get(),
                           .lifeline = lifeline_.child_end()});
}

Result<void> Throwaway::wait_until_listening() const {
  for (size_t node = 0; node < children_.size(); ++node) {
    const std::string& endpoint = endpoints_[node];
    for (int waited_ms = 0; children_[node] && !listens(endpoint); waited_ms += poll_ms) {
      TRY(check());
      if (waited_ms >= start_patience_ms) {
        return fail(Code::not_ready, fmt::format("{} does not listen after 30s", endpoint),
                    "the machine is very busy: try again");
      }
      poll(nullptr, 0, poll_ms);
    }
  }
  return {};
}

void Throwaway::stop(size_t node) {
  children_[node]->signal(SIGTERM);
  end(*children_[node]);
  children_[node].reset();
}

Result<void> Throwaway::start_again(size_t node) {
  children_[node] = TRY(spawn(node));
  return wait_until_listening();
}

Throwaway::~Throwaway() {
  for (const auto& child : children_) {
    if (child) child->signal(SIGTERM);
  }
  for (auto& child : children_) {
    if (child) end(*child);
  }
  std::error_code ignored;  // What can't be removed stays in /tmp.
  std::filesystem::remove_all(work_, ignored);
}

std::string Throwaway::directory(size_t node) const {
  return work_ + "/" + node_name(node);
}

Result<void> Throwaway::check() const {
  for (size_t node = 0; node < children_.size(); ++node) {
    if (!children_[node] || !io::wait_readable(children_[node]->descriptor(), 0)) continue;
    std::ifstream log(directory(node) + ".log");
    std::string last;
    for (std::string line; std::getline(log, line);) last = line;
    return fail(Code::not_ready,
                fmt::format("node {} of the throw-away cluster ended: {}", node_name(node),
                            last.empty() ? "it said nothing" : last),
                "start one with 'ledgerctl node start' to see more");
  }
  return {};
}

double Throwaway::cpu_seconds() const {
  double ticks = 0;
  for (const auto& child : children_) {
    if (!child) continue;
    const std::vector<std::string> fields = stat_fields(child->pid());
    if (fields.size() > 12) ticks += std::stod(fields[11]) + std::stod(fields[12]);
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Throwaway::rss_mb() const {
  const std::optional<io::Child>& first = children_.at(0);
  const std::vector<std::string> fields =
      first ? stat_fields(first->pid()) : std::vector<std::string>();
  return fields.size() > 21
             ? std::stod(fields[21]) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20)
             : 0;
}

double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace ledger::cli
