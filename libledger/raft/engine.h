// The consensus engine's port: events in, updates out. No library type crosses it.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/entry.h"
#include "base/result.h"
#include "raft/configuration.h"

namespace ledger::raft {

enum class Role : uint8_t { follower, candidate, leader };

// ---- Messages: one per RPC of Raft, and its answer. ----

struct RequestVote {
  Index last_index;
  Term last_term;
  bool disrupt_leader = false;
  bool pre_vote = false;
};

struct RequestVoteResult {
  bool granted = false;
  bool pre_vote = false;
};

/// Outgoing it names `count` entries after `previous`; whoever sends it reads them from the log,
/// sends never fewer, and splits it into consecutive messages to bound their bytes. Received it
/// carries them.
struct AppendEntries {
  Index previous_index;
  Term previous_term;
  Index commit;
  uint32_t count = 0;
  std::vector<Entry> entries;
};

struct AppendEntriesResult {
  Index rejected;  ///< 0: accepted.
  Index last_index;
};

/// A far-behind follower is told to pull the committed entries up to (last_index, last_term).
/// `configuration` is the one in force there, from the entry at `configuration_index`.
struct InstallSnapshot {
  Index last_index;
  Term last_term;
  Index configuration_index;
  Configuration configuration;
};

struct TimeoutNow {
  Index last_index;
  Term last_term;
};

/// "Do I still lead?" Answered by a voter that is in no later term, with the same round.
struct ReadProbe {
  uint64_t round = 0;
};

struct ReadProbeResult {
  uint64_t round = 0;
};

/// A follower's "give me a read index" to its leader, for all its reads that wait.
struct ReadIndexAsk {
  uint64_t round = 0;
};

/// The read index that was taken after the ask of that round came; 0: we do not lead in this term.
struct ReadIndexAnswer {
  uint64_t round = 0;
  Index index;
};

struct Message {
  MemberId from;
  MemberId to;
  Term term;
  uint8_t version = 0;    ///< The engine's own, carried unread.
  uint16_t features = 0;  ///< Likewise.
  uint16_t capacity = 0;  ///< Likewise.
  std::variant<RequestVote, RequestVoteResult, AppendEntries, AppendEntriesResult, InstallSnapshot,
               TimeoutNow, ReadProbe, ReadProbeResult, ReadIndexAsk, ReadIndexAnswer>
      body;  ///< The order is the wire's: what is new goes to the end.
};

// ---- Events: what happened outside. ----

/// Time has passed; `step`'s `now` says how much.
struct Tick {};

struct Received {
  Message message;
};

/// Entries to append, at least one, leader only; the engine gives them index and term. A membership
/// entry must be alone. All are taken or none: `Update::refused` says why none was.
struct Proposed {
  std::vector<Entry> entries;
};

/// Every entry up to `index`, as last ordered by `Update::append`, is on our own disk, and the one
/// at `index` has `term`. One FIFO disk queue: `index` is at most `min(last written, first index of
/// any later queued write - 1)`. One that was overtaken by a truncation does nothing.
struct Synced {
  Index index;
  Term term;
};

/// What `Update::pull` asked for, up to `index` of `term`, is in our log and on our disk.
struct Pulled {
  Index index;
  Term term;
};

/// Begin to watch whether a standby catches up; `Status::catch_up` tells.
struct CatchUp {
  MemberId member;
};

/// Hand leadership over; member 0: to the best of the others.
struct Transfer {
  MemberId member;
};

/// Ask for a read index: of ourselves where we lead, else of the leader, voter or not; refused
/// where no leader is known. `Update::reads` or `Update::reads_lost` names the token later, or in
/// the same step; the latter when the leadership ends that it was asked of, or when the leader does
/// not answer for an election timeout: so no more tokens wait than were asked in about that time.
struct ReadAsked {
  uint64_t token = 0;
};

using Event = std::variant<Tick, Received, Proposed, Synced, Pulled, CatchUp, Transfer, ReadAsked>;

// ---- Updates: what follows. ----

/// A read is linearizable once `index` is applied: that covers every write acknowledged before it
/// was asked for.
struct ReadGranted {
  uint64_t token = 0;
  Index index;

