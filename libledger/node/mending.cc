#include "node/mending.h"

#include <fmt/format.h>

#include <utility>

#include "node/answers.h"

namespace ledger::node {
namespace {

/// A question that is not answered by then is one for another.
constexpr Duration question_patience = std::chrono::seconds(5);
constexpr Duration hello_patience = std::chrono::milliseconds(500);
/// After a round in which nobody could help.
constexpr Duration round_pause = std::chrono::milliseconds(500);
/// So many places are told; one broken disk may have thousands.
constexpr size_t damages_told_max = 5;

}  // namespace

Result<std::unique_ptr<Mending>> Mending::begin(io::Disk& disk, io::Random& random,
                                                io::Clock& clock, uint64_t segment_bytes, Self self,
                                                const Cuts& cuts, std::vector<Contact> contacts,
                                                Hooks hooks) {
  Mender mender = TRY(Mender::begin(disk, random, segment_bytes, self.id));
  return std::make_unique<Mending>(std::move(mender), clock, std::move(self), cuts,
                                   std::move(contacts), std::move(hooks));
}

Mending::Mending(Mender mender, io::Clock& clock, Self self, const Cuts& cuts,
                 std::vector<Contact> contacts, Hooks hooks)
    : mender_(std::move(mender)),
      clock_(clock),
      self_(std::move(self)),
      cuts_(cuts),
      contacts_(std::move(contacts)),
      hooks_(std::move(hooks)),
      questions_(rpc::Questions::start(self_.id, self_.cluster)) {
  share();
}

Result<void> Mending::look_alone() {
  const Mender::Step step = TRY(mender_.next());
  if (std::holds_alternative<Mender::Done>(step)) return {};
  if (std::optional<Error> damage = mender_.first_damage()) return tl::unexpected(*damage);
  const auto* wait = std::get_if<Mender::Wait>(&step);
  return fail(Code::corrupt_segment, wait != nullptr ? wait->why : "the log is damaged");
}

void Mending::start() {
  thread_ = std::thread([this] {
    outcome_ = run();
    if (hooks_.done) hooks_.done();
  });
}

void Mending::stop() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wake_.notify_all();
  questions_->stop();
  if (thread_.joinable()) thread_.join();
}

// ---- Its thread. ----

Result<bool> Mending::run() {
  const std::vector<std::string> damages = mender_.damages();
  for (size_t i = 0; i < std::min(damages.size(), damages_told_max); ++i) {
    hooks_.tell(Level::warning, damages[i]);
  }
  if (damages.size() > damages_told_max) {
    hooks_.tell(Level::warning,
                fmt::format("and {} places more", damages.size() - damages_told_max));
  }
  if (const std::string missing = mender_.missing(); !missing.empty()) {
    hooks_.tell(Level::warning, "mending: missing are " + missing);
  }
  greet();
  while (!stopped()) {
    const Mender::Step step = TRY(mender_.next());
    share();
    if (std::holds_alternative<Mender::Done>(step)) {
      hooks_.tell(Level::info, "mended: " + fetched());
      return true;
    }
    if (const auto* question = std::get_if<Mender::Question>(&step)) {
      TRY(ask(*question));
    } else {
      wait(std::get<Mender::Wait>(step).why);
      greet();
    }
  }
  return false;
}

/// Learns who the contacts are: the log may not say, or say where they were.
void Mending::greet() {
  std::vector<raft::Member> known;
  for (const Contact& contact : contacts_) {
    if (stopped()) return;
    const Result<rpc::Introduction> answer =
        hello(cuts_, contact.name, contact.address, hello_patience);
    if (!answer || answer->cluster != self_.cluster) continue;
    known.push_back({answer->member, raft::Standing::voter, contact.name, contact.address});
  }
  mender_.know(known);
}

