// The shapes that calls of both services have.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "rpc/convert.h"
#include "rpc/host.h"

namespace ledger::rpc {

/// A unary call that has its status already.
inline grpc::ServerUnaryReactor* finished(grpc::CallbackServerContext* context,
                                          const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

/// A stream to the client that ends before it begins.
template <class Response>
class FailedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit FailedStream(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

/// The same, of a stream both ways.
template <class Request, class Response>
class FailedBidi final : public grpc::ServerBidiReactor<Request, Response> {
 public:
  explicit FailedBidi(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

/// Reads [offset, offset + 1) on one of gRPC's threads and gives its batch to `take`, which returns
/// the status to finish with. For a call that the loop has answered but for the record's bytes.
template <class Take>
void finish_with_record(grpc::ServerUnaryReactor* reactor, Node& node, Offset offset, Take take) {
  on_grpc_thread([reactor, &node, offset, take = std::move(take)] {
    const Result<book::Decided> decided = node.decided(offset, offset + 1, 1);
    reactor->Finish(decided ? take(*decided) : to_status(decided.error()));
  });
}

/// Calls `visit(position, record)` for each record of `decided`, whose bytes are the node's own and
/// so assumed to be whole.
template <class Visit>
void each_record(const book::Decided& decided, Visit visit) {
  Cursor cursor(decided.records);
  Offset offset = decided.first;
  for (const book::Run& run : decided.runs) {
    for (uint32_t i = 0; i < run.count; ++i, ++offset) {
      const std::optional<Bytes> bytes = take_record(cursor);
      assert(bytes);
      const auto verdict = static_cast<uint8_t>(decided.verdicts[offset - decided.first]);
      visit(Position{offset, Time{run.recorded.ns + i}, run.term, verdict}, view_record(*bytes));
    }
  }
}

}  // namespace ledger::rpc
