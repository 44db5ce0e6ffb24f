#include "node/gossip_thread.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cassert>
#include <charconv>
#include <utility>

#include "rpc/address.h"
#include "serf/driver/keyring_file.h"

namespace ledger::node {
namespace {

using State = rpc::GossipMember::State;

/// How long after the cluster gave our name to another we try again: it gives a dead one's name
/// away about 40 s after the death.
constexpr Duration name_patience = std::chrono::seconds(5);
/// Nothing but events ends a wait; timers of gossip are far shorter than this.
constexpr serf::Duration wait_max = serf::seconds(60);

Error key_error(const serf::Error& error, const std::string& path) {
  switch (error.code) {
    case serf::Code::denied:
      return {Code::file_permission, "--gossip-key: " + error.message,
              "the file must be ours, and readable by nobody else"};
    case serf::Code::io:
      if (access(path.c_str(), F_OK) != 0) {
        return {Code::no_such_file, "--gossip-key: no such file: " + path, "check the path"};
      }
      return {Code::io, "--gossip-key: " + error.message, "check the file"};
    default:
      return {Code::config_invalid, "--gossip-key: " + error.message,
              "base64 texts of 16, 24 or 32 bytes, one a line, or Serf's JSON list"};
  }
}

/// An address that others can send to.
Result<serf::Address> resolved(const std::string& text) {
  const serf::Result<serf::Address> address = serf::resolve(text);
  if (address) return *address;
  return fail(Code::invalid_value, "gossip address " + text + ": " + address.error().message,
              "HOST:PORT, such as 127.0.0.1:17401");
}

serf::wire::Tags tags_of(const GossipThread::Self& self) {
  serf::wire::Tags tags = {{"role", "ledger"},
                           {"id", member_text(self.member)},
                           {"rpc_addr", self.rpc_address},
                           {"version", self.version}};
  if (self.cluster != Id()) tags["cluster"] = self.cluster.text();
  return tags;
}

State state_of(const serf::Member& member, const serf::Node& node) {
  switch (member.status) {
    case serf::Status::alive:
      return node.suspects(member.name) ? State::suspect : State::alive;
    case serf::Status::leaving:
      return State::leaving;
    case serf::Status::left:
      return State::left;
    case serf::Status::failed:
      return State::failed;
    case serf::Status::none:
      break;
  }
  return State::unknown;
}

/// Names and tags come from whoever holds the key, and go to terminals.
std::string printable(std::string text) {
  for (char& one : text) {
    if (one < ' ' || one > '~') one = '?';
  }
  return text;
}

/// What a member's tags say; whatever is malformed counts as not said.
rpc::GossipMember described(const serf::Member& member, const serf::Node& node) {
  const auto tag = [&](const char* key) {
    const auto found = member.tags.find(key);
    return found == member.tags.end() ? std::string() : printable(found->second);
  };
  rpc::GossipMember seen{.name = printable(member.name),
                         .address = serf::format(member.address),
                         .state = state_of(member, node),
                         .ledger = tag("role") == "ledger",
                         .member = {},
                         .cluster = tag("cluster"),
                         .rpc_address = {},
                         .version = tag("version")};
  const std::string id = tag("id");
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number, 16);
  if (id.size() == 16 && error == std::errc() && end == id.data() + id.size()) {
    seen.member = MemberId(number);
  }
  if (const Result<rpc::Address> address = rpc::parse_address(tag("rpc_addr"))) {
    if (address->port != 0) seen.rpc_address = address->text();
  }
  return seen;
}

}  // namespace

Result<void> check(const GossipOptions& options) {
  const rpc::Address listen = TRY(rpc::parse_address(options.listen));
  if (options.key_file.empty() && !rpc::is_loopback(listen)) {
    return fail(Code::usage, "--gossip: " + options.listen + " is not a loopback address",
                "without --gossip-key a node gossips on loopback only, such as 127.0.0.1:17401");
  }
  return {};
}

