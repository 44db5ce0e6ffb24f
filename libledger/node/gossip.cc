#include "node/gossip.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <future>
#include <sstream>
#include <utility>

#include "rpc/peer_ports.h"

namespace ledger::node {
namespace {

const std::string path = "gossip";
constexpr size_t file_bytes_max = 1 << 20;
/// Addresses that are kept and tried; a few are enough to find all.
constexpr size_t contacts_max = 32;

/// While somebody is missing, the contacts are asked again: soon at first, later now and then.
constexpr Duration seek_pause_min = std::chrono::milliseconds(250);
constexpr Duration seek_pause_max = std::chrono::seconds(10);
/// How long a `meet` waits: less than a client does.
constexpr Duration meet_patience = std::chrono::seconds(3);
constexpr size_t wishes_max = 64;
/// Names and ids come from others: what is remembered of them stays bounded.
constexpr size_t remembered_max = 1024;
/// Leadership changes without a word of gossip, so the leader looks now and then by itself.
constexpr Duration steer_pause = std::chrono::seconds(1);
/// A change that was refused, or a node that did not answer, is tried again after this.
constexpr Duration refused_pause = std::chrono::seconds(3);
constexpr Duration hello_patience = std::chrono::milliseconds(500);

/// The addresses in the file: one a line.
std::vector<std::string> parse_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line) && lines.size() < contacts_max;) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string key_of(const rpc::Change& change) {
  return fmt::format("{} {} {}", static_cast<int>(change.kind), member_text(change.member),
                     change.address);
}

}  // namespace

Result<std::unique_ptr<Gossip>> Gossip::open(const GossipOptions& options, GossipThread::Self self,
                                             io::Disk& disk, io::Clock& clock, io::Random& random,
                                             const Cuts& cuts, Tell tell) {
  std::unique_ptr<Gossip> made(new Gossip(disk, clock, cuts, tell));
  const auto changed = [inbox = made->inbox_] {
    const std::lock_guard lock(inbox->mutex);
    inbox->changed = true;
    inbox->wake.notify_one();
  };
  const auto contacted = [inbox = made->inbox_](serf::Token token, std::optional<std::string> why) {
    const std::lock_guard lock(inbox->mutex);
    inbox->contacted.push_back({token, std::move(why)});
    inbox->wake.notify_one();
  };
  made->thread_ = TRY(GossipThread::open(options, std::move(self), random.number(), cuts,
                                         {std::move(tell), changed, contacted}));
  Result<std::string> kept = io::read_file(disk, path, file_bytes_max);
  if (!kept && kept.error().code != Code::no_such_file) return tl::unexpected(kept.error());
  if (kept) made->kept_ = *std::move(kept);
  made->contacts_ = options.join;
  for (std::string& address : parse_lines(made->kept_)) {
    if (std::ranges::find(made->contacts_, address) == made->contacts_.end()) {
      made->contacts_.push_back(std::move(address));
    }
  }
  std::erase(made->contacts_, made->address());
  return made;
}

Gossip::Gossip(io::Disk& disk, io::Clock& clock, const Cuts& cuts, Tell tell)
    : disk_(disk), clock_(clock), cuts_(cuts), tell_(std::move(tell)) {}

void Gossip::start() {
  thread_->start();
  worker_ = std::thread([this] { run(); });
}

void Gossip::belong(MemberId member, const Id& cluster) {
  thread_->belong(member, cluster);
}

void Gossip::serve(rpc::Node& node, const Id& cluster) {
  const std::lock_guard lock(served_mutex_);
  node_ = &node;
  cluster_ = cluster;
}

void Gossip::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stops = true;
  }
  inbox_->wake.notify_one();
  if (worker_.joinable()) worker_.join();
  if (thread_) thread_->stop();  // None where it could not be opened.
}

void Gossip::meet(std::vector<std::string> addresses, rpc::Reply<rpc::Met> reply) {
  {
    const std::lock_guard lock(inbox_->mutex);
    if (!inbox_->stops && inbox_->wishes.size() < wishes_max) {
      inbox_->wishes.push_back({std::move(addresses), std::move(reply)});
      inbox_->wake.notify_one();
      return;
    }
  }
  reply(tl::unexpected(
      rpc::Failure{{Code::busy, "the node is overloaded or stopping", "retry later"}}));
}

// ---- Our thread. ----

void Gossip::run() {
  pthread_setname_np(pthread_self(), "gossip-change");
  while (wait()) {
    end_meetings(/*all=*/false);
    hear_of_change();
    seek_company();
    keep_addresses();
    steer();
  }
  end_meetings(/*all=*/true);
}

