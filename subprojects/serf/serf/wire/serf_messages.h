#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "serf/wire/messages.h"

namespace serf::wire {

/// The first octet of the body of a memberlist user message. (Spec 10.)
enum class SerfType : uint8_t {
  leave = 0,
  join = 1,
  push_pull = 2,
  user_event = 3,
  query = 4,
  query_response = 5,
  conflict_response = 6,
  key_request = 7,
  key_response = 8,
  relay = 9,
};

constexpr char octet(SerfType type) {
  return static_cast<char>(type);
}

using Tags = std::map<std::string, std::string>;

/// What the tags of one node may take, encoded.
constexpr size_t meta_bytes_max = 512;

struct JoinIntent {
  uint64_t ltime = 0;
  std::string node;
};

struct LeaveIntent {
  uint64_t ltime = 0;
  std::string node;
  bool prune = false;
};

struct RecentEvent {
  std::string name;
  Blob payload;
};

/// The user events of one Lamport time.
struct EventSlot {
  uint64_t ltime = 0;
  std::vector<RecentEvent> events;
};

/// The user state of a push/pull. A stock node writes all 512 slots of its ring, unused ones nil.
struct SerfState {
  uint64_t ltime = 0;
  std::map<std::string, uint64_t> status_ltimes;
  std::vector<std::string> left_members;
  uint64_t event_ltime = 0;
  std::vector<std::optional<EventSlot>> events;
  uint64_t query_ltime = 0;
};

struct UserEvent {
  uint64_t ltime = 0;
  std::string name;
  Blob payload;
  bool cc = false;  ///< May be coalesced.
};

constexpr uint32_t query_flag_ack = 1;           ///< Wants acks, or is one.
constexpr uint32_t query_flag_no_broadcast = 2;  ///< Is not to be re-gossiped.

struct Query {
  uint64_t ltime = 0;
  uint32_t id = 0;
  Blob addr;
  uint16_t port = 0;
  std::string source_node;
  std::optional<std::vector<Blob>> filters;
  uint32_t flags = 0;
  uint8_t relay_factor = 0;
  int64_t timeout_ns = 0;
  std::string name;
  Blob payload;
};

/// `00` and a list of names, one of which must be ours.
using NodeFilter = std::vector<std::string>;

/// `01` and: the regular expression `expr` must match the value of `tag`.
struct TagFilter {
  std::string tag;
  std::string expr;
};

struct QueryResponse {
  uint64_t ltime = 0;
  uint32_t id = 0;
  std::string from;
  uint32_t flags = 0;
  Blob payload;
};

struct UdpAddress {
  Blob ip;
  uint16_t port = 0;
  std::string zone;
};

/// Directly followed by a whole Serf message that is to be sent to the destination.
struct RelayHeader {
  UdpAddress dest_addr;
  std::string dest_name;
};

/// The member that the answerer of a conflict query has under the name in question.
struct ConflictMember {
  std::string name;
  Blob addr;
  uint16_t port = 0;
  Tags tags;
  uint8_t status = 0;
  std::array<uint8_t, 6> vsn{};  ///< As in Alive: PMin PMax PCur DMin DMax DCur.
};

struct KeyRequest {
  std::string key;
};

struct KeyResponse {
  bool result = false;
  std::string message;
  std::optional<std::vector<std::string>> keys;  ///< Base64; only in answer to list-keys.
  std::string primary_key;                       ///< Base64; likewise.
};

/// A point of Vivaldi's space, in seconds.
struct CoordinateMessage {
  std::vector<double> vec;
  double error = 0;
  double adjustment = 0;
  double height = 0;
};

/// The Serf type octet and the fields.
std::string encode(const JoinIntent& message);
std::string encode(const LeaveIntent& message);
std::string encode(const SerfState& message);
std::string encode(const UserEvent& message);
std::string encode(const Query& message);
std::string encode(const QueryResponse& message);
std::string encode(const std::optional<ConflictMember>& message);
std::string encode(const KeyRequest& message);
std::string encode(const KeyResponse& message);
/// `inner` is a whole Serf message.
std::string encode_relay(const RelayHeader& header, View inner);
std::string encode(const TagFilter& filter);
std::string encode_filter(const NodeFilter& names);
/// `01` and the map: the payload of an ack.
std::string encode(const CoordinateMessage& message);

/// `ff` and a map. Errors: `invalid` above meta_bytes_max.
Result<std::string> encode_tags(const Tags& tags);
/// Meta of the old form, without `ff`, becomes the tag `role`. Errors: `invalid`.
Result<Tags> decode_tags(View meta);

}  // namespace serf::wire
