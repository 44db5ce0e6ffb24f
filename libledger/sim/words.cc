#include "sim/words.h"

#include <algorithm>
#include <charconv>

namespace ledger::sim {

std::string name(MemberId id) {
  return id == MemberId() ? "nobody" : "n" + std::to_string(id.value);
}
std::string at(Index index, Term term) {
  return std::to_string(index.value) + "^" + std::to_string(term.value);
}

std::string name(raft::Refusal refusal) {
  constexpr std::string_view names[] = {"none",           "not leader",    "transferring",
                                        "changing",       "unsettled",     "several members",
                                        "removes leader", "holds nothing", "malformed",
                                        "no such member"};
  return std::string(names[static_cast<size_t>(refusal)]);
}

std::string describe(const raft::Configuration& configuration) {
  std::string text;
  for (const raft::Member& member : configuration.members) {
    text += (text.empty() ? "" : " ") + name(member.id) +
            (member.standing == raft::Standing::voter ? "" : "?");
  }
  return text.empty() ? "unknown" : text;
}

std::string describe(const raft::Message& message) {
  const auto term = [&] { return ", term " + std::to_string(message.term.value); };
  const auto text = [](auto number) { return std::to_string(number); };
  std::string line = name(message.from) + " to " + name(message.to) + ": ";
  if (const auto* ask = std::get_if<raft::RequestVote>(&message.body)) {
    line += std::string(ask->pre_vote ? "pre-vote" : "vote") + " for " +
            at(ask->last_index, ask->last_term) + (ask->disrupt_leader ? " on order" : "");
  } else if (const auto* vote = std::get_if<raft::RequestVoteResult>(&message.body)) {
    line += std::string(vote->granted ? "yes" : "no") + (vote->pre_vote ? " (pre-vote)" : "");
  } else if (const auto* append = std::get_if<raft::AppendEntries>(&message.body)) {
    line += text(append->count) + " after " + at(append->previous_index, append->previous_term) +
            ", commit " + text(append->commit.value);
  } else if (const auto* result = std::get_if<raft::AppendEntriesResult>(&message.body)) {
    line += result->rejected == Index() ? "has " + text(result->last_index.value)
                                        : "lacks " + text(result->rejected.value) + ", last " +
                                              text(result->last_index.value);
  } else if (const auto* install = std::get_if<raft::InstallSnapshot>(&message.body)) {
    line += "pull up to " + at(install->last_index, install->last_term);
  } else if (std::holds_alternative<raft::TimeoutNow>(message.body)) {
    line += "stand now";
  } else if (std::holds_alternative<raft::ReadProbe>(message.body)) {
    line += "still leading?";
  } else if (std::holds_alternative<raft::ReadProbeResult>(message.body)) {
    line += "still leading";
  } else if (std::holds_alternative<raft::ReadIndexAsk>(message.body)) {
    line += "read index?";
  } else if (const auto* index = std::get_if<raft::ReadIndexAnswer>(&message.body)) {
    line += "read index " + text(index->index.value);
  }
  return line + term();
}

std::string Words::word() {
  std::string word;
  if (!(in_ >> word)) throw Unclear("a word is missing");
  return word;
}

bool Words::take(std::string_view expected) {
  if (end()) return false;
  const auto before = in_.tellg();
  std::string word;
  if (in_ >> word && word == expected) return true;
  in_.clear();
  in_.seekg(before);
  return false;
}

void Words::need(std::string_view expected) {
  if (!take(expected)) throw Unclear("`" + std::string(expected) + "` is missing");
}

std::string Words::rest() {
  std::string rest;
  std::getline(in_ >> std::ws, rest);
  return rest;
}

uint64_t Words::number(const std::string& word) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) {
    throw Unclear("`" + word + "` is no number");
  }
  return number;
}

MemberId Words::member(const std::string& word) {
  if (!word.starts_with('n')) throw Unclear("`" + word + "` is no member");
  return MemberId(number(word.substr(1)));
}

raft::Configuration configuration(Words words) {
  raft::Configuration made;
  while (!words.end()) {
    std::string word = words.word();
    const bool standby = word.ends_with('?');
    if (standby) word.pop_back();
    made.members.push_back(
        {Words::member(word), standby ? raft::Standing::standby : raft::Standing::voter, "", ""});
  }
  std::ranges::sort(made.members);
  return made;
}

}  // namespace ledger::sim