/// Waits for something to do, and takes what others have left. False: it is time to stop.
bool Gossip::wait() {
  Instant until = std::min(clock_.now() + steer_pause, std::max(seek_again_, clock_.now()));
  if (contacts_.empty()) until = clock_.now() + steer_pause;
  for (const Meeting& meeting : meetings_) until = std::min(until, meeting.limit);
  std::vector<Wish> wishes;
  std::vector<Contacted> contacted;
  bool stops = false;
  {
    std::unique_lock lock(inbox_->mutex);
    const auto woken = [&] {
      return inbox_->changed || inbox_->stops || inbox_->change_ended || !inbox_->wishes.empty() ||
             !inbox_->contacted.empty();
    };
    inbox_->wake.wait_for(lock, std::max<Duration>(until - clock_.now(), {}), woken);
    if (std::exchange(inbox_->changed, false)) steer_again_ = {};
    wishes.swap(inbox_->wishes);
    contacted.swap(inbox_->contacted);
    stops = inbox_->stops;
  }
  for (Wish& wish : wishes) begin(std::move(wish));
  for (const Contacted& one : contacted) take(one);
  return !stops;
}

// ---- Contacts. ----

void Gossip::begin(Wish wish) {
  Meeting meeting{.waiting = {},
                  .contacted = 0,
                  .unreached = {},
                  .before = {},
                  .limit = clock_.now() + meet_patience,
                  .reply = std::move(wish.reply)};
  for (const rpc::GossipMember& one : *members()) meeting.before.insert(one.name);
  for (std::string& text : wish.addresses) {
    const serf::Result<serf::Address> address = serf::resolve(text);
    if (!address) {
      meeting.unreached.push_back({std::move(text), address.error().message});
      continue;
    }
    thread_->contact(*address, ++last_token_);
    meeting.waiting[last_token_] = std::move(text);
  }
  meetings_.push_back(std::move(meeting));
}

void Gossip::take(const Contacted& contacted) {
  for (Meeting& meeting : meetings_) {
    const auto found = meeting.waiting.find(contacted.token);
    if (found == meeting.waiting.end()) continue;
    if (contacted.why) {
      meeting.unreached.push_back({found->second, *contacted.why});
    } else {
      ++meeting.contacted;
    }
    meeting.waiting.erase(found);
  }
}

void Gossip::end_meetings(bool all) {
  for (auto meeting = meetings_.begin(); meeting != meetings_.end();) {
    if (!all && !meeting->waiting.empty() && clock_.now() < meeting->limit) {
      ++meeting;
      continue;
    }
    for (const auto& [token, address] : meeting->waiting) {
      meeting->unreached.push_back({address, "no answer"});
    }
    meeting->reply(outcome(*meeting));
    meeting = meetings_.erase(meeting);
  }
}

rpc::Answer<rpc::Met> Gossip::outcome(const Meeting& meeting) const {
  if (meeting.contacted == 0) {
    const rpc::Met::Unreached& first = meeting.unreached.front();
    return tl::unexpected(
        rpc::Failure{{Code::peer_unreachable,
                      fmt::format("{} does not answer gossip: {}", first.address, first.why),
                      "check address, firewall (TCP and UDP), key"}});
  }
  const std::shared_ptr<const std::vector<rpc::GossipMember>> now = members();
  rpc::Met met{{}, meeting.unreached};
  std::string ours;
  for (const rpc::GossipMember& one : *now) {
    if (one.address == address()) ours = one.cluster;
  }
  for (const rpc::GossipMember& one : *now) {
    if (meeting.before.contains(one.name)) continue;
    if (is_up(one) && one.ledger && !ours.empty() && !one.cluster.empty() && one.cluster != ours) {
      return tl::unexpected(rpc::Failure{
          {Code::cluster_id_mismatch,
           fmt::format("{} belongs to cluster {}, this node to {}", one.name, one.cluster, ours),
           "it is shown as a stranger; is it the right address?"}});
    }
    met.fresh.push_back(one.name);
  }
  return met;
}

/// Asks the contacts for as long as nobody else is there, and those that failed for as long as they
/// are away: Serf tries them too, but after a partition that may take minutes.
void Gossip::seek_company() {
  if (contacts_.empty() || clock_.now() < seek_again_) return;
  const auto all = members();
  const bool alone = std::ranges::none_of(
      *all, [&](const rpc::GossipMember& one) { return is_up(one) && one.address != address(); });
  std::vector<std::string> sought;
  for (const rpc::GossipMember& one : *all) {
    if (one.ledger && one.state == rpc::GossipMember::State::failed) sought.push_back(one.address);
  }
  // Those that were given are asked at the start, whoever is there already.
  if (alone || seek_pause_ == Duration()) sought = contacts_;
  if (sought.empty()) {
    seek_pause_ = seek_pause_min;
    seek_again_ = clock_.now() + seek_pause_max;
    return;
  }
  for (const std::string& text : sought) {
    const serf::Result<serf::Address> address = serf::resolve(text);
    if (address) {
      thread_->contact(*address, ++last_token_);
    } else {
      warn_once(text, fmt::format("gossip: {}: {}", text, address.error().message));
    }
  }
  seek_pause_ = std::clamp<Duration>(2 * seek_pause_, seek_pause_min, seek_pause_max);
  seek_again_ = clock_.now() + seek_pause_;
}

