#include "node/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>

#include "io/directory_lock.h"
#include "io/posix_disk.h"
#include "io/system_clock.h"
#include "log/damage.h"
#include "log/log.h"
#include "log/mend.h"
#include "node/claim.h"
#include "node/cuts_file.h"
#include "node/formation.h"
#include "node/found_damage.h"
#include "node/gossip.h"
#include "node/http_port.h"
#include "node/identity.h"
#include "node/joiner.h"
#include "node/manager.h"
#include "node/mending.h"
#include "node/node.h"
#include "node/readiness.h"
#include "node/reload.h"
#include "node/search.h"
#include "node/signals.h"
#include "node/watched_log.h"
#include "rpc/server.h"

namespace ledger::node {
namespace {

/// How often the others are asked who they are, while there is no cluster.
constexpr Duration ask_peers_again = std::chrono::milliseconds(100);

/// A healthy follower takes over in milliseconds; with a sick one there is no use in waiting.
constexpr Duration hand_over_patience = std::chrono::milliseconds(500);
/// How long a goodbye may take to reach the others.
constexpr Duration goodbye_patience = std::chrono::seconds(5);

/// Once all is answered, how long connections may take to hear that they end; one whose other end
/// is paused never does.
constexpr Duration farewell_patience = std::chrono::milliseconds(500);

/// A follower that has heard nothing for so long stands for election; twice as long at most. So a
/// killed leader is followed within two seconds, and a pause of half a second costs nothing.
constexpr raft::Settings engine_settings = {.election_timeout = std::chrono::milliseconds(600),
                                            .heartbeat = std::chrono::milliseconds(60)};

/// Everything of a running node, in the order it is built; taken down in the reverse.
class Process {
 public:
  /// `repairs` counts those of earlier runs, too, and outlives this one.
  Process(const StartOptions& options, uint64_t& repairs)
      : options_(options), journal_(options.log_level, options.log_format), repairs_(repairs) {}

  using Listening = std::function<void(const Listeners& listeners)>;

  /// False: a signal came before there was a cluster, or a whole log.
  Result<bool> start(const Listening& listening);
  /// Waits for a signal or the end of the node, then stops everything.
  Result<int> wait();
  /// After `wait`: where to begin again, since the log is to be mended.
  const std::optional<Listeners>& begins_again_at() const { return begins_again_at_; }

 private:
  /// Errors about the log, with the name of its directory.
  template <class T>
  Result<T> located(Result<T> result) const {
    if (!result)
      result = tl::unexpected(
          log::located(std::move(result).error(), options_.data_dir, log::Told::node));
    return result;
  }
  Id new_id();
  Result<void> listen();
  Result<void> open_gossip();
  Result<bool> find_cluster();
  Result<void> begin(const Formation& formation);
  Result<bool> open_or_mend();
  Result<bool> mend();
  Result<void> open_log();
  void found_damage(const Error& error);
  Result<int> end_for_damage(const Error& damage);
  Self self() const;
  void start_node();
  Result<int> end_of_node();
  void stop_in_time(int code);
  void stop();
  rpc::Introduction introduction() const;
  Listeners listeners() const {
    return {.rpc = server_->address(),
            .http = http_->address(),
            .gossip = gossip_ ? gossip_->address() : std::string()};
  }
  void reload();

  const StartOptions options_;
  Journal journal_;
  const std::function<void(Level, std::string_view)> tell_ =
      [this](Level level, std::string_view text) { journal_.say(level, text); };
  uint64_t& repairs_;  ///< Changes only while the http port says why there are no metrics.
  io::SystemClock clock_;
  io::SystemRandom random_;
  Signals signals_;
  Manager manager_{journal_};
  Cuts cuts_;
  std::unique_ptr<io::PosixDisk> disk_;
  std::optional<io::DirectoryLock> lock_;
  Identity identity_;
  std::unique_ptr<Gossip> gossip_;    ///< The server's calls may ask it to the end.
  std::unique_ptr<Mending> mending_;  ///< Calls may be in it as long as there is a server.
  std::unique_ptr<rpc::RpcServer> server_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<HttpPort> http_;  ///< Looks at the node, so it goes before it.
  std::unique_ptr<Readiness> readiness_;
  std::unique_ptr<Joiner> joiner_;  ///< None where gossip speaks for us.
  std::vector<Contact> contacts_;   ///< The others of `--peers`, or those that gossip found.

