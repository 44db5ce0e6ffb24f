#include "serf/core/roster.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace serf {

using wire::NodeState;

namespace {

Address address_of(const wire::Alive& claim) {
  return {claim.addr, claim.port};
}

NodeJoined describe(const Entry& entry) {
  return {entry.name, entry.address, entry.meta, entry.vsn};
}

/// PMin, PMax, PCur, DMin, DMax, DCur; zeros when there are none.
std::array<uint8_t, 6> versions(View vsn) {
  std::array<uint8_t, 6> out{};
  if (vsn.size() == 6) std::ranges::copy(vsn, out.begin());
  return out;
}

}  // namespace

void Roster::start(Instant now, std::string meta, Out& out) {
  const Config& config = shared_->config;
  Entry entry;
  entry.name = config.name;
  entry.address = config.address;
  entry.meta = std::move(meta);
  entry.vsn = std::string(our_vsn);
  entry.incarnation = 1;
  entry.state = NodeState::alive;
  entry.changed = now;
  Entry& stored = nodes_[config.name] = std::move(entry);
  order_.push_back(&stored);
  shared_->node_count = nodes_.size();
  gossip_self();
  out.upcalls.emplace_back(describe(stored));
}

wire::Alive Roster::self_claim() const {
  const Entry& me = self();
  return {me.incarnation,      me.name,           wire::Blob(me.address.ip), me.address.port,
          wire::Blob(me.meta), wire::Blob(me.vsn)};
}

void Roster::gossip_self() {
  shared_->nodes_queue.push(encode(self_claim()), self().name);
}

void Roster::refute(Instant now, uint32_t accused, Out& out) {
  Entry& me = nodes_.at(shared_->config.name);
  me.incarnation = std::max(me.incarnation, accused) + 1;
  if (me.state != NodeState::alive) me.changed = now;
  me.state = NodeState::alive;
  shared_->health.add(1);
  ++shared_->stats.refutations;
  out.info("refuting what is said about us, incarnation " + std::to_string(me.incarnation));
  gossip_self();
}

/// Stock nodes crash on versions of 1 to 5 octets and poison each other with none, and one alive
/// node of strange versions makes everybody refuse every push/pull: such claims are neither
/// believed nor passed on. (Spec 6.)
bool Roster::acceptable(const wire::Alive& claim) const {
  const std::array<uint8_t, 6> theirs = versions(claim.vsn);
  const std::array<uint8_t, 6> ours = versions(our_vsn);
  const auto meets = [](const uint8_t* range, uint8_t current) {
    return range[0] != 0 && range[0] <= current && current <= range[1];
  };
  const bool speaks = meets(&theirs[0], ours[2]) && meets(&ours[0], theirs[2]) &&
                      meets(&theirs[3], ours[5]) && meets(&ours[3], theirs[5]);
  return claim.vsn.size() == 6 && speaks && address_of(claim).valid() &&
         claim.meta.size() <= wire::meta_bytes_max && !claim.node.empty() &&
         claim.node.size() <= 255 && claim.incarnation <= incarnation_max;
}

Entry& Roster::enter(const wire::Alive& claim) {
  Entry& entry = nodes_[claim.node];
  entry.name = claim.node;
  entry.address = address_of(claim);
  entry.state = NodeState::dead;
  order_.push_back(&entry);
  std::swap(order_.back(), order_[shared_->random.below(order_.size())]);
  shared_->node_count = nodes_.size();
  return entry;
}

void Roster::alive(Instant now, const wire::Alive& claim, Out& out) {
  const bool self = is_self(claim.node);
  if (self && leaving_) return;
  auto known = nodes_.find(claim.node);
  if (!acceptable(claim) ||
      (known == nodes_.end() &&
       (claim.incarnation == 0 || nodes_.size() >= shared_->config.limits.nodes_max))) {
    ++shared_->stats.nodes_refused;
    return;
  }
  const bool fresh = known == nodes_.end();
  Entry& entry = fresh ? enter(claim) : known->second;
  if (fresh) entry.changed = now;
  bool takeover = false;
  if (!same_place(entry.address, address_of(claim))) {
    takeover = entry.state == NodeState::left;
    if (!takeover) {
      out.upcalls.emplace_back(NodeConflict{entry.name, entry.address, address_of(claim)});
      return;
    }
  }
  if (self) return own_alive(now, entry, claim, out);
  if (claim.incarnation <= entry.incarnation && !takeover) return;

  entry.suspicion.reset();
  suspects_.erase(entry.name);
  shared_->nodes_queue.push(encode(claim), entry.name);
  const bool was_gone = entry.gone();
  const bool meta_changed =
      entry.meta != claim.meta || !same_place(entry.address, address_of(claim));
  if (entry.state != NodeState::alive) entry.changed = now;
  entry.state = NodeState::alive;
  entry.incarnation = claim.incarnation;
  entry.meta = claim.meta;
  entry.vsn = claim.vsn;
  entry.address = address_of(claim);
  if (was_gone) {
    out.upcalls.emplace_back(describe(entry));
  } else if (meta_changed) {
    out.upcalls.emplace_back(NodeUpdated{describe(entry)});
  }
}