Result<std::unique_ptr<GossipThread>> GossipThread::open(const GossipOptions& options, Self self,
                                                         uint64_t seed, const Cuts& cuts,
                                                         Hooks hooks) {
  TRY(check(options));
  const rpc::Address listen = TRY(rpc::parse_address(options.listen));
  serf::Config config;
  config.name = self.name;
  config.seed = seed;
  config.tags = tags_of(self);
  if (!options.key_file.empty()) {
    serf::Result<serf::wire::KeyRing> ring = serf::load_keyring(options.key_file);
    if (!ring) return tl::unexpected(key_error(ring.error(), options.key_file));
    config.keys = *std::move(ring);
  }
  const serf::Address bind = TRY(resolved(listen.text()));
  config.address = bind;
  if (!options.advertise.empty()) {
    const bool v6 = options.advertise.find(':') != std::string::npos && options.advertise[0] != '[';
    const std::string host = v6 ? "[" + options.advertise + "]" : options.advertise;
    config.address = TRY(resolved(fmt::format("{}:{}", host, listen.port)));
  }
  if (config.address.ip.find_first_not_of('\0') == std::string::npos) {
    return fail(Code::usage, "--gossip: nobody can reach a node at " + options.listen,
                "--advertise says where others reach it");
  }
  std::unique_ptr<GossipThread> made(new GossipThread(std::move(config), bind, options.key_file,
                                                      std::move(self), cuts, std::move(hooks)));
  serf::Result<std::unique_ptr<serf::Driver>> driver = made->open_driver();
  if (!driver && driver.error().code == serf::Code::io) {
    Error error = rpc::why_not_bound(listen, "gossip address");
    // TCP is free: it is UDP that somebody has.
    if (error.message.find(" in use") == std::string::npos) {
      error.message = "gossip address " + options.listen + ": " + driver.error().message;
    }
    return tl::unexpected(std::move(error));
  }
  if (!driver)
    return fail(Code::invalid_value, "gossip: " + driver.error().message, "check --name");
  made->driver_ = *std::move(driver);
  // From now on the port is ours, also where the kernel chose it.
  made->config_.address = made->driver_->node().config().address;
  made->bind_.port = made->config_.address.port;
  made->address_ = serf::format(made->config_.address);
  made->publish();
  return made;
}

GossipThread::GossipThread(serf::Config config, serf::Address bind, std::string key_file, Self self,
                           const Cuts& cuts, Hooks hooks)
    : config_(std::move(config)),
      bind_(std::move(bind)),
      key_file_(std::move(key_file)),
      cuts_(cuts),
      hooks_(std::move(hooks)),
      self_(std::move(self)) {}

/// A new member at our address, which hears and says nothing across a cut.
serf::Result<std::unique_ptr<serf::Driver>> GossipThread::open_driver() const {
  serf::Result<serf::Driver> opened = serf::Driver::open(config_, bind_);
  if (!opened) return tl::unexpected(opened.error());
  auto driver = std::make_unique<serf::Driver>(*std::move(opened));
  const auto drops_in = [&cuts = cuts_](const serf::Event& event) {
    if (!cuts.any()) return false;
    const auto* packet = std::get_if<serf::PacketReceived>(&event);
    return packet != nullptr && cuts.gossip(serf::format(packet->from)).from;
  };
  const auto drops_out = [&cuts = cuts_](const serf::Action& action) {
    if (!cuts.any()) return false;
    if (const auto* packet = std::get_if<serf::SendPacket>(&action)) {
      return cuts.gossip(serf::format(packet->to)).to;
    }
    // What would be written to it finds no stream then.
    const auto* stream = std::get_if<serf::OpenStream>(&action);
    return stream != nullptr && cuts.gossip(serf::format(stream->to)).any();
  };
  driver->set_filter(drops_in, drops_out);
  return driver;
}

void GossipThread::start() {
  thread_ = std::thread([this] { run(); });
}

// ---- From other threads. ----

std::shared_ptr<const std::vector<rpc::GossipMember>> GossipThread::members() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

void GossipThread::command(serf::Event event) {
  const std::lock_guard lock(mutex_);
  commands_.push_back(std::move(event));
  if (driver_) driver_->interrupt();
}

void GossipThread::contact(const serf::Address& address, serf::Token token) {
  command(serf::Join{{address}, token});
}

void GossipThread::belong(MemberId member, const Id& cluster) {
  serf::wire::Tags tags;
  {
    const std::lock_guard lock(mutex_);
    self_.member = member;
    self_.cluster = cluster;
    tags = tags_of(self_);
  }
  command(serf::SetTags{std::move(tags)});
}

void GossipThread::forget(const std::string& name) {
  command(serf::ForceLeave{name, /*prune=*/false});
}

void GossipThread::leave(Duration patience) {
  if (!thread_.joinable()) return;
  command(serf::Leave{});
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, patience, [this] { return left_; });
}

void GossipThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    if (driver_) driver_->interrupt();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// ---- The thread. ----

