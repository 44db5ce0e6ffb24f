#include "sim/narration.h"

#include <algorithm>
#include <map>

#include "sim/stage.h"
#include "sim/words.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;
using raft::Refusal;
using raft::Role;
using raft::Standing;

/// Deliveries that one command may lead to.
constexpr int deliveries_max = 10'000;

Entry membership(const raft::Configuration& configuration) {
  Entry entry;
  entry.kind = EntryKind::membership;
  entry.payload = std::make_shared<const std::string>(configuration.encode());
  return entry;
}

Entry records(int64_t value) {
  Entry entry;
  entry.kind = EntryKind::records;
  entry.record_count = 1;
  entry.recorded = Time{value};
  return entry;
}

/// Performs one line after the other.
class Performance {
 public:
  explicit Performance(uint32_t guards_left_out) : stage_(guards_left_out) {}

  void command(const std::string& line);
  /// What is true of the subject.
  std::string tell(const std::string& subject);

 private:
  using Actor = Stage::Actor;

  bool set_up(const std::string& verb, Words& words);
  bool happen(const std::string& verb, Words& words);
  bool carry(const std::string& verb, Words& words);
  void given(Words& words);
  void ask(Words& words);
  Refusal change(Actor& actor, const std::string& what, MemberId member);
  Refusal propose(Actor& actor, const raft::Configuration& next);
  void begin();
  void time_out(Actor& actor);
  /// Messages that `words` name, taken from those on their way: of a sender, to a receiver, at
  /// most so many.
  std::vector<raft::Message> choose(Words& words);
  std::string tell(const std::string& what, const Actor& actor) const;
  static std::string tell_state(const Actor& actor);
  static std::string tell_log(const Actor& actor);
  std::string tell_sent(Words words);

  Stage stage_;
  raft::Configuration founders_;
  bool begun_ = false;
  std::vector<raft::Message> kept_;
  Refusal refused_ = Refusal::none;
  int64_t records_ = 0;
};

void Performance::command(const std::string& line) {
  Words words(line);
  const std::string verb = words.word();
  if (!set_up(verb, words)) {
    begin();
    if (!happen(verb, words) && !carry(verb, words)) throw Unclear("`" + verb + "` is no command");
  }
  if (!words.end()) throw Unclear("`" + words.rest() + "` is too much");
}

bool Performance::set_up(const std::string& verb, Words& words) {
  if (verb == "founders") {
    founders_ = configuration(Words(words.rest()));
  } else if (verb == "given") {
    given(words);
  } else if (verb == "messages") {
    words.need("of");
    stage_.message_entries = words.number();
    words.need("entries");
  } else if (verb == "segments") {
    words.need("of");
    stage_.segment_entries = words.number();
    words.need("entries");
  } else {
    return false;
  }
  return true;
}

/// given NAME term T [vote NAME] [committed I] log TERM TERM[n1 n2?] ...
void Performance::given(Words& words) {
  const MemberId id = words.member();
  Vote vote;
  Index committed(1);
  words.need("term");
  vote.term = Term(words.number());
  if (words.take("vote")) vote.voted_for = words.member();
  if (words.take("committed")) committed = Index(words.number());
  words.need("log");
  std::vector<Entry> entries;
  while (!words.end()) {
    std::string word = words.word();
    const size_t bracket = word.find('[');
    const uint64_t term = Words::number(word.substr(0, bracket));
    Entry entry = records(-static_cast<int64_t>(entries.size() * 1000 + term));
    if (entries.empty()) entry = membership(founders_);
    if (bracket != std::string::npos) {
      std::string members = word.substr(bracket + 1);
      while (!members.ends_with(']')) members += " " + words.word();
      members.pop_back();
      entry = membership(configuration(Words(members)));
    }
    entry.index = Index(entries.size() + 1);
    entry.term = Term(term);
    entries.push_back(std::move(entry));
  }
  stage_.add(id, vote, std::move(entries), committed);
}

void Performance::begin() {
  if (std::exchange(begun_, true)) return;
  Entry founding = membership(founders_);
  founding.index = Index(1);
  founding.term = Term(1);
  for (const raft::Member& member : founders_.members) {
    if (!stage_.actors().contains(member.id)) {
      stage_.add(member.id, {Term(1), {}}, {founding}, Index(1));
    }
  }
  for (auto& [id, actor] : stage_.actors()) stage_.start(actor);
}