  friend auto operator<=>(const ReadGranted&, const ReadGranted&) = default;
};

/// Why a proposal, a transfer, a catch-up or a read was not taken.
enum class Refusal : uint8_t {
  none,
  not_leader,       ///< A read: and no leader is known.
  transferring,     ///< Leadership is on its way to another member.
  changing,         ///< Another configuration change is not committed yet, or a member catches up.
  unsettled,        ///< No entry of this leader's term is committed yet: try again in a moment.
  several_members,  ///< More than one member added, removed or of another standing.
  removes_leader,   ///< A leader stays a voter: transfer first, then let the new leader do it.
  holds_nothing,    ///< Makes a voter of one that is not known to hold any entry.
  malformed,        ///< Not a configuration, or one without a voter, or not alone.
  no_such_member,   ///< Not a voter (transfer), or not a standby (catch-up), or ourselves.
};

/// Pull the committed entries from the first that we don't know committed up to `last_index`, whose
/// term is `last_term`, and say Pulled when they are synced. They go through the log's writer,
/// which compares terms first and cuts only where they differ, while none of our appends waits for
/// Synced.
struct Pull {
  MemberId leader;  ///< Who asked for it; any member may serve it.
  Index last_index;
  Term last_term;

  friend auto operator<=>(const Pull&, const Pull&) = default;
};

/// What the outside world must do after a step, in this order.
struct Update {
  std::optional<Vote> vote;  ///< Make durable before anything else leaves.
  /// Queue the write of these consecutive entries. A first index at or below the log's last orders
  /// a truncation: compare first and keep what is equal in term. A leader's first entry of a term
  /// is a `noop` that the engine adds by itself. Of what the engine adds and of what was proposed,
  /// `base_offset`, `recorded` and `rules` are as they came in or zero: the proposer's to fill in
  /// before the entry is written or sent.
  std::vector<Entry> append;
  std::vector<Message> send;        ///< May leave at once, together with our own write.
  Refusal refused = Refusal::none;  ///< Why what this step asked for is not done.
  std::vector<ReadGranted> reads;
  std::vector<uint64_t> reads_lost;  ///< Tokens of reads that got no answer: ask again, or fail.
  std::optional<Pull> pull;          ///< The pull that is wanted now: begin, go on, or stop it.
  Index committed;                   ///< Apply up to min(committed, synced). Never falls.
  Role role = Role::follower;
  Term term;
  MemberId leader;      ///< 0: not known.
  MemberId transferee;  ///< Whom leadership is being handed to; 0: nobody.
  Instant wake;         ///< Step again no later than this; always after `now`.
};

/// What the engine must be told of the durable state when it starts.
///
/// `checkpoint` is the end of the newest segment's predecessor whose last index is at or below the
/// stored `committed` (guard 9), 0 for none; `entries` are all entries on disk after it, without
/// payloads except those of membership entries. A log's entry 1 is a membership entry; the log of a
/// node that was never told anything is empty.
struct DurableState {
  Vote vote;
  Index committed;  ///< As stored.
  Index checkpoint;
  Term checkpoint_term;
  Configuration configuration;  ///< In force at the checkpoint; unset when it is 0.
  Index configuration_index;
  std::vector<Entry> entries;
};

/// Election and heartbeat times, and how many entries may be on the way to one follower.
struct Settings {
  Duration election_timeout = std::chrono::milliseconds(1000);
  Duration heartbeat = std::chrono::milliseconds(100);
  Duration catch_up_round = std::chrono::seconds(60);
  uint32_t inflight_entries_max = 1'000'000;

  /// For tests only: bit n leaves guard n out, to show what it is for.
  uint32_t guards_left_out = 0;
};

enum class CatchUpState : uint8_t { none, running, finished, aborted };

/// What an operator may want to see. Leader-only fields are empty elsewhere.
struct Status {
  Role role = Role::follower;
  Term term;
  MemberId leader;
  Index committed;
  Index last;
  Index configuration_index;  ///< Of the entry that holds the configuration in force.
  CatchUpState catch_up = CatchUpState::none;
  std::vector<std::pair<MemberId, Index>> match;  ///< Per member, what it is known to hold.
};

/// One member's part in the consensus. The same seed and the same events at the same instants
/// give the same updates, byte for byte. Owns no clock, file, socket or thread.
///
/// Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), chapters 3, 4, 6 and 9;
/// the rules are libraft's, the guards are ours.
class Engine {
 public:
  virtual ~Engine() = default;

  /// What must be done before the first event; a sole voter begins a new term here (guard 1). Once.
  /// Errors: `internal`: the state is none that a log can have.
  virtual Result<Update> start(Instant now, const DurableState& state) = 0;

  /// Takes one event and says what follows from it. `now` never runs backwards. Not re-entrant.
  /// What the other members send is checked, and dropped where no member would have sent it.
  /// Errors: `internal`, fatal: the engine's preconditions are broken, stop the node.
  virtual Result<Update> step(Instant now, Event event) = 0;

  virtual Status status() const = 0;

  /// The configuration in force: the last one in the log, committed or not.
  virtual const Configuration& configuration() const = 0;
};

/// The engine by libraft 0.22.1's `raft_step`, with the guards around it.
std::unique_ptr<Engine> make_engine(MemberId self, const Settings& settings, uint64_t seed);

}  // namespace ledger::raft
