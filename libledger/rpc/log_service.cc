#include "rpc/log_service.h"

#include "rpc/calls.h"
#include "rpc/feed.h"
#include "rpc/pipeline.h"

namespace ledger::rpc {
namespace {

namespace logv1 = ::logpb::v1;

/// Records of a batch, in bytes: best for one message, as measured.
constexpr size_t read_bytes_max = 128 << 10;
/// The same where each record becomes a message.
constexpr size_t consume_bytes_max = 32 << 10;

std::optional<uint64_t> at_least(const logv1::ConsumeRequest& request) {
  return request.has_at_least() ? std::optional(request.at_least()) : std::nullopt;
}

/// Proposes what was checked, and answers `done` as it turns out.
template <class Response, class Done>
void propose(Host& host, Fit<Proposal> proposal, Done done) {
  using Answered = tl::expected<Response, grpc::Status>;
  if (!proposal)
    return done(Answered(tl::unexpect, to_status(to_error(proposal.error(), "record"))));
  Node* node = host.node();
  if (node == nullptr) return done(Answered(tl::unexpect, host.absent()));
  if (proposal->count == 0) return done(Answered());
  node->propose(*std::move(proposal), [done = std::move(done)](const Answer<Outcome>& outcome) {
    if (!outcome) return done(Answered(tl::unexpect, to_status(outcome.error())));
    Answered answered;
    to_message(*outcome, *answered);
    done(std::move(answered));
  });
}

/// Finishes a unary call with what `propose` says.
template <class Response>
auto finishing(grpc::ServerUnaryReactor* reactor, Response* response) {
  return [reactor, response](tl::expected<Response, grpc::Status> answered) {
    if (!answered) return reactor->Finish(answered.error());
    *response = *std::move(answered);
    reactor->Finish(grpc::Status::OK);
  };
}

}  // namespace

grpc::ServerUnaryReactor* LogService::Produce(Context* context,
                                              const logv1::ProduceRequest* request,
                                              logv1::ProduceResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  propose<logv1::ProduceResponse>(host_, take(*request, host_.ids()), finishing(reactor, response));
  return reactor;
}

LogService::Bidi<logv1::ProduceRequest, logv1::ProduceResponse>* LogService::ProduceStream(
    Context*) {
  using Call = Pipeline<logv1::ProduceRequest, logv1::ProduceResponse>;
  return Call::start(host_, [this](logv1::ProduceRequest&& request, Call::Done done) {
    propose<logv1::ProduceResponse>(host_, take(request, host_.ids()), std::move(done));
  });
}

grpc::ServerUnaryReactor* LogService::Append(Context* context, const logv1::AppendRequest* request,
                                             logv1::AppendResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  propose<logv1::AppendResponse>(host_, take(logv1::AppendRequest(*request)),
                                 finishing(reactor, response));
  return reactor;
}

LogService::Bidi<logv1::AppendRequest, logv1::AppendResponse>* LogService::AppendStream(Context*) {
  using Call = Pipeline<logv1::AppendRequest, logv1::AppendResponse>;
  return Call::start(host_, [this](logv1::AppendRequest&& request, Call::Done done) {
    propose<logv1::AppendResponse>(host_, take(std::move(request)), std::move(done));
  });
}

grpc::ServerUnaryReactor* LogService::Consume(Context* context,
                                              const logv1::ConsumeRequest* request,
                                              logv1::ConsumeResponse* response) {
  Node* node = host_.node();
  if (node == nullptr) return finished(context, host_.absent());
  const Result<Freshness> fresh = freshness(at_least(*request), request->stale());
  if (!fresh) return finished(context, to_status(fresh.error()));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Offset offset(request->offset());
  node->read(*fresh, [=](const Answer<std::reference_wrapper<const View>>& view) {
    if (!view) return reactor->Finish(to_status(view.error()));
    const Offset end = view->get().book().next_offset();
    if (offset >= end) {
      return reactor->Finish(
          to_status(Error{Code::out_of_range,
                          "offset " + std::to_string(offset.value) + " is past the end (next is " +
                              std::to_string(end.value) + ")",
                          "the valid range is 0 to " + std::to_string(end.value)}));
    }
    response->set_as_of_offset(end.value);
    finish_with_record(reactor, *node, offset, [response](const book::Decided& decided) {
      each_record(decided,
                  [response, &decided](const Position& position, const RecordView& record) {
                    if (position.offset == decided.first) {
                      to_message(position, record, *response->mutable_record());
                    }
                  });
      return grpc::Status::OK;
    });
  });
  return reactor;
}

grpc::ServerWriteReactor<logv1::ConsumeResponse>* LogService::ConsumeStream(
    Context*, const logv1::ConsumeRequest* request) {
  Node* node = host_.node();
  if (node == nullptr) return new FailedStream<logv1::ConsumeResponse>(host_.absent());
  const auto fill = [](const book::Decided& decided, std::deque<logv1::ConsumeResponse>& out) {
    each_record(decided, [&](const Position& position, const RecordView& record) {
      if (position.verdict != 0) return;
      logv1::ConsumeResponse& response = out.emplace_back();
      to_message(position, record, *response.mutable_record());
      response.set_as_of_offset(decided.as_of.value);
    });
  };
  return Feed<logv1::ConsumeResponse>::start(
      host_, *node, {.from = Offset(request->offset()), .follow = true, .from_future = true},
      freshness(at_least(*request), request->stale()), consume_bytes_max, fill);
}

grpc::ServerWriteReactor<logv1::ReadResponse>* LogService::ReadStream(
    Context*, const logv1::ReadRequest* request) {
  Node* node = host_.node();
  if (node == nullptr) return new FailedStream<logv1::ReadResponse>(host_.absent());
  FeedRange range{.from = Offset(request->from()), .follow = request->follow()};
  if (request->has_to()) range.to = Offset(request->to());
  const auto least = request->has_at_least() ? std::optional(request->at_least()) : std::nullopt;
  const auto fill = [](book::Decided&& decided, std::deque<logv1::ReadResponse>& out) {
    to_message(std::move(decided), out.emplace_back());
  };
  return Feed<logv1::ReadResponse>::start(host_, *node, range, freshness(least, request->stale()),
                                          read_bytes_max, fill);
}

grpc::ServerUnaryReactor* LogService::GetServers(Context* context, const logv1::GetServersRequest*,
                                                 logv1::GetServersResponse* response) {
  Node* node = host_.node();
  if (node == nullptr) return finished(context, host_.absent());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  node->members([=](const Answer<Members>& members) {
    if (!members) return reactor->Finish(to_status(members.error()));
    for (const Members::One& one : members->all) {
      logv1::Server& message = *response->add_servers();
      message.set_id(one.member.name);
      message.set_rpc_addr(one.member.address);
      message.set_is_leader(one.member.id == members->leader);
    }
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* LogService::Status(Context* context, const logv1::StatusRequest*,
                                             logv1::StatusResponse* response) {
  Node* node = host_.node();
  if (node == nullptr) return finished(context, host_.absent());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  node->status([=](const Answer<NodeStatus>& status) {
    if (!status) return reactor->Finish(to_status(status.error()));
    to_message(*status, *response);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

}  // namespace ledger::rpc