void Roster::own_alive(Instant now, Entry& self, const wire::Alive& claim, Out& out) {
  if (claim.incarnation < self.incarnation) return;
  const bool ours =
      claim.incarnation == self.incarnation && claim.meta == self.meta && claim.vsn == self.vsn;
  if (!ours) return refute(now, claim.incarnation, out);
  out.upcalls.emplace_back(SeenByOthers{});
}

void Roster::suspect(Instant now, const wire::Suspect& claim, Out& out) {
  auto known = nodes_.find(claim.node);
  if (known == nodes_.end() || claim.incarnation > incarnation_max) return;
  Entry& entry = known->second;
  if (claim.incarnation < entry.incarnation) return;
  if (entry.suspicion) {
    if (entry.suspicion->confirm(claim.from)) {
      shared_->nodes_queue.push(encode(claim), entry.name);
    }
    return;
  }
  if (entry.state != NodeState::alive) return;
  if (is_self(entry.name)) {
    out.warn("refuting a suspicion of " + claim.from);
    return refute(now, claim.incarnation, out);
  }
  shared_->nodes_queue.push(encode(claim), entry.name);
  entry.incarnation = claim.incarnation;
  entry.state = NodeState::suspect;
  entry.changed = now;
  entry.suspicion.emplace(shared_->profile(), nodes_.size(), claim.from, now);
  suspects_.insert(entry.name);
  out.info("suspect " + entry.name + " (" + claim.from + ")");
}

void Roster::dead(Instant now, const wire::Dead& claim, Out& out) {
  auto known = nodes_.find(claim.node);
  if (known == nodes_.end() || claim.incarnation > incarnation_max) return;
  Entry& entry = known->second;
  if (claim.incarnation < entry.incarnation) return;
  entry.suspicion.reset();
  suspects_.erase(entry.name);
  if (entry.gone()) return;
  if (is_self(entry.name) && !leaving_) {
    out.warn("refuting a death told by " + claim.from);
    return refute(now, claim.incarnation, out);
  }
  shared_->nodes_queue.push(encode(claim), entry.name);
  entry.incarnation = claim.incarnation;
  entry.state = claim.from == claim.node ? NodeState::left : NodeState::dead;
  entry.changed = now;
  out.upcalls.emplace_back(NodeLeft{entry.name});
}

uint64_t Roster::leave(Instant now, Out& out) {
  leaving_ = true;
  const Entry& me = self();
  const wire::Dead claim{me.incarnation, me.name, me.name};
  dead(now, claim, out);
  return shared_->nodes_queue.push(encode(claim), me.name);
}

void Roster::set_meta(std::string meta, Out& out) {
  Entry& me = nodes_.at(shared_->config.name);
  ++me.incarnation;
  me.meta = std::move(meta);
  gossip_self();
  out.upcalls.emplace_back(NodeUpdated{describe(me)});
}

Result<void> Roster::check_versions(const std::vector<wire::PushPullNode>& nodes) const {
  std::array<uint8_t, 2> least{};
  std::array<uint8_t, 2> most{255, 255};
  const auto narrow = [&](const std::array<uint8_t, 6>& vsn) {
    for (size_t i = 0; i < 2; ++i) {
      least[i] = std::max(least[i], vsn[3 * i]);
      most[i] = std::min(most[i], vsn[3 * i + 1]);
    }
  };
  for (const wire::PushPullNode& node : nodes) {
    if (node.state == NodeState::alive && !node.vsn.empty()) narrow(versions(node.vsn));
  }
  for (const auto& [name, entry] : nodes_) {
    if (entry.state == NodeState::alive) narrow(versions(entry.vsn));
  }
  const auto check = [&](const std::string& name, View vsn) -> Result<void> {
    const std::array<uint8_t, 6> parts = versions(vsn);
    for (size_t i = 0; i < 2; ++i) {
      if (parts[3 * i + 2] >= least[i] && parts[3 * i + 2] <= most[i]) continue;
      return fail(Code::invalid, "node " + name + (i == 0 ? ": protocol" : ": delegate") +
                                     " version " + std::to_string(parts[3 * i + 2]) +
                                     " is not between " + std::to_string(least[i]) + " and " +
                                     std::to_string(most[i]));
    }
    return {};
  };
  for (const wire::PushPullNode& node : nodes) {
    if (Result<void> fits = check(node.name, node.vsn); !fits) return fits;
  }
  for (const auto& [name, entry] : nodes_) {
    if (Result<void> fits = check(name, entry.vsn); !fits) return fits;
  }
  return {};
}

