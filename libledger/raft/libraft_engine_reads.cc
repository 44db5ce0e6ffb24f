// The engine's reads: a read index from ourselves where we lead, else from the leader.
#include <algorithm>

#include "raft/libraft_engine.h"

namespace ledger::raft {

Result<void> LibraftEngine::on(const ReadAsked& asked) {
  if (core_->leader() == MemberId()) {
    update_.refused = Refusal::not_leader;
  } else if (core_->role() != Role::leader) {
    if (guarded(Guard::read_asks_leader)) {
      asks_.ask(asked.token);
    } else {
      update_.reads.push_back({asked.token, committed_});
    }
  } else if (guarded(Guard::read_after_own_commit) && !settled()) {
    update_.refused = Refusal::unsettled;
  } else {
    rounds_.ask(asked.token);
  }
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, const ReadIndexAsk& body) {
  const Term term = core_->vote().term;
  // Nobody believes that we lead in a term that we never heard of.
  if (message.term > term) return {};
  const bool leads = core_->role() == Role::leader && message.term == term;
  if (leads && configuration().find(message.from) != nullptr) {
    rounds_.ask(message.from, body.round);
  } else {
    reply(message.from, message.term, ReadIndexAnswer{body.round, Index()});
  }
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, const ReadIndexAnswer& body) {
  if (message.from != reads_leader_ || message.term != reads_term_ || !asks_.under_way()) return {};
  if (guarded(Guard::read_answers_its_ask) && body.round != asks_.round()) return {};
  if (body.index == Index()) {
    update_.reads_lost = asks_.lose();
  } else if (body.index >= asks_.committed()) {
    update_.reads = asks_.grant(body.index);
  }
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, const ReadProbe& body) {
  if (message.term >= core_->vote().term) {
    reply(message.from, message.term, ReadProbeResult{body.round});
  }
  return {};
}

Result<void> LibraftEngine::receive(const Message& message, const ReadProbeResult& body) {
  if (message.term == reads_term_) rounds_.answered(message.from, body.round);
  return {};
}

void LibraftEngine::see_to_reads() {
  const Term term = core_->vote().term;
  const MemberId leader = core_->leader();
  // What was asked for in this very step was asked of the leadership of the step before, if any.
  if (leader != reads_leader_ || term != reads_term_) {
    lose_reads();
    reads_leader_ = leader;
    reads_term_ = term;
  }
  if (leader == self_) {
    see_to_rounds();
  } else if (leader != MemberId()) {
    see_to_asks();
  }
}

void LibraftEngine::lose_reads() {
  const Readers lost = rounds_.lose();
  std::ranges::copy(lost.tokens, std::back_inserter(update_.reads_lost));
  for (const auto& [member, round] : lost.others) {
    reply(member, reads_term_, ReadIndexAnswer{round, Index()});
  }
  std::ranges::copy(asks_.lose(), std::back_inserter(update_.reads_lost));
}

void LibraftEngine::see_to_rounds() {
  // A sole voter's round ends as it begins, so another may begin at once.
  for (;;) {
    if (rounds_.confirmed(configuration(), self_) ||
        (rounds_.under_way() && !guarded(Guard::read_probes))) {
      const Readers readers = rounds_.grant();
      for (uint64_t token : readers.tokens) update_.reads.push_back({token, rounds_.index()});
      for (const auto& [member, round] : readers.others) {
        reply(member, reads_term_, ReadIndexAnswer{round, rounds_.index()});
      }
    }
    // Others' asks wait until an entry of our own term is committed.
    const bool may_begin = settled() || !guarded(Guard::read_after_own_commit);
    const bool begun = may_begin && rounds_.begin(committed_);
    if (begun || (rounds_.under_way() && now_ >= reads_again_)) {
      reads_again_ = now_ + settings_.heartbeat;
      for (const Member& member : configuration().members) {
        if (member.standing != Standing::voter || member.id == self_) continue;
        reply(member.id, reads_term_, ReadProbe{rounds_.round()});
      }
    }
    if (!begun) return;
  }
}

void LibraftEngine::see_to_asks() {
  if (asks_.under_way() && now_ >= asks_until_) lose_reads();
  const bool begun = asks_.begin(committed_);
  if (begun) asks_until_ = now_ + settings_.election_timeout;
  if (begun || (asks_.under_way() && now_ >= reads_again_)) {
    reads_again_ = now_ + settings_.heartbeat;
    reply(reads_leader_, reads_term_, ReadIndexAsk{asks_.round()});
  }
}

}  // namespace ledger::raft
