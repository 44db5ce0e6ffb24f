// What a node with a damaged log asks the others, one question at a time.
#include <map>
#include <mutex>
#include <utility>

#include "peer/v1/peer.grpc.pb.h"
#include "rpc/convert.h"
#include "rpc/deadline.h"
#include "rpc/peer_codec.h"
#include "rpc/peer_link.h"
#include "rpc/peer_ports.h"
#include "rpc/process.h"

namespace ledger::rpc {
namespace {

class GrpcQuestions final : public Questions {
 public:
  GrpcQuestions(MemberId self, const Id& cluster) : self_(self), cluster_(cluster) {}

  Result<EntriesGiven> entries(const raft::Member& of, const EntriesAsked& asked,
                               Duration patience) override {
    ::peer::v1::EntriesRequest request;
    to_message(route(of), *request.mutable_route());
    to_message(asked, request);
    ::peer::v1::EntriesResponse response;
    TRY(ask(patience, [&](grpc::ClientContext& context) {
      const auto reader = stub(of.address).Entries(&context, request);
      if (!reader->Read(&response)) return reader->Finish();
      context.TryCancel();  // One is all that was wanted.
      (void)reader->Finish();
      return grpc::Status::OK;
    }));
    return whole(from_message(response, asked));
  }

  Result<Leading> confirm(const raft::Member& of, Duration patience) override {
    ::peer::v1::ConfirmRequest request;
    to_message(route(of), *request.mutable_route());
    ::peer::v1::ConfirmResponse response;
    TRY(ask(patience, [&](grpc::ClientContext& context) {
      return stub(of.address).Confirm(&context, request, &response);
    }));
    return whole(from_message(response));
  }

  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }

 private:
  Route route(const raft::Member& to) const { return {cluster_, self_, to.id}; }

  /// Kept, so that a next question needs no new connection.
  ::peer::v1::Peer::Stub& stub(const std::string& address) {
    auto& stub = stubs_[address];
    if (!stub) stub = ::peer::v1::Peer::NewStub(peer_channel(address));
    return *stub;
  }

  template <class Call>
  Result<void> ask(Duration patience, Call call) {
    grpc::ClientContext context;
    context.set_deadline(call_deadline(patience));
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return fail(Code::unreachable, "nothing is asked any more");
      context_ = &context;
    }
    const grpc::Status status = call(context);
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    if (status.ok()) return {};
    return tl::unexpected(from_status(status).failure.error);
  }

  template <class T>
  static Result<T> whole(Result<T> answer) {
    if (!answer) answer.error().code = Code::internal;
    return answer;
  }

  const MemberId self_;
  const Id cluster_;
  std::map<std::string, std::unique_ptr<::peer::v1::Peer::Stub>> stubs_;
  std::mutex mutex_;
  grpc::ClientContext* context_ = nullptr;  ///< Of the question that is being asked.
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Questions> Questions::start(MemberId self, const Id& cluster) {
  prepare_process();
  return std::make_unique<GrpcQuestions>(self, cluster);
}

}  // namespace ledger::rpc
