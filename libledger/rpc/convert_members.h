// Between the messages of cluster.v1 and our own types.
#pragma once

#include "base/result.h"
#include "cluster/v1/cluster.pb.h"
#include "rpc/gossip_port.h"
#include "rpc/peer_ports.h"
#include "rpc/ports.h"

namespace ledger::rpc {

/// What a newcomer asks for.
struct Joining {
  Change change;
  Id cluster;  ///< The one it means; all zeros: any.
};

// ---- From requests. Errors: `invalid_value`. ----

Result<Joining> from_message(const ::cluster::v1::JoinRequest& from);
Result<Change> from_message(const ::cluster::v1::LeaveRequest& from);
Result<Change> from_message(const ::cluster::v1::RemoveRequest& from);
Result<Change> from_message(const ::cluster::v1::ReplaceRequest& from);
Result<Change> from_message(const ::cluster::v1::TransferRequest& from);
Result<std::vector<std::string>> from_message(const ::cluster::v1::MeetRequest& from);

// ---- To answers. ----

void to_message(const Members& members, ::cluster::v1::MembersResponse& to);
void to_message(const Changed& changed, ::cluster::v1::ChangeResponse& to);
void to_message(const Met& met, ::cluster::v1::MeetResponse& to);

// ---- To requests. Each takes a change of its own kind. ----

void to_message(const Introduction& newcomer, ::cluster::v1::JoinRequest& to);
void to_message(const Change& change, ::cluster::v1::LeaveRequest& to);
void to_message(const Change& change, ::cluster::v1::RemoveRequest& to);
void to_message(const Change& change, ::cluster::v1::ReplaceRequest& to);
void to_message(const Change& change, ::cluster::v1::TransferRequest& to);

// ---- From answers. Errors: `internal`, for what no ledger would have sent. ----

Result<Members> from_message(const ::cluster::v1::MembersResponse& from);
Result<Changed> from_message(const ::cluster::v1::ChangeResponse& from);
Met from_message(const ::cluster::v1::MeetResponse& from);

}  // namespace ledger::rpc
