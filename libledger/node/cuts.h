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

namespace ledger::node {

/// Drops what consensus says to some members, or hears from them: above the wire, so connections
/// stand and clients are not cut. Members are named, as a node that lost its disk comes back under
/// another id.
///
///     file := ( [ "to " | "from " ] NAME LF )*      without a word: both ways
///
/// Threads: any.
class Cuts {
 public:
  struct Ways {
    bool to = false;
    bool from = false;
    friend bool operator==(const Ways&, const Ways&) = default;
  };
  using Named = std::map<std::string, Ways, std::less<>>;

  /// Errors: `config_invalid`, with the line.
  static Result<Named> parse(std::string_view text);

  void set(Named cuts);
  /// Who the others are from now on.
  void set_members(const std::vector<raft::Member>& others);

  bool to(MemberId member) const { return any_ && ways(member).to; }
  bool from(MemberId member) const { return any_ && ways(member).from; }

 private:
  Ways ways(MemberId member) const;

  std::atomic<bool> any_ = false;  ///< What a node outside of tests looks at, and no more.
  mutable std::mutex mutex_;
  Named cuts_;
  std::map<MemberId, std::string> names_;
};

}  // namespace ledger::node
