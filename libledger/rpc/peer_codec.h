// Between what members say to each other and its bytes: the frames of peer.v1, told in peer.proto.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/id.h"
#include "base/record.h"
#include "base/result.h"
#include "peer/v1/peer.pb.h"
#include "raft/engine.h"
#include "rpc/limits.h"
#include "rpc/peer_ports.h"

namespace ledger::rpc {

/// The largest body of a frame: with what stands around it, it is a message that a server takes.
constexpr size_t frame_body_bytes_max = request_bytes_max - 128;
/// What one frame is filled with, about: what fits after an entry of the largest size.
constexpr size_t frame_bytes_wanted = 512 << 10;
static_assert(frame_bytes_wanted + entry_bytes_max + (64 << 10) < frame_body_bytes_max);
/// Items of a frame: they bound what a few hostile bytes may grow to.
constexpr size_t frame_messages_max = 8192;
constexpr size_t frame_entries_max = 65536;

/// Where a stream comes from and where it leads to.
struct Route {
  Id cluster;
  MemberId from;
  MemberId to;

  friend auto operator<=>(const Route&, const Route&) = default;
};

// ---- Writing. ----

/// The bodies of frames that say `messages`, in order; mostly one. Each message must fit into one.
std::vector<std::string> encode_messages(std::span<const raft::Message> messages);

/// The body of a frame of `entries`, which must fit into one.
std::string encode_entries(std::span<const Entry> entries);

/// With its checksum.
void seal(std::string body, ::peer::v1::Frame& to);

void to_message(const Route& route, ::peer::v1::Route& to);
void to_message(const Introduction& introduction, ::peer::v1::HelloResponse& to);
void to_message(const EntriesAsked& asked, ::peer::v1::EntriesRequest& to);
void to_message(const EntriesGiven& given, ::peer::v1::EntriesResponse& to);
void to_message(const Leading& leading, ::peer::v1::ConfirmResponse& to);

// ---- Reading. Errors: `bad_input`, for what no member would have sent. ----

/// The body, whose checksum is right.
Result<Bytes> open(const ::peer::v1::Frame& frame);

/// Says of each message that it went from `from` to `to`. Those of a kind that is not known here
/// are left out. Entries are consecutive and whole; what they mean to the consensus is the engine's
/// to check.
Result<std::vector<raft::Message>> decode_messages(Bytes body, MemberId from, MemberId to);

/// At least one, consecutive and whole.
Result<std::vector<Entry>> decode_entries(Bytes body);

Result<Route> from_message(const ::peer::v1::Route& from);
Result<Introduction> from_message(const ::peer::v1::HelloResponse& from);
/// A range that is not empty.
Result<EntriesAsked> from_message(const ::peer::v1::EntriesRequest& from);
/// An answer to `asked`: what it holds begins there and does not go further.
Result<EntriesGiven> from_message(const ::peer::v1::EntriesResponse& from,
                                  const EntriesAsked& asked);
Result<Leading> from_message(const ::peer::v1::ConfirmResponse& from);

}  // namespace ledger::rpc