bool Performance::happen(const std::string& verb, Words& words) {
  if (verb == "newcomer") {
    stage_.start(stage_.add(words.member(), {}, {}, Index()));
  } else if (verb == "timeout") {
    time_out(stage_.at(words.member()));
  } else if (verb == "tick") {
    stage_.tick(stage_.at(words.member()));
  } else if (verb == "beat") {
    Actor& actor = stage_.at(words.member());
    if (actor.last.role != Role::leader) throw Unclear(name(actor.id) + " does not lead");
    stage_.tick(actor);
  } else if (verb == "wait") {
    Actor& actor = stage_.at(words.member());
    actor.now = actor.now + words.number() * 1ms;
    words.need("ms");
  } else if (verb == "crash") {
    Actor& actor = stage_.at(words.member());
    stage_.crash(actor, words.take("keeping") ? words.number() : 0);
  } else if (verb == "restart") {
    stage_.start(stage_.at(words.member()));
  } else if (verb == "slow") {
    stage_.at(words.member()).slow = true;
  } else if (verb == "sync") {
    stage_.sync(stage_.at(words.member()));
  } else if (verb == "ask") {
    ask(words);
  } else if (verb == "pull") {
    Actor& actor = stage_.at(words.member());
    words.need("from");
    stage_.pull(actor, stage_.at(words.member()));
  } else {
    return false;
  }
  return true;
}

/// Nobody is heard until it stands for election, stands again, or leads no longer.
void Performance::time_out(Actor& actor) {
  const Role role = actor.last.role;
  const Instant end = actor.now + 3s;
  const size_t sent = stage_.messages().size();
  do {
    stage_.tick(actor);
  } while (actor.now < end && actor.last.role == role &&
           (role != Role::candidate || stage_.messages().size() == sent));
}

bool Performance::carry(const std::string& verb, Words& words) {
  if (verb == "deliver") {
    const bool all = words.end();
    int delivered = 0;
    do {
      for (raft::Message& message : choose(words)) {
        stage_.deliver(std::move(message));
        if (++delivered > deliveries_max) throw Violation("messages without end");
      }
    } while (all && !stage_.messages().empty());
  } else if (verb == "drop") {
    choose(words);
  } else if (verb == "keep") {
    kept_ = choose(words);
    for (const raft::Message& message : kept_) stage_.messages().push_back(message);
  } else if (verb == "replay") {
    for (const raft::Message& message : kept_) stage_.deliver(message);
  } else if (verb == "cut") {
    std::set<MemberId> side;
    while (!words.end()) side.insert(words.member());
    stage_.cut(side);
  } else if (verb == "heal") {
    stage_.heal();
  } else {
    return false;
  }
  return true;
}

std::vector<raft::Message> Performance::choose(Words& words) {
  std::optional<MemberId> from;
  std::optional<MemberId> to;
  size_t most = stage_.messages().size();
  if (words.take("first")) most = words.number();
  if (words.take("from")) from = words.member();
  if (words.take("to")) to = words.member();
  std::vector<raft::Message> chosen;
  std::deque<raft::Message> left;
  for (raft::Message& message : stage_.messages()) {
    const bool fits = (!from || message.from == *from) && (!to || message.to == *to);
    if (fits && chosen.size() < most) {
      chosen.push_back(std::move(message));
    } else {
      left.push_back(std::move(message));
    }
  }
  stage_.messages() = std::move(left);
  return chosen;
}

void Performance::ask(Words& words) {
  Actor& actor = stage_.at(words.member());
  words.need("to");
  const std::string what = words.word();
  if (what == "write") {
    std::vector<Entry> entries;
    for (uint64_t left = words.end() ? 1 : words.number(); left > 0; --left) {
      entries.push_back(records(++records_));
    }
    refused_ = stage_.ask(actor, raft::Proposed{std::move(entries)});
  } else if (what == "read") {
    refused_ = stage_.ask(actor, raft::ReadAsked{words.number()});
  } else if (what == "transfer") {
    refused_ = stage_.ask(actor, raft::Transfer{words.end() ? MemberId() : words.member()});
  } else if (what == "watch") {
    refused_ = stage_.ask(actor, raft::CatchUp{words.member()});
  } else if (what == "change") {
    words.need("to");
    refused_ = propose(actor, configuration(Words(words.rest())));
  } else {
    refused_ = change(actor, what, words.member());
  }
}

Refusal Performance::change(Actor& actor, const std::string& what, MemberId member) {
  raft::Configuration next = actor.engine->configuration();
  const auto found = std::ranges::find(next.members, member, &raft::Member::id);
  if (what == "add") {
    next.members.push_back({member, Standing::standby, "", ""});
    std::ranges::sort(next.members);
  } else if (found == next.members.end()) {
    throw Unclear(name(member) + " is no member");
  } else if (what == "promote") {
    found->standing = Standing::voter;
  } else if (what == "demote") {
    found->standing = Standing::standby;
  } else if (what == "remove") {
    next.members.erase(found);
  } else {
    throw Unclear("nobody can be asked to `" + what + "`");
  }
  return propose(actor, next);
}

