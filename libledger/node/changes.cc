#include "node/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/id.h"
#include "base/planted.h"

namespace ledger::node {
namespace {

/// A standby that lacks no more entries than this has caught up: they are on their way.
constexpr uint64_t entries_behind_max = 64;
/// A member that was heard from within this is alive: a few heartbeats.
constexpr Duration alive_for = std::chrono::seconds(2);
/// How long voters may take to be heard from again before they count as unreachable.
constexpr Duration answer_patience = std::chrono::seconds(1);

bool alive(const Changes::Scene& scene, MemberId member) {
  const std::optional<Instant> heard = scene.heard(member);
  return heard && scene.now - *heard < alive_for;
}

rpc::Failure failure(Code code, std::string message, std::string hint) {
  return {{code, std::move(message), std::move(hint)}};
}

/// A membership entry; index, term, offset and time are filled in later.
raft::Event proposal(const raft::Configuration& configuration) {
  Entry entry;
  entry.kind = EntryKind::membership;
  entry.payload = std::make_shared<const std::string>(configuration.encode());
  return raft::Proposed{{std::move(entry)}};
}

raft::Configuration without(raft::Configuration configuration, MemberId id) {
  std::erase_if(configuration.members, [id](const raft::Member& one) { return one.id == id; });
  return configuration;
}

raft::Configuration with(raft::Configuration configuration, const raft::Member& member) {
  configuration = without(std::move(configuration), member.id);
  const auto after =
      std::ranges::lower_bound(configuration.members, member.id, {}, &raft::Member::id);
  configuration.members.insert(after, member);
  return configuration;
}

/// Who is meant: by id, by name, or by the id in hexadecimal; never `except`.
const raft::Member* find(const raft::Configuration& configuration, const rpc::Change& change,
                         MemberId except) {
  for (const raft::Member& member : configuration.members) {
    if (member.id == except) continue;
    if (except == MemberId() && change.member != MemberId()) {
      if (member.id == change.member) return &member;
    } else if (member.name == change.name || member_text(member.id) == change.name) {
      return &member;
    }
  }
  return nullptr;
}

Index match(const raft::Status& status, MemberId id) {
  const auto found = std::ranges::find(status.match, id, &std::pair<MemberId, Index>::first);
  return found == status.match.end() ? Index() : found->second;
}

bool caught_up(const raft::Status& status, MemberId id) {
  const Index held = match(status, id);
  return held != Index() && held + entries_behind_max >= status.last;
}

/// The voter that holds most, besides ourselves; nothing where there is none.
const raft::Member* best_other(const Changes::Scene& scene) {
  const raft::Member* best = nullptr;
  for (const raft::Member& member : scene.configuration.members) {
    if (member.id == scene.self || member.standing != raft::Standing::voter) continue;
    if (!alive(scene, member.id)) continue;
    if (best == nullptr || match(scene.status, member.id) > match(scene.status, best->id)) {
      best = &member;
    }
  }
  return best;
}

/// Whether the voters that would remain are reachable, a majority of them: heard from since
/// `since`, for what was heard before says nothing of now.
struct Quorum {
  size_t voters = 0;
  size_t reachable = 0;
  std::string missing = {};