  mutable std::mutex introduction_mutex_;  ///< Guards what peers are told from other threads.
  rpc::Introduction introduction_;

  std::atomic<bool> stopping_ = false;  ///< Because somebody told us to.
  Result<void> ended_;                  ///< How the node's loop ended; written before `finish`.
  std::atomic<bool> node_ended_ = false;

  FoundDamage damage_;
  bool told_alone_ = false;  ///< Of it, that nobody can help.
  std::optional<Listeners> begins_again_at_;
};

Result<bool> Process::start(const Listening& listening) {
  TRY(check(options_));
  disk_ = TRY(io::PosixDisk::make_at(options_.data_dir));
  lock_ = TRY(io::DirectoryLock::take(options_.data_dir, clock_.wall()));
  Claim claim = TRY(located(node::claim(*disk_, random_, options_)));
  identity_ = std::move(claim.identity);
  contacts_ = std::move(claim.contacts);
  if (!claim.note.empty()) journal_.info(claim.note);
  if (options_.fault_injection) read_cuts(*disk_, cuts_, journal_);
  TRY(listen());
  TRY(open_gossip());
  listening(listeners());
  if (!TRY(located(log::Log::exists(*disk_)))) {
    // The first of several nodes must not hold up whoever starts the others.
    if (!options_.alone()) manager_.tell("READY=1");
    if (!TRY(find_cluster())) return false;
  }
  readiness_->set_why_not("recovers the log");
  if (!TRY(located(open_or_mend()))) return false;
  start_node();
  readiness_->observe(*node_, gossip_.get(), repairs_);
  manager_.tell("READY=1");
  return true;
}

Id Process::new_id() {
  std::array<uint8_t, 10> chance{};
  random_.fill(chance);
  return make_id(clock_.wall(), chance);
}

Result<void> Process::listen() {
  // Whoever asks as soon as the port is open waits until we know our own address.
  const std::lock_guard lock(introduction_mutex_);
  server_ = TRY(rpc::RpcServer::start({.listen = options_.listen,
                                       .reflection = options_.reflection,
                                       .ids = [this] { return new_id(); },
                                       .introduce = [this] { return introduction(); }}));
  http_ = TRY(HttpPort::start(options_.http, clock_, "starting"));
  readiness_ = std::make_unique<Readiness>(*server_, *http_, manager_, journal_);
  introduction_ = {.name = identity_.name,
                   .member = identity_.member,
                   .address = reached_at(options_, identity_.name, server_->address()),
                   .version = options_.version,
                   .cluster = identity_.cluster,
                   .founding = {},
                   .expects = identity_.cluster == Id() && options_.bootstrap_expect > 0};
  return {};
}

/// Binds, and begins to find the others: they may be what we need to have a cluster.
Result<void> Process::open_gossip() {
  if (!options_.gossip) return {};
  const rpc::Introduction self = introduction();
  gossip_ = TRY(Gossip::open(*options_.gossip,
                             {self.name, self.member, self.cluster, self.address, self.version},
                             *disk_, clock_, random_, cuts_, tell_));
  gossip_->start();
  server_->attach_gossip(*gossip_);
  return {};
}

rpc::Introduction Process::introduction() const {
  const std::lock_guard lock(introduction_mutex_);
  return introduction_;
}

/// Founds a cluster, or finds one among the others. False: a signal came first.
Result<bool> Process::find_cluster() {
  if (options_.alone()) {
    std::vector<raft::Member> founders = {
        {identity_.member, raft::Standing::voter, identity_.name, introduction().address}};
    TRY(begin({.way = Formation::Way::found, .cluster = {}, .founders = {std::move(founders)}}));
    return true;
  }
  Search search(contacts_, gossip_.get(), options_.bootstrap_expect, cuts_, tell_);
  journal_.info(search.waits_for());
  readiness_->set_why_not("waits for a cluster");
  for (;;) {
    const std::optional<Formation> formation = TRY(search.ask(introduction()));
    contacts_ = search.contacts();
    if (formation) {
      TRY(begin(*formation));
      return true;
    }
    manager_.reassure("waits for a cluster");
    const std::optional<int> number = signals_.wait(ask_peers_again);
    if (number == SIGHUP) reload();
    if (number && number != SIGHUP) return false;
  }
}

/// Begins the log and notes whose it is.
Result<void> Process::begin(const Formation& formation) {
  const log::Options options{.segment_bytes = options_.segment_bytes};
  std::optional<Entry> founding = formation.founding;
  identity_.cluster = formation.cluster;
  if (formation.way == Formation::Way::found) {
    identity_.cluster = new_id();
    founding = founding_entry(formation.founders, clock_.wall());
  }
  if (founding) {
    TRY(log::Log::create(*disk_, random_, identity_.cluster, options, *founding));
  } else {
    TRY(log::Log::create_empty(*disk_, random_, identity_.cluster, options));
  }
  TRY(identity_.save(*disk_));
  const bool founded = formation.way == Formation::Way::found;
  journal_.info(
      fmt::format("{} cluster {}", founded ? "founded" : "joins", identity_.cluster.text()));
  return {};
}

Result<void> Process::open_log() {
  log_ =
      std::make_unique<WatchedLog>(TRY(log::Log::open(*disk_, random_, identity_.cluster,
                                                      {.segment_bytes = options_.segment_bytes})),
                                   [this](const Error& error) { found_damage(error); });
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
  {
    const std::lock_guard lock(introduction_mutex_);
    introduction_.cluster = identity_.cluster;
    introduction_.expects = false;
    const auto first = log_->read(Index(1), Index(2), entry_bytes_max);
    if (first && !first->empty()) introduction_.founding = first->front();
  }
  std::vector<raft::Member> contacts;
  std::vector<std::string> addresses;
  for (const Contact& contact : contacts_) {
    addresses.push_back(contact.address);
    if (!contact.answer) continue;
    contacts.push_back(
        {contact.answer->member, raft::Standing::voter, contact.name, contact.address});
  }
  node_ = std::make_unique<Node>(
      self(), *log_, raft::make_engine(identity_.member, engine_settings, random_.number()), clock_,
      cuts_, std::move(contacts),
      Node::Hooks{.tell = tell_,
                  .ready = [this](bool ready) { readiness_->set(ready); },
                  .done =
                      [this](Result<void> ended) {
                        ended_ = located(std::move(ended));
                        node_ended_ = true;
                        if (!stopping_) signals_.finish();
                      }});
  node_->scrub(*disk_, [this](const Error& error) { found_damage(error); });
  node_->start();
  server_->attach(*node_);
  server_->attach_peer(*node_);
  if (gossip_) {
    gossip_->belong(identity_.member, identity_.cluster);
    gossip_->serve(*node_, identity_.cluster);
  }
  // By gossip the leader learns of us, and where we are.
  if (!gossip_ || !options_.peers.empty()) {
    joiner_ = std::make_unique<Joiner>(*node_, introduction(), std::move(addresses), tell_);
  }
  journal_.info(fmt::format("{} listens on {}, http on {}", identity_.name, server_->address(),
                            http_->address()));
}

Self Process::self() const {
  return {.id = identity_.member,
          .name = identity_.name,
          .cluster = identity_.cluster,
          .address = introduction().address,
          .version = options_.version,
          .hash_key = identity_.hash_key,
          .http = http_->address()};
}

// ---- Damage. ----

/// Opens the log, once it is whole. False: a signal came first.
Result<bool> Process::open_or_mend() {
  const Patience patience(manager_);
  const bool requested = TRY(log::mend_requested(*disk_));
  Result<void> opened;
  if (!requested) {
    opened = open_log();
    if (opened) return true;
    const Code code = opened.error().code;
    if (code != Code::corrupt_segment && code != Code::offset_gap && code != Code::io) {
      return tl::unexpected(opened.error());
    }
  }
  const Mending::Hooks hooks = {.tell = tell_, .done = [this] { signals_.finish(); }};
  mending_ = TRY(Mending::begin(*disk_, random_, clock_, options_.segment_bytes, self(), cuts_,
                                contacts_, hooks));
  if (mending_->alone()) {
    if (!requested) return tl::unexpected(opened.error());
    TRY(mending_->look_alone());
  } else if (!TRY(mend())) {
    return false;
  }
  TRY(open_log());
  return true;
}

/// Answers as one that mends, until the log is whole. False: a signal came first.
Result<bool> Process::mend() {
  readiness_->set_why_not("mends its log");
  server_->attach(*mending_);
  server_->attach_peer(*mending_);
  manager_.tell("READY=1\nSTATUS=mending its log");
  mending_->start();
  for (;;) {
    const std::optional<int> number = signals_.wait(std::nullopt);
    if (number == SIGHUP) {
      reload();
      continue;
    }
    mending_->stop();
    if (number != 0) {
      journal_.info("stopping; what is damaged is mended at the next start");
      return false;
    }
    manager_.tell("STATUS=");
    const Result<bool>& mended = mending_->outcome();
    if (mended && *mended) ++repairs_;
    return mended;
  }
}

/// Any thread. Whoever reads is told by himself that he can't.
void Process::found_damage(const Error& error) {
  if (damage_.note(located(Result<void>(tl::unexpected(error))).error())) signals_.finish();
}

/// Peers may have what we can't read: the run ends in good order, and a new one begins by mending.
Result<int> Process::end_for_damage(const Error& damage) {
  journal_.error(damage.message + ": the node stops, and mends its log");
  stopping_ = true;
  const Listeners at = listeners();
  stop();
  TRY(log::request_mend(*disk_, damage));
  begins_again_at_ = at;
  return 0;
}

/// The node ended by itself: it never does without a reason.
Result<int> Process::end_of_node() {
  if (!ended_ && ended_.error().code == Code::no_such_member) {
    journal_.info(fmt::format("{} has left cluster {}", identity_.name, identity_.cluster.text()));
    TRY(Identity::mark_left(*disk_));
    if (gossip_) gossip_->leave(goodbye_patience);
    stop_in_time(0);
    return 0;
  }
  const Error why =
      ended_ ? Error{Code::internal, "the node ended without a reason"} : ended_.error();
  journal_.error(why.message);
  stop_in_time(exit_code(why.code));
  return tl::unexpected(why);
}

Result<int> Process::wait() {
  for (;;) {
    const std::optional<int> number = signals_.wait(std::nullopt);
    if (number == SIGHUP) {
      reload();
      continue;
    }
    if (number == SIGTERM || number == SIGINT) break;
    const std::optional<Error> damage = damage_.first();
    if (damage && !node_->alone()) return end_for_damage(*damage);
    if (node_ended_) return end_of_node();
    if (damage && !std::exchange(told_alone_, true)) {
      journal_.error(damage->message + ": no other member has it; " + damage->hint);
    }
  }
  stopping_ = true;
  manager_.tell("STOPPING=1");
  journal_.info("stopping");
  stop_in_time(0);
  if (!ended_) return tl::unexpected(ended_.error());
  journal_.info("stopped");
  return 0;
}

/// Ends the process, with `code`, where that takes too long; a signal ends it at once.
void Process::stop_in_time(int code) {
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
    if (!again) _exit(code);
  }
  stopper.join();
}

void Process::stop() {
  if (joiner_) joiner_->stop();
  if (gossip_) gossip_->stop();
  readiness_->stop();
  node_->hand_over(std::min<Duration>(hand_over_patience, options_.stop_timeout / 4));
  node_->disconnect();
  // Who still waits can't be answered otherwise, and would hold up the server.
  node_->stop();
  server_->stop(std::min<Duration>(farewell_patience, options_.stop_timeout / 4));
}

/// What SIGHUP asks for. Whoever sent it may wait until it is done.
void Process::reload() {
  manager_.tell("RELOADING=1");
  node::reload(options_, journal_);
  if (options_.fault_injection) read_cuts(*disk_, cuts_, journal_);
  manager_.tell("READY=1");
}

}  // namespace

Result<int> run(const StartOptions& options,
                const std::function<void(const Listeners& listeners)>& listening) {
  std::optional<Listeners> again_at;
  uint64_t repairs = 0;
  for (;;) {
    StartOptions now = options;
    if (again_at) {
      now.listen = again_at->rpc;
      now.http = again_at->http;
      if (now.gossip) now.gossip->listen = again_at->gossip;
    }
    Process process(now, repairs);
    const auto heard = [&](const Listeners& listeners) {
      if (!again_at) listening(listeners);
    };
    if (!TRY(process.start(heard))) return 0;
    const Result<int> code = process.wait();
    if (!code || !process.begins_again_at()) return code;
    again_at = process.begins_again_at();
  }
}

}  // namespace ledger::node
