// Changes of membership and leadership that were asked for, carried out by the leader.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <set>
#include <string>

#include "raft/engine.h"
#include "rpc/ports.h"

namespace ledger::node {

/// Decides which change comes next: what somebody asked for, in order, else the promotion of a
/// standby that has caught up. One at a time, and each only once the one before it is committed.
///
/// Every change is a function of the configuration in force: one that is asked again finds itself
/// done and says so, so callers may retry, also with another leader.
///
/// Threads: the loop's.
class Changes {
 public:
  using Reply = rpc::Reply<rpc::Changed>;

  /// What the decision depends on.
  struct Scene {
    Instant now;
    MemberId self;
    Term term;
    MemberId leader;            ///< 0: not known.
    bool writes = false;        ///< We lead and have applied an entry of our own term.
    bool settled = false;       ///< The configuration in force is applied.
    bool led = false;           ///< An entry of the present leader's term is applied.
    bool handing_over = false;  ///< Leadership is on its way to another.
    const raft::Configuration& configuration;
    const raft::Status& status;
    /// When a member was last heard from, if ever.
    std::function<std::optional<Instant>(MemberId)> heard;
    const std::set<std::string>& known;  ///< Every name that ever was in a configuration.
    const std::set<MemberId>& gone;      ///< Every member that was in one and is not any more.
  };

  void ask(rpc::Change change, Reply reply);

  /// Whether `next` may find something to do or to answer.
  bool wanted(const raft::Configuration& configuration) const;

  /// What the engine shall do now, if anything: a membership entry or a transfer. Answers what is
  /// done or can't be. What the engine refuses is said again by the next call.
  std::optional<raft::Event> next(const Scene& scene);

  /// Answers all that only a leader can do.
  void deposed(const rpc::Failure& failure);
  void fail_all(const rpc::Failure& failure);

 private:
  struct Asked {
    rpc::Change change;
    Reply reply;
    std::optional<Term> handed_over;  ///< transfer: the term that is to end.
    MemberId to;                      ///< transfer: who takes over.
    std::string before;               ///< transfer: who led.
    std::optional<Instant> since;     ///< When it was first looked at.
    std::optional<raft::Member> out;  ///< leave, remove: who is being taken out for it.
  };
  /// What is to be done for one who asked: answered, or an event, or wait.
  struct Step {
    std::optional<rpc::Answer<rpc::Changed>> answer = {};
    std::optional<raft::Event> event = {};
  };

  Step decide(Asked& asked, const Scene& scene) const;
  Step add(const Asked& asked, const Scene& scene) const;
  Step take_out(Asked& asked, const Scene& scene) const;
  Step replace(Asked& asked, const Scene& scene) const;
  Step transfer(Asked& asked, const Scene& scene) const;
  void see_new_leader(const Scene& scene);

  std::list<Asked> asked_;
};

}  // namespace ledger::node