Refusal Performance::propose(Actor& actor, const raft::Configuration& next) {
  return stage_.ask(actor, raft::Proposed{{membership(next)}});
}

std::string Performance::tell(const std::string& subject) {
  begin();
  Words words(subject);
  const std::string what = words.word();
  if (what == "sent") return tell_sent(std::move(words));
  if (what == "refused") return name(refused_);
  if (words.end()) return tell_state(stage_.at(Words::member(what)));
  return tell(what, stage_.at(words.member()));
}

std::string Performance::tell(const std::string& what, const Actor& actor) const {
  if (what == "log") return tell_log(actor);
  if (what == "vote") return name(actor.vote.voted_for);
  if (actor.engine == nullptr) return "down";
  if (what == "members") return describe(actor.engine->configuration());
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (what == "reads") {
    for (const raft::ReadGranted& read : actor.reads) {
      add(std::to_string(read.token) + " at " + std::to_string(read.index.value));
    }
    for (uint64_t token : actor.reads_lost) add(std::to_string(token) + " lost");
  } else if (what == "known") {
    for (const auto& [member, match] : actor.engine->status().match) {
      add(name(member) + " " + std::to_string(match.value));
    }
  } else if (what == "pull") {
    if (actor.last.pull)
      add("up to " + at(actor.last.pull->last_index, actor.last.pull->last_term));
  } else if (what == "watched") {
    constexpr std::string_view names[] = {"none", "running", "finished", "aborted"};
    return std::string(names[static_cast<size_t>(actor.engine->status().catch_up)]);
  } else {
    throw Unclear("nothing is known of `" + what + "`");
  }
  return text.empty() ? "none" : text;
}

std::string Performance::tell_state(const Actor& actor) {
  if (actor.engine == nullptr) return "down, term " + std::to_string(actor.vote.term.value);
  std::string text = "candidate";
  if (actor.last.role == Role::leader) text = "leader";
  if (actor.last.role == Role::follower) {
    text = "follower" + (actor.last.leader == MemberId() ? "" : " of " + name(actor.last.leader));
  }
  return text + ", term " + std::to_string(actor.last.term.value) + ", committed " +
         std::to_string(actor.last.committed.value);
}

/// `1^1 2^2 | 3^2[n1 n2 n3?]`: what follows the bar is not on disk yet.
std::string Performance::tell_log(const Actor& actor) {
  std::string text;
  for (Index index(1); index <= actor.log.last(); ++index) {
    const Entry& entry = actor.log.range(index, index).front();
    if (index == actor.log.synced() + 1) text += "| ";
    text += at(index, entry.term);
    if (entry.kind == EntryKind::membership && index > Index(1)) {
      text += "[" + describe(*raft::Configuration::decode(entry.bytes())) + "]";
    }
    text += " ";
  }
  if (text.empty()) return "nothing";
  text.pop_back();
  return text;
}

std::string Performance::tell_sent(Words words) {
  std::optional<MemberId> from;
  std::optional<MemberId> to;
  if (words.take("from")) from = words.member();
  if (words.take("to")) to = words.member();
  std::string text;
  for (const raft::Message& message : stage_.messages()) {
    if ((from && message.from != *from) || (to && message.to != *to)) continue;
    text += (text.empty() ? "" : "; ") + describe(message);
  }
  return text.empty() ? "nothing" : text;
}

std::string_view trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

}  // namespace

Narration Narration::parse(std::string text) {
  Narration narration;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    Words words(line);
    if (!words.take("#") || !words.take("guards:")) continue;
    while (!words.end()) narration.guards.push_back(static_cast<unsigned>(words.number()));
  }
  narration.text = std::move(text);
  return narration;
}

Retelling perform(const Narration& narration, uint32_t guards_left_out) {
  Retelling retelling;
  Performance performance(guards_left_out);
  std::istringstream in(narration.text);
  size_t number = 0;
  const auto fail = [&](const std::string& why) {
    retelling.end = "line " + std::to_string(number) + ": " + why;
    if (!retelling.failure) retelling.failure = retelling.end;
  };
  bool ended = false;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::string_view what = trimmed(line);
    if (ended || what.empty() || what.starts_with('#')) {
      retelling.text += line + '\n';
      continue;
    }
    try {
      const size_t colon = line.find(": ");
      if (colon == std::string::npos) {
        performance.command(line);
      } else {
        const std::string expected = line.substr(colon + 2);
        const std::string truth = performance.tell(line.substr(0, colon));
        retelling.end.reset();
        if (truth != expected) fail("expected " + expected + "; but it is " + truth);
        line = line.substr(0, colon + 2) + truth;
      }
    } catch (const std::runtime_error& error) {
      fail(line + ": " + error.what());
      ended = true;
    }
    retelling.text += line + '\n';
  }
  return retelling;
}

}  // namespace ledger::sim
