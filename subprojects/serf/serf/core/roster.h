#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "serf/core/shared.h"
#include "serf/wire/messages.h"

namespace serf {

/// Claims above this incarnation are ignored: a node could not refute many more of them.
constexpr uint32_t incarnation_max = 0xffff'0000;

/// One node as memberlist knows it.
struct Entry {
  std::string name;
  Address address;  ///< The octets as they came.
  std::string meta;
  std::string vsn;  ///< Six octets, or none for an entry that never was alive.
  uint32_t incarnation = 0;
  wire::NodeState state = wire::NodeState::dead;
  Instant changed{};  ///< Of the state.
  std::optional<Suspicion> suspicion;

  uint8_t pmax() const { return vsn.size() == 6 ? static_cast<uint8_t>(vsn[1]) : uint8_t{0}; }
  bool gone() const { return state == wire::NodeState::dead || state == wire::NodeState::left; }
};

/// All nodes and the rules by which claims about them are believed. (Spec 7; SWIM, section 4.2.)
class Roster {
 public:
  explicit Roster(Shared& shared) : shared_(&shared) {}

  /// Enters ourselves as alive, incarnation 1, and gossips it.
  void start(Instant now, std::string meta, Out& out);

  void alive(Instant now, const wire::Alive& claim, Out& out);
  void suspect(Instant now, const wire::Suspect& claim, Out& out);
  void dead(Instant now, const wire::Dead& claim, Out& out);

  /// Takes over what the other side of a push/pull knows.
  ///
  /// Errors: `invalid` when the versions of all nodes do not fit together; nothing is merged then.
  Result<void> merge(Instant now, const std::vector<wire::PushPullNode>& nodes, Out& out);

  /// What we say in a push/pull.
  std::vector<wire::PushPullNode> list() const;

  /// Gossips new meta of our own.
  void set_meta(std::string meta, Out& out);

  /// Says that we leave. Returns the number of the broadcast.
  uint64_t leave(Instant now, Out& out);

  /// Declares suspects dead whose time is over.
  void tick(Instant now, Out& out);
  Instant wake() const;

  const Entry* find(const std::string& name) const;
  const Entry& self() const { return nodes_.at(shared_->config.name); }
  const std::map<std::string, Entry>& nodes() const { return nodes_; }

  /// The next to probe in a random order that visits everybody once a round; null for nobody.
  /// Between rounds it forgets nodes that are gone for long.
  const Entry* next_to_probe(Instant now);

  /// Up to `count` random nodes that pass.
  std::vector<const Entry*> pick(size_t count, const std::function<bool(const Entry&)>& passes);

  /// Whether anybody but us is alive.
  bool has_company() const;

 private:
  bool is_self(const std::string& name) const { return name == shared_->config.name; }
  bool acceptable(const wire::Alive& claim) const;
  Entry& enter(const wire::Alive& claim);
  void forget_gone(Instant now);
  void refute(Instant now, uint32_t accused, Out& out);
  void gossip_self();
  wire::Alive self_claim() const;
  void own_alive(Instant now, Entry& self, const wire::Alive& claim, Out& out);
  Result<void> check_versions(const std::vector<wire::PushPullNode>& nodes) const;

  Shared* shared_;
  std::map<std::string, Entry> nodes_;
  std::vector<Entry*> order_;  ///< Of probing; points into nodes_, whose entries do not move.
  size_t order_next_ = 0;
  std::set<std::string> suspects_;
  bool leaving_ = false;
};

}  // namespace serf
