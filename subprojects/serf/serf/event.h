#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "serf/address.h"
#include "serf/time.h"
#include "serf/wire/serf_messages.h"

/// What goes into a member's `step` and what comes out of it.
namespace serf {

/// Names a TCP stream. Those the member opens are even, those it is told were accepted must be odd.
using StreamId = uint64_t;

/// Chosen by the caller of a command; comes back in the notices about it.
using Token = uint64_t;

// ---- Events: what happened in the world ----

/// Time has passed. Timers run only here, so drain the sockets first: a process that was stopped
/// for a while should read the acks that wait for it before it suspects anybody.
struct Wake {};

struct PacketReceived {
  Address from;
  std::string bytes;
};

struct StreamAccepted {
  StreamId id;
};

struct StreamReceived {
  StreamId id;
  std::string bytes;
};

/// The peer closed, or the stream could not be opened. Not sent for streams the member closed.
struct StreamClosed {
  StreamId id;
  std::string why;
};

// ---- Commands: what the application wants ----

/// Joins through every address. Answered by JoinDone.
struct Join {
  std::vector<Address> addresses;
  Token token = 0;
};

/// Leaves in order and then stops. Answered by Stopped, within about 11 s (LAN).
struct Leave {};

struct SetTags {
  wire::Tags tags;
};

struct SendUserEvent {
  std::string name;
  std::string payload;
  bool coalesce = true;
};

struct SendQuery {
  std::string name;
  std::string payload;
  std::vector<std::string> nodes;            ///< Only these members; empty for all.
  std::vector<wire::TagFilter> tag_filters;  ///< Only members whose tags match all of them.
  bool want_ack = false;
  uint8_t relay_factor = 0;
  Duration timeout{};  ///< Zero: grows with the cluster, 3.2 s up to 9 members.
  Token token = 0;
};

/// Names a query that was received.
struct QueryId {
  uint64_t ltime = 0;
  uint32_t id = 0;
  auto operator<=>(const QueryId&) const = default;
};

/// Answers a received query, once, before its deadline.
struct Respond {
  QueryId query;
  std::string payload;
};

/// Declares a failed member as left, for all. With `prune` it is forgotten too.
struct ForceLeave {
  std::string node;
  bool prune = false;
};

enum class KeyOperation : uint8_t { install, use, remove, list };

/// Changes the key ring of all members. Answered by QueryAnswer notices and QueryDone.
struct ChangeKeys {
  KeyOperation operation = KeyOperation::list;
  std::string key;  ///< Raw octets; empty to list.
  Token token = 0;
};

using Event =
    std::variant<Wake, PacketReceived, StreamAccepted, StreamReceived, StreamClosed, Join, Leave,
                 SetTags, SendUserEvent, SendQuery, Respond, ForceLeave, ChangeKeys>;

// ---- Actions: what the world shall do, in this order ----

struct SendPacket {
  Address to;
  std::string bytes;
};

/// Connect and write. Report StreamClosed if that fails.
struct OpenStream {
  StreamId id;
  Address to;
  std::string bytes;
};

struct WriteStream {
  StreamId id;
  std::string bytes;
};

/// Close once everything written has left. The id is not used again.
struct CloseStream {
  StreamId id;
};

using Action = std::variant<SendPacket, OpenStream, WriteStream, CloseStream>;

// ---- Notices: what the application learns ----

enum class Status : uint8_t { none = 0, alive = 1, leaving = 2, left = 3, failed = 4 };

/// `alive`, `leaving`, `left` or `failed`, the words of `serf members`.
const char* word(Status status);

/// A member as Serf sees it. A suspect is still alive here.
struct Member {
  std::string name;
  Address address;
  wire::Tags tags;
  std::array<uint8_t, 6> vsn{};
  Status status = Status::none;
  uint64_t status_ltime = 0;  ///< Lamport time of the last intent; 0 before the first.
  Instant gone{};             ///< When it left or failed.
};

/// One change of the member list. We ourselves are a member too: compare the name.
struct MemberNotice {
  enum class Kind : uint8_t { join, leave, failed, update, reap };
  Kind kind;
  Member member;
};

const char* word(MemberNotice::Kind kind);

struct UserEventNotice {
  uint64_t ltime;
  std::string name;
  std::string payload;
  bool coalesce;  ///< Only the newest of this name matters.
};

/// Somebody asks. Answer with Respond before the deadline, or not at all.
struct QueryNotice {
  QueryId id;
  std::string name;
  std::string payload;
  std::string from;
  Instant deadline;
};

/// To our own query: a member acknowledged (no payload), or answered.
struct QueryAnswer {
  Token token;
  std::string from;
  std::optional<std::string> payload;
};

struct QueryDone {
  Token token;
  size_t acks;
  size_t answers;
};

/// A join has been tried at every address. It succeeded if `contacted` is above 0, but an answer
/// does not prove that we were admitted: that is said by Admitted, or NotAdmitted.
struct JoinDone {
  Token token;
  size_t contacted;
  std::vector<std::string> errors;  ///< One line for each address that failed.
};

/// Another member counts us in.
struct Admitted {};

/// Nobody counts us in: another version, another key, or our name is in use.
struct NotAdmitted {};

/// A member's name is claimed from two places. If it is ours, the others are asked to decide.
struct NameConflict {
  std::string name;
  Address kept;
  Address claimed;
};

/// The ring has changed by a query; keep it if it came from a file. Primary first.
struct KeysChanged {
  std::vector<std::string> keys;
};

/// The member has left, or lost its name, and does nothing any more.
struct Stopped {
  bool left;
  std::string reason;
};

/// A command that could not be carried out.
struct Refused {
  Error error;
};

struct LogLine {
  enum class Level : uint8_t { debug, info, warning };
  Level level;
  std::string text;
};

using Notice =
    std::variant<MemberNotice, UserEventNotice, QueryNotice, QueryAnswer, QueryDone, JoinDone,
                 Admitted, NotAdmitted, NameConflict, KeysChanged, Stopped, Refused, LogLine>;

/// What follows from one step.
struct Effects {
  std::vector<Action> actions;
  std::vector<Notice> notices;
  Instant wake = never;  ///< Step again with Wake no later than this.
};

}  // namespace serf
