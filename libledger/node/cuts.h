// Whom a node is cut off from on purpose: partitions for tests, without root.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "raft/engine.h"
#include "rpc/peer_ports.h"

namespace ledger::node {

/// Drops what consensus and gossip say to some members, or hear from them, and what a node would
/// ask them: above the wire, so connections stand and clients are not cut. Members are named, as a
/// node that lost its disk comes back under another id; gossip meets them by their address first.
///
///     file := ( [ "to " | "from " ] NAME [ " " HOST:PORT ] LF )*
///
/// Without a word: both ways. The address is where the member gossips; without it, gossip with it
/// is not cut. TCP and questions need both ways, so one that is cut ends them, asked from here;
/// what comes in by TCP does not say who sends it, so both sides must know of a cut.
///
/// Threads: any.
class Cuts {
 public:
  struct Ways {
    bool to = false;
    bool from = false;
    std::string gossip = {};  ///< HOST:PORT; empty: not known.
    bool any() const { return to || from; }
    friend bool operator==(const Ways&, const Ways&) = default;
  };
  using Named = std::map<std::string, Ways, std::less<>>;

  /// Errors: `config_invalid`, with the line.
  static Result<Named> parse(std::string_view text);

  void set(Named cuts);
  /// Who the others are from now on.
  void set_members(const std::vector<raft::Member>& others);

  /// Somebody is cut off. Cheap, so ask it before working out whom to ask about.
  bool any() const { return any_; }
  bool to(MemberId member) const { return any_ && ways(member).to; }
  bool from(MemberId member) const { return any_ && ways(member).from; }
  /// Cut off in one way at least: there is no asking.
  bool apart(std::string_view name) const { return any_ && ways(name).any(); }
  /// Where gossip sends to, or hears from.
  Ways gossip(std::string_view address) const { return any_ ? ways_by_gossip(address) : Ways(); }

 private:
  Ways ways(MemberId member) const;
  Ways ways(std::string_view name) const;
  Ways ways_by_gossip(std::string_view address) const;

  std::atomic<bool> any_ = false;  ///< What a node outside of tests looks at, and no more.
  mutable std::mutex mutex_;
  Named cuts_;
  std::map<MemberId, std::string> names_;
};

/// Asks whoever listens at the rpc address of the member `name` who it is, unless it is cut off.
/// Failures: as rpc::hello.
Result<rpc::Introduction> hello(const Cuts& cuts, std::string_view name, const std::string& address,
                                Duration patience);
/// What a question to a member comes to that is cut off: `unreachable`.
Error cut_off(std::string_view name);

}  // namespace ledger::node