Result<void> Roster::merge(Instant now, const std::vector<wire::PushPullNode>& nodes, Out& out) {
  if (Result<void> fits = check_versions(nodes); !fits) return fits;
  for (const wire::PushPullNode& node : nodes) {
    const std::string& me = shared_->config.name;
    switch (node.state) {
      case NodeState::alive: {
        const uint16_t port = node.port == 0 ? shared_->config.address.port : node.port;
        alive(now, {node.incarnation, node.name, node.addr, port, node.meta, node.vsn}, out);
        break;
      }
      case NodeState::suspect:
      case NodeState::dead:  // Not believed at once, so that it can still be refuted.
        suspect(now, {node.incarnation, node.name, me}, out);
        break;
      case NodeState::left:
        dead(now, {node.incarnation, node.name, node.name}, out);
        break;
    }
  }
  return {};
}

std::vector<wire::PushPullNode> Roster::list() const {
  std::vector<wire::PushPullNode> out;
  out.reserve(nodes_.size());
  for (const auto& [name, entry] : nodes_) {
    out.push_back({name, wire::Blob(entry.address.ip), entry.address.port, wire::Blob(entry.meta),
                   entry.incarnation, entry.state, wire::Blob(entry.vsn)});
  }
  return out;
}

void Roster::tick(Instant now, Out& out) {
  std::vector<const Entry*> over;
  for (const std::string& name : suspects_) {
    const Entry& entry = nodes_.at(name);
    if (entry.suspicion->deadline() <= now) over.push_back(&entry);
  }
  for (const Entry* entry : over) {
    out.warn(entry->name + " did not refute in time, it has failed");
    dead(now, {entry->incarnation, entry->name, shared_->config.name}, out);
  }
}

Instant Roster::wake() const {
  Instant wake = never;
  for (const std::string& name : suspects_) {
    wake = std::min(wake, nodes_.at(name).suspicion->deadline());
  }
  return wake;
}

const Entry* Roster::find(const std::string& name) const {
  auto at = nodes_.find(name);
  return at == nodes_.end() ? nullptr : &at->second;
}

void Roster::forget_gone(Instant now) {
  std::erase_if(order_, [&](const Entry* entry) {
    return !is_self(entry->name) && entry->gone() &&
           now - entry->changed > shared_->profile().gossip_to_the_dead;
  });
  if (order_.size() != nodes_.size()) {
    const std::set<const Entry*> kept(order_.begin(), order_.end());
    std::erase_if(nodes_, [&](const auto& node) { return !kept.contains(&node.second); });
    shared_->node_count = nodes_.size();
  }
}

const Entry* Roster::next_to_probe(Instant now) {
  for (size_t checked = 0; checked <= order_.size(); ++checked) {
    if (order_next_ >= order_.size()) {
      order_next_ = 0;
      forget_gone(now);
      shared_->random.shuffle(order_);
    }
    const Entry* entry = order_[order_next_++];
    if (!is_self(entry->name) && !entry->gone()) return entry;
  }
  return nullptr;
}

std::vector<const Entry*> Roster::pick(size_t count,
                                       const std::function<bool(const Entry&)>& passes) {
  const auto eligible = [&](const Entry* entry) { return !is_self(entry->name) && passes(*entry); };
  std::vector<const Entry*> chosen;
  // A few tries by chance find them in a large healthy cluster; the whole walk finds them always.
  for (size_t tries = 4 * count; tries > 0 && chosen.size() < count; --tries) {
    const Entry* entry = order_[shared_->random.below(order_.size())];
    if (eligible(entry) && std::ranges::find(chosen, entry) == chosen.end())
      chosen.push_back(entry);
  }
  if (chosen.size() == count) return chosen;
  chosen.clear();
  std::ranges::copy_if(order_, std::back_inserter(chosen), eligible);
  shared_->random.choose(chosen, count);
  return chosen;
}

bool Roster::has_company() const {
  return std::ranges::any_of(
      nodes_, [&](const auto& node) { return !is_self(node.first) && !node.second.gone(); });
}

}  // namespace serf
