#include "node/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "base/node_name.h"
#include "io/directory_lock.h"
#include "io/notify.h"
#include "io/posix_disk.h"
#include "io/system_clock.h"
#include "log/log.h"
#include "node/identity.h"
#include "node/node.h"
#include "node/signals.h"
#include "rpc/address.h"
#include "rpc/server.h"

namespace ledger::node {
namespace {

/// The host name's first label, as far as it can be a node name.
std::string default_name() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  std::string name;
  for (const char* c = host; *c != '\0' && *c != '.' && name.size() < 32; ++c) {
    const char lower = static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    name.push_back((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ? lower : '-');
  }
  return valid_node_name(name) ? name : "node";
}

/// Everything of a running node, in the order it is built; taken down in the reverse.
class Process {
 public:
  explicit Process(const StartOptions& options)
      : options_(options), journal_(options.log_level, options.log_format) {}

  Result<void> start();
  const std::string& address() const { return server_->address(); }
  /// Waits for a signal or the end of the node, then stops everything.
  Result<int> wait();

 private:
  Result<void> check_options() const;
  Result<void> identify();
  Result<void> listen();
  Result<void> found();
  Result<void> open_log();
  void start_node();
  void stop();
  void tell_manager(const std::string& state);

  const StartOptions options_;
  Journal journal_;
  io::SystemClock clock_;
  io::SystemRandom random_;
  Signals signals_;
  std::unique_ptr<io::PosixDisk> disk_;
  std::optional<io::DirectoryLock> lock_;
  Identity identity_;
  std::unique_ptr<rpc::RpcServer> server_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Node> node_;
  Result<void> ended_;  ///< How the node's loop ended; written before `finish`.
};

Result<void> Process::start() {
  TRY(check_options());
  disk_ = TRY(io::PosixDisk::make_at(options_.data_dir));
  lock_ = TRY(io::DirectoryLock::take(options_.data_dir, clock_.wall()));
  TRY(identify());
  TRY(listen());
  if (!TRY(log::Log::exists(*disk_))) TRY(found());
  TRY(open_log());
  start_node();
  tell_manager("READY=1");
  return {};
}

Result<void> Process::check_options() const {
  if (!options_.name.empty() && !valid_node_name(options_.name)) {
    return fail(Code::invalid_value, fmt::format("--name: '{}' is not a node name", options_.name),
                "[a-z0-9][a-z0-9-]{0,31}, and not leader, followers, any-follower or all");
  }
  if (options_.segment_bytes < log::segment_bytes_min) {
    return fail(Code::invalid_value,
                fmt::format("--segment-bytes: {} is too small", options_.segment_bytes),
                "at least 2MiB");
  }
  const rpc::Address address = TRY(rpc::parse_address(options_.listen));
  if (!rpc::is_loopback(address)) {
    return fail(Code::usage, fmt::format("--listen: {} is not a loopback address", options_.listen),
                "without TLS a node listens on loopback only, such as 127.0.0.1:17400");
  }
  return {};
}

Result<void> Process::identify() {
  const std::optional<Identity> known = TRY(Identity::load(*disk_));
  if (known) {
    if (!options_.name.empty() && options_.name != known->name) {
      return fail(
          Code::data_dir_mismatch,
          fmt::format("data directory belongs to node {}, not {}", known->name, options_.name),
          "use another directory, or drop --name");
    }
    identity_ = *known;
    return {};
  }
  if (TRY(log::Log::exists(*disk_))) {
    return fail(Code::corrupt_segment,
                fmt::format("{} holds a log, but its file 'node' is missing", options_.data_dir),
                "restore the file 'node' from a copy of this directory");
  }
  if (!options_.bootstrap) {
    return fail(Code::usage, fmt::format("{} is empty", options_.data_dir),
                "--bootstrap founds a new cluster there");
  }
  std::array<uint8_t, 10> chance{};
  random_.fill(chance);
  identity_ = Identity::draw(options_.name.empty() ? default_name() : options_.name,
                             make_id(clock_.wall(), chance), random_);
  return identity_.save(*disk_);
}

Result<void> Process::listen() {
  server_ = TRY(rpc::RpcServer::start(
      {.listen = options_.listen, .reflection = options_.reflection, .ids = [this] {
         std::array<uint8_t, 10> chance{};
         random_.fill(chance);
         return make_id(clock_.wall(), chance);
       }}));
  return {};
}

Result<void> Process::found() {
  if (!options_.bootstrap) {
    return fail(Code::usage, fmt::format("{} has no log yet", options_.data_dir),
                "--bootstrap founds a new cluster there");
  }
  raft::Configuration founders;
  founders.members.push_back(
      {identity_.member, raft::Standing::voter, identity_.name, server_->address()});
  Entry founding;
  founding.index = Index(1);
  founding.term = Term(1);
  founding.kind = EntryKind::membership;
  founding.recorded = clock_.wall();
  founding.rules = book::rules_newest;
  founding.payload = std::make_shared<const std::string>(founders.encode());
  TRY(log::Log::create(*disk_, random_, identity_.cluster,
                       {.segment_bytes = options_.segment_bytes}, founding));
  journal_.info(fmt::format("founded cluster {}", identity_.cluster.text()));
  return {};
}

Result<void> Process::open_log() {
  log_ = TRY(log::Log::open(*disk_, random_, identity_.cluster,
                            {.segment_bytes = options_.segment_bytes}));
  const log::Recovered& recovered = log_->recovered();
  if (recovered.torn) {
    journal_.warning(
        fmt::format("{}: cut a torn tail of {} bytes at byte {}, before offset {}: "
                    "normal after a crash, nothing acknowledged was in it",
                    recovered.torn->path, recovered.torn->bytes, recovered.torn->position,
                    recovered.torn->next_offset.value));
  }
  journal_.info(fmt::format("log ends before offset {}, at index {}", log_->next_offset().value,
                            log_->last_index().value));
  return {};
}

void Process::start_node() {
  const Self self{.id = identity_.member,
                  .name = identity_.name,
                  .cluster = identity_.cluster,
                  .address = server_->address(),
                  .version = options_.version,
                  .hash_key = identity_.hash_key};
  node_ = std::make_unique<Node>(
      self, *log_, raft::make_engine(identity_.member, {}, random_.number()), clock_,
      Node::Hooks{.tell = [this](Level level, std::string_view text) { journal_.say(level, text); },
                  .ready =
                      [this](bool ready) {
                        server_->set_ready(ready);
                        journal_.info(ready ? "ready" : "not ready");
                      },
                  .done =
                      [this](Result<void> ended) {
                        ended_ = std::move(ended);
                        signals_.finish();
                      }});
  node_->start();
  server_->attach(*node_);
  journal_.info(fmt::format("{} listens on {}", identity_.name, server_->address()));
}

Result<int> Process::wait() {
  for (;;) {
    const std::optional<int> number = signals_.wait(std::nullopt);
    if (number == SIGHUP) {
      journal_.info("SIGHUP: nothing to read again");
      continue;
    }
    if (number == SIGTERM || number == SIGINT) break;
    // The node ended by itself: it never does without a reason.
    journal_.error(ended_ ? "stopped" : ended_.error().message);
    stop();
    if (!ended_) return tl::unexpected(ended_.error());
    return fail(Code::internal, "the node ended without a reason");
  }
  tell_manager("STOPPING=1");
  journal_.info("stopping");
  std::atomic<bool> stopped = false;
  std::thread stopper([&] {
    stop();
    stopped = true;
    signals_.finish();
  });
  const Instant limit = clock_.now() + options_.stop_timeout;
  while (!stopped) {
    const std::optional<int> again = signals_.wait(std::max(limit - clock_.now(), Duration(0)));
    if (again == SIGTERM || again == SIGINT) _exit(128 + *again);
    // What was acknowledged is on disk at any time, so giving up costs nothing but politeness.
    if (!again) _exit(0);
  }
  stopper.join();
  if (!ended_) return tl::unexpected(ended_.error());
  journal_.info("stopped");
  return 0;
}

void Process::stop() {
  server_->set_ready(false);
  server_->stop(options_.stop_timeout / 2);
  node_->stop();
}

void Process::tell_manager(const std::string& state) {
  if (const Result<void> told = io::notify(state); !told) journal_.warning(told.error().message);
}

}  // namespace

Result<int> run(const StartOptions& options,
                const std::function<void(const std::string& address)>& listening) {
  Process process(options);
  TRY(process.start());
  listening(process.address());
  return process.wait();
}

}  // namespace ledger::node
