// The engine's messages: what other members say, checked, guarded and given to the core.
#include <algorithm>

#include "raft/libraft_engine.h"

namespace ledger::raft {
namespace {

/// What a leader would send: entries that follow each other and the one before, of terms that do
/// not fall and are not above the leader's own.
bool well_formed(const AppendEntries& body, Term term) {
  if ((body.previous_index == Index()) != (body.previous_term == Term())) return false;
  if (body.count != body.entries.size() || body.previous_term > term) return false;
  Index index = body.previous_index;
  Term last = std::max(body.previous_term, Term(1));
  for (const Entry& entry : body.entries) {
    if (entry.index != index + 1 || entry.term < last || entry.term > term) return false;
    if (entry.index == Index(1) && entry.kind != EntryKind::membership) return false;
    if (entry.kind == EntryKind::membership) {
      const auto configuration = Configuration::decode(entry.bytes());
      if (!configuration || configuration->voters() == 0) return false;
    }
    index = entry.index;
    last = entry.term;
  }
  return true;
}

bool well_formed(const InstallSnapshot& body, Term term) {
  return body.last_index > Index() && body.last_term > Term() && body.last_term <= term &&
         body.configuration.voters() > 0 && body.configuration_index > Index() &&
         body.configuration_index <= body.last_index;
}

bool rejects(const Message& message) {
  const auto* result = std::get_if<AppendEntriesResult>(&message.body);
  return result != nullptr && result->rejected > Index();
}

}  // namespace

Result<void> LibraftEngine::on(Received& received) {
  Message& message = received.message;
  if (message.to != self_ || message.from == self_ || message.from == MemberId() ||
      message.term == Term()) {
    return {};
  }
  return std::visit([&](auto& body) { return receive(message, std::move(body)); }, message.body);
}

Result<void> LibraftEngine::receive(const Message& message, AppendEntries body) {
  if (!well_formed(body, message.term)) return {};
  const Term term = core_->vote().term;
  if (message.term < term && guarded(Guard::answer_lower_term)) {
    reply(message.from, term, answer_lower_term(body));
    return {};
  }
  if (message.term >= term) leader_heard_ = now_;
  if (guarded(Guard::drop_committed_part)) drop_committed(body, trail_, committed_);
  std::vector<AppendEntries> parts;
  if (guarded(Guard::change_first_in_batch)) {
    parts = cut_before_changes(std::move(body));
  } else {
    parts.push_back(std::move(body));
  }
  for (AppendEntries& part : parts) {
    const size_t sent = update_.send.size();
    Message whole = message;
    const std::vector<Entry> entries = part.entries;
    whole.body = std::move(part);
    TRY(feed(whole, entries));
    if (update_.send.size() > sent && rejects(update_.send.back())) break;
  }
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, const InstallSnapshot& body) {
  if (!well_formed(body, message.term)) return {};
  const Term term = core_->vote().term;
  if (message.term < term && !guarded(Guard::answer_lower_term)) {
    Message whole = message;
    whole.body = body;
    return feed(whole, {});
  }
  // One of a higher term is not missed either: the leader's next heartbeat tells the term.
  if (message.term != term) return {};
  leader_heard_ = now_;
  Message whole = message;
  whole.body = body;
  if (body.last_index <= committed_ || trail_.term_at(body.last_index) == body.last_term) {
    return feed(whole, {});
  }
  if (install_ && install_->from == message.from && install_->term == message.term &&
      std::get<InstallSnapshot>(install_->body).last_index >= body.last_index) {
    return {};
  }
  install_ = std::move(whole);
  return {};
}

Result<void> LibraftEngine::on(const Pulled& pulled) {
  if (!install_ || install_->term != core_->vote().term) return {};
  const auto& body = std::get<InstallSnapshot>(install_->body);
  if (pulled.index != body.last_index || pulled.term != body.last_term) return {};
  const Message message = *install_;
  TRY(feed(message, {}));
  install_.reset();
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, const RequestVote& body) {
  if (body.last_term > message.term) return {};
  if (guarded(Guard::non_voter_votes) && !configuration().is_voter(self_)) {
    return vote_as_non_voter(message, body);
  }
  Message whole = message;
  whole.body = body;
  return feed(whole, {});
}

Result<void> LibraftEngine::vote_as_non_voter(const Message& message, const RequestVote& body) {
  // An empty log never was a voter's, unless its disk was wiped: then it may have voted already.
  if (trail_.last() == Index() || !idle()) return {};
  Vote vote = core_->vote();
  const bool undisturbed = !leader_heard_lately() || body.disrupt_leader;
  const bool up_to_date =
      std::pair(body.last_term, body.last_index) >= std::pair(trail_.last_term(), trail_.last());
  bool granted = undisturbed && up_to_date && message.term >= vote.term;
  if (granted && !body.pre_vote) {
    if (message.term == vote.term && vote.voted_for != MemberId() &&
        vote.voted_for != message.from) {
      granted = false;
    } else if (vote != Vote{message.term, message.from}) {
      vote = {message.term, message.from};
      TRY(restart(vote));
    }
  }
  Term term = vote.term;
  if (body.pre_vote) term = granted ? message.term : std::max(message.term, vote.term);
  reply(message.from, term, RequestVoteResult{granted, body.pre_vote});
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, AppendEntriesResult body) {
  if (guarded(Guard::late_rejection) && message.term == core_->vote().term) {
    const std::optional<Index> match = core_->match(message.from);
    if (match && !keep_rejection(body, *match)) return {};
  }
  Message whole = message;
  whole.body = body;
  return feed(whole, {});
}

Result<void> LibraftEngine::receive(const Message& message, const TimeoutNow& body) {
  // Guard 1: it would lead in the term it is in. Its own timeout makes it lead.
  if (guarded(Guard::sole_voter_new_term) && sole_voter()) return {};
  Message whole = message;
  whole.body = body;
  return feed(whole, {});
}

Result<void> LibraftEngine::feed(const Message& message, const std::vector<Entry>& entries) {
  std::vector<Configuration> configurations;
  for (const Entry& entry : entries) {
    if (entry.kind != EntryKind::membership) continue;
    configurations.push_back(*Configuration::decode(entry.bytes()));
  }
  take(TRY(core_->receive(now_, message, configurations)), entries);
  return {};
}

void LibraftEngine::reply(MemberId to, Term term, decltype(Message::body) body) {
  // The library's own words for itself: answers since version 2 say whether they are of a pre-vote.
  constexpr uint8_t version = 2;
  update_.send.push_back(Message{.from = self_,
                                 .to = to,
                                 .term = term,
                                 .version = version,
                                 .features = 0,
                                 .capacity = 0,
                                 .body = std::move(body)});
}

}  // namespace ledger::raft