  size_t needed() const { return voters / 2 + 1; }
  bool holds() const { return voters > 0 && reachable >= needed(); }
};

Quorum without_target(const Changes::Scene& scene, const raft::Member& target, Instant since) {
  Quorum quorum;
  for (const raft::Member& member : scene.configuration.members) {
    if (member.id == target.id || member.standing != raft::Standing::voter) continue;
    ++quorum.voters;
    const std::optional<Instant> heard = scene.heard(member.id);
    if (member.id == scene.self || (heard && *heard > since)) {
      ++quorum.reachable;
    } else {
      quorum.missing += (quorum.missing.empty() ? "" : " or ") + member.name;
    }
  }
  return quorum;
}

rpc::Failure breaks(const Quorum& quorum, const raft::Member& target) {
  if (quorum.voters == 0) {
    return failure(Code::quorum_guard, fmt::format("{} is the only voter", target.name),
                   "a cluster needs one: add another first, or stop the node");
  }
  return failure(Code::quorum_guard,
                 fmt::format("removing {} leaves {} of {} voters reachable ({} needed)",
                             target.name, quorum.reachable, quorum.voters, quorum.needed()),
                 fmt::format("bring {} back first, or --force-unsafe", quorum.missing));
}

}  // namespace

void Changes::ask(rpc::Change change, Reply reply) {
  asked_.push_back({std::move(change), std::move(reply), {}, {}, {}, {}, {}});
}

bool Changes::wanted(const raft::Configuration& configuration) const {
  const auto waits = [](const raft::Member& one) { return one.standing != raft::Standing::voter; };
  return !asked_.empty() || std::ranges::any_of(configuration.members, waits);
}

std::optional<raft::Event> Changes::next(const Scene& scene) {
  see_new_leader(scene);
  if (!scene.writes || !scene.settled || scene.handing_over) return std::nullopt;
  for (auto asked = asked_.begin(); asked != asked_.end();) {
    if (!asked->since) asked->since = scene.now;
    Step step = decide(*asked, scene);
    if (step.event) return std::move(step.event);
    if (!step.answer) {
      ++asked;
      continue;
    }
    const Reply reply = std::move(asked->reply);
    asked = asked_.erase(asked);
    reply(*std::move(step.answer));
  }
  for (const raft::Member& member : scene.configuration.members) {
    if (member.standing == raft::Standing::voter || !caught_up(scene.status, member.id)) continue;
    // One that has the name of a voter lost that one's disk: `replace` decides.
    const bool taken = std::ranges::any_of(scene.configuration.members, [&](const auto& other) {
      return other.standing == raft::Standing::voter && other.name == member.name;
    });
    if (taken) continue;
    raft::Member voter = member;
    voter.standing = raft::Standing::voter;
    return proposal(with(scene.configuration, voter));
  }
  return std::nullopt;
}

Changes::Step Changes::decide(Asked& asked, const Scene& scene) const {
  switch (asked.change.kind) {
    case rpc::Change::Kind::add:
      return add(asked, scene);
    case rpc::Change::Kind::leave:
    case rpc::Change::Kind::remove:
      return take_out(asked, scene);
    case rpc::Change::Kind::replace:
      return replace(asked, scene);
    case rpc::Change::Kind::transfer:
      return transfer(asked, scene);
  }
  return {};
}

Changes::Step Changes::add(const Asked& asked, const Scene& scene) const {
  const rpc::Change& change = asked.change;
  raft::Member member{change.member, raft::Standing::standby, change.name, change.address};
  if (const raft::Member* known = scene.configuration.find(change.member)) {
    member.standing = known->standing;
    if (*known == member) {
      return {.answer = rpc::Changed{member, {}, scene.term, /*already=*/true}};
    }
  }
  if (scene.gone.contains(change.member)) {
    return {.answer = tl::unexpected(failure(Code::no_such_member,
                                             fmt::format("{} was taken out", change.name),
                                             "start it again: it joins under a new id"))};
  }
  return {.event = proposal(with(scene.configuration, member))};
}

Changes::Step Changes::take_out(Asked& asked, const Scene& scene) const {
  const rpc::Change& change = asked.change;
  if (asked.out && scene.configuration.find(asked.out->id) == nullptr) {
    return {.answer = rpc::Changed{*asked.out, {}, scene.term, /*already=*/false}};
  }
  const raft::Member* target = find(scene.configuration, change, MemberId());
  if (target == nullptr) {
    if (!scene.known.contains(change.name)) {
      return {.answer = tl::unexpected(failure(Code::no_such_member,
                                               fmt::format("no member '{}'", change.name),
                                               "see `ledgerctl member list`"))};
    }
    const raft::Member gone{change.member, raft::Standing::standby, change.name, {}};
    return {.answer = rpc::Changed{gone, {}, scene.term, /*already=*/true}};
  }
  if (!change.force && target->standing == raft::Standing::voter &&
      !planted(Mistake::quorum_not_asked)) {
    const Quorum quorum = without_target(scene, *target, *asked.since);
    const bool hopeless = quorum.voters == 0 || scene.now - *asked.since >= answer_patience;
    if (!quorum.holds() && !hopeless) return {};
    if (!quorum.holds()) return {.answer = tl::unexpected(breaks(quorum, *target))};
  }
  if (change.kind == rpc::Change::Kind::remove &&
      (target->id == scene.self || alive(scene, target->id))) {
    return {.answer = tl::unexpected(
                failure(Code::member_alive, fmt::format("{} is alive", target->name),
                        fmt::format("`ledgerctl member leave {} --yes`", target->name)))};
  }
  if (target->id == scene.self) {
    // A leader never removes itself: the next one does, when it is asked again.
    const raft::Member* heir = best_other(scene);
    if (heir == nullptr) {
      return {.answer = tl::unexpected(failure(
                  Code::quorum_guard, fmt::format("nobody can take over from {}", target->name),
                  "bring another voter back first"))};
    }
    return {.event = raft::Transfer{heir->id}};
  }
  asked.out = *target;
  return {.event = proposal(node::without(scene.configuration, target->id))};
}

Changes::Step Changes::replace(Asked& asked, const Scene& scene) const {
  const rpc::Change& change = asked.change;
  const raft::Member* fresh = scene.configuration.find(change.member);
  if (fresh == nullptr) {
    return {.answer = tl::unexpected(
                failure(Code::no_such_member, "the new node is not a member yet",
                        "start it with --peers or --join and an empty directory, then retry"))};
  }
  const raft::Member* old = find(scene.configuration, change, change.member);
  if (old == nullptr && !scene.known.contains(change.name)) {
    return {.answer = tl::unexpected(failure(Code::no_such_member,
                                             fmt::format("no member '{}'", change.name),
                                             "see `ledgerctl member list`"))};
  }
  if (fresh->standing != raft::Standing::voter) {
    asked.since = scene.now;  // Who can be reached is asked when it matters.
    if (!caught_up(scene.status, fresh->id)) return {};
    raft::Member voter = *fresh;
    voter.standing = raft::Standing::voter;
    return {.event = proposal(with(scene.configuration, voter))};
  }
  if (old == nullptr) {
    return {.answer = rpc::Changed{*fresh, change.name, scene.term, /*already=*/false}};
  }
  Asked removal{{rpc::Change::Kind::leave, old->id, old->name, {}, change.force},
                {},
                {},
                {},
                {},
                asked.since,
                {}};
  return take_out(removal, scene);
}

Changes::Step Changes::transfer(Asked& asked, const Scene& scene) const {
  const rpc::Change& change = asked.change;
  const raft::Member* self = scene.configuration.find(scene.self);
  if (asked.handed_over) {
    return {.answer =
                tl::unexpected(failure(Code::target_behind, "the other did not take over in time",
                                       "retry, or choose another --to"))};
  }
  const bool anybody = change.name.empty() && change.member == MemberId();
  const raft::Member* to =
      anybody ? best_other(scene) : find(scene.configuration, change, MemberId());
  if (to == nullptr) {
    if (anybody) {
      return {.answer = tl::unexpected(failure(Code::target_behind, "no other voter can be reached",
                                               "see `ledgerctl member list`"))};
    }
    return {.answer = tl::unexpected(failure(Code::no_such_member,
                                             fmt::format("no member '{}'", change.name),
                                             "see `ledgerctl member list`"))};
  }
  if (to->id == scene.self) {
    return {.answer = rpc::Changed{*to, to->name, scene.term, /*already=*/true}};
  }
  if (to->standing != raft::Standing::voter) {
    return {.answer = tl::unexpected(failure(Code::target_behind,
                                             fmt::format("{} is no voter yet", to->name),
                                             "wait until it has caught up, or another --to"))};
  }
  const Index held = match(scene.status, to->id);
  if (held + entries_behind_max < scene.status.last || !alive(scene, to->id)) {
    return {.answer = tl::unexpected(failure(
                Code::target_behind,
                alive(scene, to->id)
                    ? fmt::format("{} is {} entries behind", to->name, scene.status.last - held)
                    : fmt::format("{} does not answer", to->name),
                "wait, or another --to"))};
  }
  asked.handed_over = scene.term;
  asked.to = to->id;
  asked.before = self == nullptr ? "" : self->name;
  return {.event = raft::Transfer{to->id}};
}

void Changes::see_new_leader(const Scene& scene) {
  for (auto asked = asked_.begin(); asked != asked_.end();) {
    const bool over = asked->handed_over && scene.term > *asked->handed_over && scene.led;
    const raft::Member* leader = scene.configuration.find(scene.leader);
    if (!over || leader == nullptr) {
      ++asked;
      continue;
    }
    const Asked done = std::move(*asked);
    asked = asked_.erase(asked);
    done.reply(rpc::Changed{*leader, done.before, scene.term, /*already=*/false});
  }
}

void Changes::deposed(const rpc::Failure& failure) {
  std::list<Asked> waiting = std::exchange(asked_, {});
  for (auto asked = waiting.begin(); asked != waiting.end(); ++asked) {
    if (asked->handed_over) {
      asked_.push_back(std::move(*asked));  // Waits for the new one.
    } else {
      asked->reply(tl::unexpected(failure));
    }
  }
}

void Changes::fail_all(const rpc::Failure& failure) {
  for (const Asked& asked : std::exchange(asked_, {})) asked.reply(tl::unexpected(failure));
}

}  // namespace ledger::node
