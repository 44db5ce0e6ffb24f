// libraft's step core, made hard to misuse: what it takes for granted is checked, what it allocates
// is freed, and no type of it leaves. No policy: the guards are the engine's.
#pragma once

#include <memory>

#include "raft/engine.h"
#include "raft/trail.h"

struct raft;
struct raft_event;

namespace ledger::raft {

/// What one step of the library asks for.
struct CoreUpdate {
  std::optional<Vote> vote;
  Index append_first;       ///< With `append_count` > 0: write from here on.
  size_t append_count = 0;  ///< The last so many of the entries given; or the one barrier.
  bool barrier = false;     ///< The entry to append is the library's own, the first of its term.
  bool installed = false;   ///< The snapshot given has replaced the whole log.
  std::vector<Message> send;
};

/// One life of the library's instance, from a durable state on. To change what it believes, begin
/// another life: a crash and restart is always right in Raft.
///
/// libraft 0.22.1 has its assertions compiled out: a broken precondition is silent corruption, so
/// every function here checks those of the events it makes and fails with `internal`. Memory: it
/// takes over configurations given to it and one batch a received message, gives the batch back
/// with an order to append, and the barrier likewise; everything else stays ours.
class Core {
 public:
  /// `trail` says what is on disk, `vote` what was promised.
  static Result<Core> start(MemberId self, const Settings& settings, uint32_t seed, Instant now,
                            const Vote& vote, const Trail& trail, CoreUpdate& update);

  Core(Core&&) noexcept;
  Core& operator=(Core&&) noexcept;
  ~Core();

  Result<CoreUpdate> timeout(Instant now);
  /// A message in the form libraft may be given; entries of an AppendEntries decoded in
  /// `configurations`, one for each membership entry in order.
  Result<CoreUpdate> receive(Instant now, const Message& message,
                             const std::vector<Configuration>& configurations);
  /// Entries of ours, of the current term: `count` of records or none, or one configuration.
  Result<CoreUpdate> submit(Instant now, size_t count);
  Result<CoreUpdate> submit(Instant now, const Configuration& configuration);
  /// Everything up to `index` is on disk; must be more than before.
  Result<CoreUpdate> persisted(Instant now, Index index);
  /// The uncommitted configuration, at `uncommitted_configuration()`, is committed and on disk.
  Result<CoreUpdate> apply(Instant now, const Configuration& configuration);
  Result<CoreUpdate> catch_up(Instant now, MemberId member);
  /// Tells in `refusal` where it can't be.
  Result<CoreUpdate> transfer(Instant now, MemberId member, Refusal& refusal);

  Role role() const;
  Vote vote() const;
  MemberId leader() const;
  Index committed() const;
  Index last() const;
  Index stored() const;                     ///< The last index it was told is on disk.
  Instant due() const;                      ///< When `timeout` has something to do.
  Index uncommitted_configuration() const;  ///< 0: none.
  MemberId transferee() const;
  bool catching_up() const;  ///< Some member is; leader only.
  CatchUpState catch_up_state(MemberId member) const;
  std::optional<Index> match(MemberId member) const;  ///< Leader only.

 private:
  explicit Core(MemberId self);
  Result<CoreUpdate> run(Instant now, raft_event& event, const char* what);
  Result<CoreUpdate> receive_append(Instant now, const Message& message,
                                    const std::vector<Configuration>& configurations);
  Result<CoreUpdate> receive_snapshot(Instant now, const Message& message);

  struct Close {
    void operator()(::raft* instance) const;
  };

  MemberId self_;
  Index first_;  ///< Of the entries whose terms the library knows.
  std::unique_ptr<::raft, Close> raft_;
};

}  // namespace ledger::raft
