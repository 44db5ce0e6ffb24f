// Between messages and our own types: nothing else in the library knows both.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "book/book.h"
#include "ledger/v1/ledger.pb.h"
#include "log/v1/log.pb.h"
#include "rpc/ports.h"

namespace ledger::rpc {

// ---- Failures. ----

/// The status that says `failure`, with a log.v1.Error in its details. `code` is for the caller who
/// knows better than the table.
grpc::Status to_status(const Failure& failure, std::optional<grpc::StatusCode> code = {});
grpc::Status to_status(const Error& error);

/// What a status that is not OK says. One without our details has the code that its number allows,
/// and gRPC's own text nowhere but in `grpc_text`.
struct Failed {
  Failure failure;
  bool ours = false;      ///< The other side is a ledger and meant it: its details were there.
  std::string grpc_text;  ///< For a very verbose caller only.
};
Failed from_status(const grpc::Status& status);

// ---- From requests. Errors: `invalid_value`, `not_built`. ----

Result<Freshness> freshness(std::optional<uint64_t> at_least, bool stale);
Result<Freshness> freshness(const v1::As& as);

// ---- To answers. ----

void to_message(const book::Decision& decision, v1::Decision& to);
void to_message(const book::AccountRow& row, v1::GetAccountResponse& to);
void to_message(const book::AssetRow& row, v1::AssetRow& to);
void to_message(const NodeStatus& status, ::logpb::v1::StatusResponse& to);
void to_message(const Outcome& outcome, ::logpb::v1::AppendResponse& to);
/// Of an outcome of one record.
void to_message(const Outcome& outcome, ::logpb::v1::ProduceResponse& to);
/// Take the records out of `decided`.
void to_message(book::Decided&& decided, ::logpb::v1::ReadResponse& to);
void to_message(book::Decided&& decided, v1::DecisionsResponse& to);

/// One record of a Decided, as the Go original shows it.
struct Position {
  Offset offset;
  Time recorded;
  Term term;
  uint8_t verdict = 0;
};
void to_message(const Position& position, const RecordView& record, ::logpb::v1::Record& to);

// ---- To requests. ----

void to_message(const Freshness& freshness, v1::As& to);

// ---- From answers. Errors: `internal`, for what no ledger would have sent. ----

Result<book::Decision> from_message(const v1::Decision& from);
Result<book::AccountRow> from_message(const v1::GetAccountResponse& from);
Result<book::AssetRow> from_message(const v1::AssetRow& from);
Result<NodeStatus> from_message(const ::logpb::v1::StatusResponse& from);
/// Checks checksum, counts and every size; the records stay bytes.
Result<book::Decided> from_message(::logpb::v1::ReadResponse&& from);
Result<book::Decided> from_message(v1::DecisionsResponse&& from);

}  // namespace ledger::rpc