/// Writes down where the others are, for the next start. Only a help, so it is not synced; and
/// nothing is lost by a failure.
void Gossip::keep_addresses() {
  std::vector<std::string> addresses;
  for (const rpc::GossipMember& one : *members()) {
    const bool may_return = is_up(one) || one.state == rpc::GossipMember::State::failed;
    if (may_return && one.address != address()) addresses.push_back(one.address);
  }
  if (addresses.empty()) return;
  std::ranges::sort(addresses);
  if (addresses.size() > contacts_max) addresses.resize(contacts_max);
  std::string text;
  for (const std::string& one : addresses) {
    text += one + "\n";
    if (std::ranges::find(contacts_, one) == contacts_.end() && contacts_.size() < contacts_max) {
      contacts_.push_back(one);
    }
  }
  if (text == kept_) return;
  kept_ = text;
  const auto write = [&]() -> Result<void> {
    const std::string fresh = path + ".tmp";
    if (const Result<void> old = disk_.remove(fresh);
        !old && old.error().code != Code::no_such_file) {
      return old;
    }
    const std::unique_ptr<io::File> file = TRY(disk_.create(fresh));
    TRY(file->write(0, text));
    return disk_.rename(fresh, path);
  };
  if (const Result<void> written = write(); !written) {
    warn_once(path, "gossip: " + written.error().message);
  }
}

// ---- Consequences. ----

/// Where this node leads: makes the next change that follows from gossip, one at a time.
void Gossip::steer() {
  if (changing_ || clock_.now() < steer_again_) return;
  steer_again_ = clock_.now() + steer_pause;
  const std::optional<rpc::Members> consensus = ask_members();
  if (!consensus || consensus->leader != consensus->self || !consensus->settled) return;
  const GossipPlan plan = plan_by_gossip(*consensus, *members(), cluster_);
  for (const GossipPlan::Remark& remark : plan.remarks) {
    warn_once(remark.name + remark.text,
              fmt::format("gossip: {} {}: it is not taken in", remark.name, remark.text));
  }
  for (const std::string& name : plan.forget) thread_->forget(name);
  for (const auto& [change, introduce] : plan.steps) {
    const auto held = held_back_.find(key_of(change));
    if (held != held_back_.end() && clock_.now() < held->second) continue;
    if (introduce && !introduces_itself(change)) continue;
    propose(change);
    return;
  }
}

std::optional<rpc::Members> Gossip::ask_members() {
  rpc::Node* node = nullptr;
  {
    const std::lock_guard lock(served_mutex_);
    node = node_;
  }
  if (node == nullptr) return std::nullopt;
  auto promise = std::make_shared<std::promise<rpc::Answer<rpc::Members>>>();
  auto answer = promise->get_future();
  node->members([promise](rpc::Answer<rpc::Members> told) { promise->set_value(std::move(told)); });
  rpc::Answer<rpc::Members> told = answer.get();
  if (!told) return std::nullopt;
  return *std::move(told);
}

/// Whether the node at the address says itself what its tags say.
bool Gossip::introduces_itself(const rpc::Change& change) {
  const Result<rpc::Introduction> said = hello(cuts_, change.name, change.address, hello_patience);
  std::string why;
  if (!said) {
    why = said.error().message;
  } else if (said->member != change.member || said->name != change.name ||
             said->cluster != cluster_) {
    why = fmt::format("{} answers there, as another member", said->name);
  } else {
    return true;
  }
  hold_back(change);
  warn_once(key_of(change), fmt::format("gossip: {} at {} is not taken in yet: {}", change.name,
                                        change.address, why));
  return false;
}

void Gossip::propose(const rpc::Change& change) {
  const bool added = change.kind == rpc::Change::Kind::add;
  tell_(Level::info, added ? fmt::format("gossip: adding {} at {}", change.name, change.address)
                           : fmt::format("gossip: {} has left: removing it", change.name));
  changing_ = change;
  node_->change(change, [inbox = inbox_](const rpc::Answer<rpc::Changed>& changed) {
    const std::lock_guard lock(inbox->mutex);
    inbox->change_ended = true;
    inbox->change_error.reset();
    if (!changed) inbox->change_error = changed.error().error;
    inbox->wake.notify_one();
  });
}

/// Takes up what became of the change that was under way.
void Gossip::hear_of_change() {
  std::optional<Error> error;
  {
    const std::lock_guard lock(inbox_->mutex);
    if (!std::exchange(inbox_->change_ended, false)) return;
    error = std::exchange(inbox_->change_error, std::nullopt);
  }
  const rpc::Change change = *std::exchange(changing_, std::nullopt);
  steer_again_ = {};
  if (!error) return;
  hold_back(change);
  warn_once(key_of(change), fmt::format("gossip: {}: {}", change.name, error->message));
}

void Gossip::hold_back(const rpc::Change& change) {
  if (held_back_.size() >= remembered_max) held_back_.clear();
  held_back_[key_of(change)] = clock_.now() + refused_pause;
}

void Gossip::warn_once(const std::string& key, const std::string& text) {
  if (told_.size() >= remembered_max) told_.clear();
  if (told_.insert(key).second) tell_(Level::warning, text);
}

}  // namespace ledger::node