Result<void> Mending::ask(const Mender::Question& question) {
  const bool apart = cuts_.apart(question.to.name);
  if (!question.entries) {
    if (apart) return mender_.hear(Result<rpc::Leading>(tl::unexpected(cut_off(question.to.name))));
    const Result<rpc::Leading> leading = questions_->confirm(question.to, question_patience);
    return mender_.hear(leading);
  }
  if (apart) {
    return mender_.hear(Result<rpc::EntriesGiven>(tl::unexpected(cut_off(question.to.name))));
  }
  const uint64_t before = mender_.mended();
  const auto given = questions_->entries(question.to, *question.entries, question_patience);
  if (stopped()) return {};
  TRY(mender_.hear(given));
  // Counted when a segment is complete: by then mostly one has given all of it.
  if (given && !given->entries.empty()) fetched_[question.to.name] += given->entries.size();
  if (mender_.mended() != before) told_.clear();
  return {};
}

void Mending::wait(const std::string& why) {
  if (why != told_) {
    hooks_.tell(Level::warning, why + ": waits, and asks again and again");
    told_ = why;
  }
  std::unique_lock lock(mutex_);
  state_ = why;
  wake_.wait_for(lock, round_pause, [this] { return stops_; });
}

/// Lets those who ask see how far it is.
void Mending::share() {
  const std::string missing = mender_.missing();
  const std::lock_guard lock(mutex_);
  remains_ = mender_.remains();
  state_ = missing.empty() ? "looks at all of its log" : "fetches " + missing;
}

bool Mending::stopped() {
  const std::lock_guard lock(mutex_);
  return stops_;
}

std::string Mending::fetched() const {
  std::string text;
  for (const auto& [name, count] : fetched_) {
    text += fmt::format("{}{} entries from {}", text.empty() ? "" : ", ", count, name);
  }
  if (text.empty()) text = "nothing was missing";
  if (mender_.replaced_from() != Index()) {
    text += fmt::format("; from entry {} on what is committed took the place of what was lost",
                        mender_.replaced_from().value);
  }
  return text;
}

// ---- Those who ask. ----

std::string Mending::state() const {
  const std::lock_guard lock(mutex_);
  return self_.name + " mends its log: " + state_;
}

rpc::Failure Mending::not_ready() const {
  return {{Code::busy, state(), "ask another node"}};
}

void Mending::propose(rpc::Proposal, rpc::Reply<rpc::Outcome> reply) {
  reply(tl::unexpected(not_ready()));
}

void Mending::read(const rpc::Freshness&,
                   rpc::Reply<std::reference_wrapper<const rpc::View>> reply) {
  reply(tl::unexpected(not_ready()));
}

Result<book::Decided> Mending::decided(Offset, Offset, size_t) {
  return tl::unexpected(not_ready().error);
}

uint64_t Mending::watch(Offset, rpc::Reply<Offset> reply) {
  reply(tl::unexpected(not_ready()));
  return 0;
}

void Mending::status(rpc::Reply<rpc::NodeStatus> reply) {
  rpc::NodeStatus status;
  status.node = self_.name;
  status.member = self_.id;
  status.role = "mending";
  status.clock = clock_.wall();
  status.cluster = self_.cluster;
  status.version = self_.version;
  status.mending = state();
  {
    const std::lock_guard lock(mutex_);
    status.term = remains_->vote().term;
  }
  reply(std::move(status));
}

void Mending::members(rpc::Reply<rpc::Members> reply) {
  reply(tl::unexpected(not_ready()));
}

void Mending::change(rpc::Change, rpc::Reply<rpc::Changed> reply) {
  reply(tl::unexpected(not_ready()));
}

Result<rpc::EntriesGiven> Mending::entries(const rpc::EntriesAsked& asked, size_t bytes_max) {
  std::shared_ptr<const log::Remains> remains;
  {
    const std::lock_guard lock(mutex_);
    remains = remains_;
  }
  return give(*remains, asked, bytes_max);
}

void Mending::confirm(rpc::Reply<rpc::Leading> reply) {
  reply(tl::unexpected(rpc::Failure{{Code::no_leader, "it does not lead", "ask another"}}));
}

}  // namespace ledger::node
