#include "raft/core.h"

#include <cassert>
#include <limits>
#include <new>

#include "raft/convert.h"
#include "raft/libraft.h"

namespace ledger::raft {
namespace {

/// A batch for entries that libraft never frees.
char our_batch;

constexpr uint64_t entries_max = std::numeric_limits<uint32_t>::max() / 2;

uint64_t milliseconds(Instant instant) {
  return static_cast<uint64_t>(instant.ns) / 1'000'000;
}

unsigned milliseconds(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  assert(count > 0 && count < std::numeric_limits<int>::max());
  return static_cast<unsigned>(count);
}

raft_event event_at(Instant now, raft_event_type type) {
  raft_event event = {};
  event.time = milliseconds(now);
  event.type = type;
  return event;
}

tl::unexpected<Error> broken(const char* what) {
  return fail(Code::internal, std::string("consensus: ") + what);
}

}  // namespace

void Core::Close::operator()(::raft* instance) const {
  raft_close(instance, nullptr);
  delete instance;
}

Core::Core(MemberId self) : self_(self) {}
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;
Core::~Core() = default;

Result<Core> Core::start(MemberId self, const Settings& settings, uint32_t seed, Instant now,
                         const Vote& vote, const Trail& trail, CoreUpdate& update) {
  const Checkpoint& checkpoint = trail.checkpoint();
  const uint64_t count = trail.last() + 1 - trail.first();
  if (self == MemberId()) return broken("start: a member needs an id");
  if (count > entries_max) return broken("start: too many entries after the checkpoint");
  if (vote.term < trail.last_term()) return broken("start: the term is below the last entry's");
  if (checkpoint.index == Index() && count > 0 &&
      (trail.changes().empty() || trail.changes().front().index != Index(1))) {
    return broken("start: the first entry is no configuration");
  }

  Core core(self);
  auto instance = std::make_unique<::raft>();
  if (raft_init(instance.get(), nullptr, nullptr, self.value, library_address(self).c_str()) != 0) {
    throw std::bad_alloc();
  }
  core.raft_.reset(instance.release());
  ::raft* raft = core.raft_.get();
  raft->tracer = nullptr;
  raft_seed(raft, seed);
  raft_set_election_timeout(raft, milliseconds(settings.election_timeout));
  raft_set_heartbeat_timeout(raft, milliseconds(settings.heartbeat));
  raft_set_max_catch_up_round_duration(raft, milliseconds(settings.catch_up_round));
  raft_set_max_inflight_entries(raft, settings.inflight_entries_max);
  raft_set_pre_vote(raft, true);

  std::vector<raft_entry> entries;
  entries.reserve(count);
  for (const Trail::Run& run : trail.runs()) {
    const uint64_t end = run.last + 1 - trail.first();
    entries.resize(end, library_entry(run.term, &our_batch));
  }
  std::vector<std::string> encodings;
  encodings.reserve(trail.changes().size());
  for (const Trail::Change& change : trail.changes()) {
    raft_entry& entry = entries[change.index - trail.first()];
    encodings.push_back(library_encoding(change.configuration));
    entry = library_entry(Term(entry.term), &our_batch, encodings.back());
  }
  raft_snapshot_metadata metadata = {};
  raft_event event = event_at(now, RAFT_START);
  if (checkpoint.index > Index()) {
    metadata.index = checkpoint.index.value;
    metadata.term = checkpoint.term.value;
    metadata.configuration = library_configuration(checkpoint.configuration);
    metadata.configuration_index = checkpoint.configuration_index.value;
    event.start.metadata = &metadata;
  }
  event.start.term = vote.term.value;
  event.start.voted_for = vote.voted_for.value;
  event.start.start_index = trail.first().value;
  event.start.entries = entries.data();
  event.start.n_entries = static_cast<unsigned>(entries.size());
  core.first_ = trail.first();
  update = TRY(core.run(now, event, "start"));
  return core;
}

Result<CoreUpdate> Core::run(Instant now, raft_event& event, const char* what) {
  (void)now;
  raft_update library = {};
  const int failed = raft_step(raft_.get(), &event, &library);
  if (failed != 0) {
    return broken((std::string(what) + ": " + raft_strerror(failed)).c_str());
  }
  CoreUpdate update;
  if ((library.flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) != 0) {
    update.vote = vote();
  }
  if ((library.flags & (RAFT_UPDATE_ENTRIES)) != 0) {
    update.append_first = Index(library.entries.index);
    update.append_count = library.entries.n;
    update.barrier = library.entries.batch == &raft_->barrier;
    if (library.entries.batch->batch != &our_batch) raft_free(library.entries.batch->batch);
  }
  if ((library.flags & (RAFT_UPDATE_MESSAGES)) != 0) {
    for (unsigned i = 0; i < library.messages.n; ++i) {
      update.send.push_back(from_library(library.messages.batch[i], self_));
    }
  }
  if ((library.flags & (RAFT_UPDATE_SNAPSHOT)) != 0) {
    // Everything it covers is on disk already, so the answer follows at once.
    raft_event done = event_at(now, RAFT_PERSISTED_SNAPSHOT);
    done.persisted_snapshot.metadata = library.snapshot.metadata;
    done.persisted_snapshot.last = true;
    CoreUpdate after = TRY(run(now, done, "install"));
    for (Message& message : after.send) update.send.push_back(std::move(message));
    update.installed = true;
    first_ = Index(library.snapshot.metadata.index) + 1;
  }
  return update;
}

Result<CoreUpdate> Core::timeout(Instant now) {
  raft_event event = event_at(now, RAFT_TIMEOUT);
  return run(now, event, "timeout");
}

Result<CoreUpdate> Core::receive(Instant now, const Message& message,
                                 const std::vector<Configuration>& configurations) {
  if (message.from == MemberId() || message.from == self_) return broken("receive: no sender");
  if (std::holds_alternative<AppendEntries>(message.body)) {
    return receive_append(now, message, configurations);
  }
  if (std::holds_alternative<InstallSnapshot>(message.body)) {
    return receive_snapshot(now, message);
  }
  // Out of the candidate's state the library reads a flag of its union that is part of a pointer
  // then, and goes by it. It would ignore the answer anyway.
  if (std::holds_alternative<RequestVoteResult>(message.body) && role() != Role::candidate) {
    return CoreUpdate{};
  }
  const std::string address = library_address(message.from);
  raft_message library = to_library(message, address);
  raft_event event = event_at(now, RAFT_RECEIVE);
  event.receive.message = &library;
  return run(now, event, "receive");
}

Result<CoreUpdate> Core::receive_append(Instant now, const Message& message,
                                        const std::vector<Configuration>& configurations) {
  const auto& body = std::get<AppendEntries>(message.body);
  if (role() == Role::leader && message.term == vote().term) {
    return broken("receive: two leaders in one term");
  }
  if (!body.entries.empty() && body.previous_index + 1 < first_) {
    return broken("receive: entries before the first that is known");
  }
  void* batch = body.entries.empty() ? nullptr : library_batch();
  std::vector<raft_entry> entries;
  entries.reserve(body.entries.size());
  std::vector<std::string> encodings;
  encodings.reserve(configurations.size());
  for (const Entry& entry : body.entries) {
    if (entry.kind == EntryKind::membership) {
      encodings.push_back(library_encoding(configurations[encodings.size()]));
      entries.push_back(library_entry(entry.term, batch, encodings.back()));
    } else {
      entries.push_back(library_entry(entry.term, batch));
    }
  }
  const std::string address = library_address(message.from);
  raft_message library = to_library(message, address);
  library.append_entries.entries = entries.data();
  library.append_entries.n_entries = static_cast<unsigned>(entries.size());
  raft_event event = event_at(now, RAFT_RECEIVE);
  event.receive.message = &library;
  return run(now, event, "append");
}

Result<CoreUpdate> Core::receive_snapshot(Instant now, const Message& message) {
  const auto& body = std::get<InstallSnapshot>(message.body);
  if (role() == Role::leader && message.term == vote().term) {
    return broken("receive: two leaders in one term");
  }
  if (body.last_index == Index() || body.last_term == Term()) {
    return broken("receive: a snapshot of nothing");
  }
  const std::string address = library_address(message.from);
  raft_message library = to_library(message, address);
  library.install_snapshot.conf = library_configuration(body.configuration);
  raft_event event = event_at(now, RAFT_RECEIVE);
  event.receive.message = &library;
  return run(now, event, "snapshot");
}

Result<CoreUpdate> Core::submit(Instant now, size_t count) {
  if (role() != Role::leader || transferee() != MemberId()) return broken("submit: not leading");
  if (count == 0 || last() + count - first_ > entries_max) return broken("submit: too many");
  std::vector<raft_entry> entries(count, library_entry(vote().term, &our_batch));
  raft_event event = event_at(now, RAFT_SUBMIT);
  event.submit.entries = entries.data();
  event.submit.n = static_cast<unsigned>(count);
  return run(now, event, "submit");
}

Result<CoreUpdate> Core::submit(Instant now, const Configuration& configuration) {
  if (role() != Role::leader || transferee() != MemberId()) return broken("submit: not leading");
  if (uncommitted_configuration() != Index() || catching_up()) return broken("submit: changing");
  const std::string encoding = library_encoding(configuration);
  raft_entry entry = library_entry(vote().term, &our_batch, encoding);
  raft_event event = event_at(now, RAFT_SUBMIT);
  event.submit.entries = &entry;
  event.submit.n = 1;
  return run(now, event, "submit");
}

Result<CoreUpdate> Core::persisted(Instant now, Index index) {
  if (index <= stored() || index > last()) return broken("persisted: not waited for");
  if (role() == Role::candidate) return broken("persisted: a candidate has no writes");
  raft_event event = event_at(now, RAFT_PERSISTED_ENTRIES);
  event.persisted_entries.index = index.value;
  return run(now, event, "persisted");
}

Result<CoreUpdate> Core::apply(Instant now, const Configuration& configuration) {
  const Index index = uncommitted_configuration();
  if (index == Index() || index > committed() || index > stored()) {
    return broken("apply: the configuration is not committed and on disk");
  }
  raft_event event = event_at(now, RAFT_CONFIGURATION);
  event.configuration.index = index.value;
  event.configuration.conf = library_configuration(configuration);
  return run(now, event, "apply");
}

Result<CoreUpdate> Core::catch_up(Instant now, MemberId member) {
  if (role() != Role::leader || catching_up() || !match(member)) return broken("catch-up");
  raft_event event = event_at(now, RAFT_CATCH_UP);
  event.catch_up.server_id = member.value;
  return run(now, event, "catch-up");
}

Result<CoreUpdate> Core::transfer(Instant now, MemberId member, Refusal& refusal) {
  raft_event event = event_at(now, RAFT_TRANSFER);
  event.transfer.server_id = member.value;
  raft_update library = {};
  if (role() != Role::leader || transferee() != MemberId()) return broken("transfer: not leading");
  const int failed = raft_step(raft_.get(), &event, &library);
  if (failed == RAFT_NOTFOUND || failed == RAFT_BADID) {
    refusal = Refusal::no_such_member;
    return CoreUpdate{};
  }
  if (failed != 0) return broken("transfer");
  CoreUpdate update;
  for (unsigned i = 0; i < library.messages.n; ++i) {
    update.send.push_back(from_library(library.messages.batch[i], self_));
  }
  return update;
}

Role Core::role() const {
  switch (raft_state(raft_.get())) {
    case RAFT_LEADER:
      return Role::leader;
    case RAFT_CANDIDATE:
      return Role::candidate;
    default:
      return Role::follower;
  }
}

Vote Core::vote() const {
  return {Term(raft_current_term(raft_.get())), MemberId(raft_voted_for(raft_.get()))};
}

MemberId Core::leader() const {
  if (role() == Role::leader) return self_;
  raft_id id = 0;
  const char* address = nullptr;
  raft_leader(raft_.get(), &id, &address);
  return MemberId(id);
}

Index Core::committed() const {
  return Index(raft_commit_index(raft_.get()));
}
Index Core::last() const {
  return Index(raft_last_index(raft_.get()));
}
Index Core::stored() const {
  return Index(raft_->last_stored);
}

Instant Core::due() const {
  return {static_cast<int64_t>(raft_timeout(raft_.get())) * 1'000'000};
}

Index Core::uncommitted_configuration() const {
  return Index(raft_->configuration_uncommitted_index);
}

MemberId Core::transferee() const {
  return MemberId(raft_transferee(raft_.get()));
}

bool Core::catching_up() const {
  return role() == Role::leader && raft_->leader_state.promotee_id != 0;
}

CatchUpState Core::catch_up_state(MemberId member) const {
  int status = RAFT_CATCH_UP_NONE;
  if (raft_catch_up(raft_.get(), member.value, &status) != 0) return CatchUpState::none;
  switch (status) {
    case RAFT_CATCH_UP_RUNNING:
      return CatchUpState::running;
    case RAFT_CATCH_UP_FINISHED:
      return CatchUpState::finished;
    case RAFT_CATCH_UP_ABORTED:
      return CatchUpState::aborted;
    default:
      return CatchUpState::none;
  }
}

std::optional<Index> Core::match(MemberId member) const {
  raft_index index = 0;
  if (raft_match_index(raft_.get(), member.value, &index) != 0) return std::nullopt;
  return Index(index);
}

}  // namespace ledger::raft