void GossipThread::run() {
  pthread_setname_np(pthread_self(), "gossip");
  while (!stopped_within(Duration(0))) {
    turn();
    if (!driver_->node().stopped()) continue;
    {
      const std::lock_guard lock(mutex_);
      if (left_) return;
    }
    if (!reopen()) return;
  }
}

void GossipThread::turn() {
  std::vector<serf::Event> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (serf::Event& event : commands) driver_->command(std::move(event));
  const serf::Result<std::vector<serf::Notice>> notices = driver_->run_once(wait_max);
  // Only a bug of ours can cause it, and there is no use in going on.
  if (!notices) {
    hooks_.tell(Level::error, "gossip: " + notices.error().message);
    assert(!"epoll fails");
    return;
  }
  const serf::Stats& stats = driver_->node().stats();
  unreadable_ = unreadable_before_ + stats.packets_unreadable + stats.streams_unreadable;
  if (notices->empty()) return;
  publish();  // First: who is told of a contact looks for what it has brought.
  for (const serf::Notice& notice : *notices) tell(notice);
}

/// With fresh state at the same address, once a while has passed. False: it is time to stop.
bool GossipThread::reopen() {
  {
    const std::lock_guard lock(mutex_);
    driver_.reset();
    unreadable_before_ = unreadable_;
    config_.tags = tags_of(self_);
  }
  while (!stopped_within(name_patience)) {
    serf::Result<std::unique_ptr<serf::Driver>> driver = open_driver();
    if (!driver) {
      hooks_.tell(Level::warning, "gossip: " + driver.error().message);
      continue;
    }
    const std::lock_guard lock(mutex_);
    driver_ = *std::move(driver);
    return true;
  }
  return false;
}

bool GossipThread::stopped_within(Duration patience) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, patience, [this] { return stops_; });
}

void GossipThread::tell(const serf::Notice& notice) {
  if (const auto* line = std::get_if<serf::LogLine>(&notice)) {
    using Loud = serf::LogLine::Level;
    hooks_.tell(line->level == Loud::warning ? Level::warning : Level::debug,
                "gossip: " + line->text);
  } else if (const auto* change = std::get_if<serf::MemberNotice>(&notice)) {
    const serf::Member& member = change->member;
    if (member.name == config_.name) return;
    hooks_.tell(Level::info, fmt::format("gossip: {} at {}: {}", printable(member.name),
                                         serf::format(member.address), serf::word(change->kind)));
  } else if (const auto* done = std::get_if<serf::JoinDone>(&notice)) {
    std::optional<std::string> why;
    // Each line begins with the address, and there was one.
    const std::string first = done->errors.empty() ? "?: no answer" : done->errors.front();
    if (done->contacted == 0) why = first.substr(first.find(": ") + 2);
    hooks_.contacted(done->token, std::move(why));
  } else if (std::holds_alternative<serf::NotAdmitted>(notice)) {
    hooks_.tell(Level::warning,
                "gossip: nobody counts us in: another version, another key, or our name is in use");
  } else if (const auto* keys = std::get_if<serf::KeysChanged>(&notice)) {
    if (const auto ring = serf::wire::KeyRing::of(keys->keys)) config_.keys = *ring;
    if (key_file_.empty()) return;
    const serf::Result<void> saved = serf::save_keyring(key_file_, keys->keys);
    hooks_.tell(saved ? Level::info : Level::warning,
                saved ? "gossip: the keys have changed"
                      : "gossip: the changed keys could not be kept: " + saved.error().message);
  } else if (const auto* stopped = std::get_if<serf::Stopped>(&notice)) {
    if (!stopped->left) {
      hooks_.tell(Level::warning, "gossip: " + stopped->reason + ": trying again");
      return;
    }
    const std::lock_guard lock(mutex_);
    left_ = true;
    wake_.notify_all();
  } else if (const auto* refused = std::get_if<serf::Refused>(&notice)) {
    hooks_.tell(Level::warning, "gossip: " + refused->error.message);
  }
}

/// Copies the list of members for all others, where it is another.
void GossipThread::publish() {
  std::vector<rpc::GossipMember> all;
  for (const auto& [name, member] : driver_->node().members()) {
    all.push_back(described(member, driver_->node()));
  }
  {
    const std::lock_guard lock(mutex_);
    if (members_ && *members_ == all) return;
    members_ = std::make_shared<const std::vector<rpc::GossipMember>>(std::move(all));
  }
  hooks_.changed();
}

}  // namespace ledger::node
