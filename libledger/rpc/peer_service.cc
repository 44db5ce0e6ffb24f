#include "rpc/peer_service.h"

#include <grpcpp/alarm.h>

#include <cassert>
#include <utility>

#include "base/id.h"
#include "rpc/calls.h"
#include "rpc/deadline.h"

namespace ledger::rpc {
namespace {

namespace peerv1 = ::peer::v1;

/// Sends entries, one frame at a time; reads the next once the last is on its way, and the node's
/// pause is over.
class EntriesCall final : public grpc::ServerWriteReactor<peerv1::EntriesResponse>,
                          public OpenCall,
                          public std::enable_shared_from_this<EntriesCall> {
 public:
  EntriesCall(Host& host, PeerNode& node, const EntriesAsked& asked)
      : host_(host), node_(node), asked_(asked) {}

  static EntriesCall* start(Host& host, PeerNode& node, const EntriesAsked& asked) {
    auto call = std::make_shared<EntriesCall>(host, node, asked);
    call->self_ = call;
    host.add(call);
    const std::lock_guard lock(call->mutex_);
    call->fetch_soon();
    return call.get();
  }

  void close() override {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = host_.absent();  // Whoever fetches or writes will see it.
    if (alarm_) alarm_->Cancel();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    if (!ok) end_ = grpc::Status::CANCELLED;
    if (end_) return Finish(*end_);
    fetch_soon();
  }

  void OnDone() override {
    host_.remove(this);
    const auto last = std::move(self_);
  }

 private:
  /// Under the lock: once the pause is over, and on another thread in any case, since the disk may
  /// be slow and the threads that brought us here are the network's.
  void fetch_soon() {
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(call_deadline(pause_), [self = shared_from_this()](bool) { self->fetch(); });
  }

  void fetch() {
    {
      const std::lock_guard lock(mutex_);
      alarm_.reset();
      if (end_) return Finish(*end_);
    }
    Result<EntriesGiven> given;
    if (asked_.from < asked_.end && !answered_) given = node_.entries(asked_, frame_bytes_wanted);
    const bool more = given && !answered_ && (asked_.term || !given->entries.empty());
    if (more) {
      std::vector<Entry>& entries = given->entries;
      if (entries.size() > frame_entries_max) entries.resize(frame_entries_max);
      if (!entries.empty()) {
        assert(entries.front().index == asked_.from && entries.back().index < asked_.end);
        asked_.from = entries.back().index + 1;
      }
      pause_ = given->pause;
      to_message(*given, response_);
      answered_ = asked_.term.has_value();
    }
    const std::lock_guard lock(mutex_);
    if (!given && !end_) end_ = to_status(given.error());
    if (!more && !end_) end_ = grpc::Status::OK;
    if (end_) return Finish(*end_);
    StartWrite(&response_);
  }

  Host& host_;
  PeerNode& node_;
  EntriesAsked asked_;                 ///< What is still to be sent.
  bool answered_ = false;              ///< The one answer about an entry is on its way.
  std::shared_ptr<EntriesCall> self_;  ///< Until gRPC is done with us.
  peerv1::EntriesResponse response_;
  Duration pause_{};  ///< Before the next fetch.
  std::mutex mutex_;
  std::unique_ptr<grpc::Alarm> alarm_;  ///< Rings when the pause is over.
  std::optional<grpc::Status> end_;     ///< How the call is to end.
};

}  // namespace

/// Reads messages and gives them to the node, one frame at a time.
class PeerService::Incoming final
    : public grpc::ServerBidiReactor<peerv1::MessagesRequest, peerv1::MessagesResponse>,
      public OpenCall,
      public std::enable_shared_from_this<Incoming> {
 public:
  explicit Incoming(PeerService& service) : service_(service) {}

  void begin() {
    self_ = shared_from_this();
    service_.host_.add(self_);
    const std::lock_guard lock(mutex_);
    if (!finished_) StartRead(&request_);
  }

  void close() override { end(service_.host_.absent()); }
  void end(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = status;
    end_now();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return end(grpc::Status::OK);
    const Result<void> taken = routed_ ? take_frame() : take_route();
    if (!taken) return end(to_status(taken.error()));
    const std::lock_guard lock(mutex_);
    if (!finished_) StartRead(&request_);
  }

  void OnWriteDone(bool) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    end_now();
  }

  void OnDone() override {
    service_.host_.remove(this);
    const auto last = std::move(self_);
  }

 private:
  Result<void> take_route() {
    route_ = TRY(service_.check(request_.route()));
    if (service_.host_.peer_node() == nullptr) {
      return tl::unexpected(service_.host_.absent_error());
    }
    routed_ = true;
    service_.replace(shared_from_this(), route_.from);
    const std::lock_guard lock(mutex_);
    if (end_) return {};
    writing_ = true;
    StartWrite(&response_);
    return {};
  }

  Result<void> take_frame() {
    if (!request_.has_frame()) return fail(Code::bad_input, "a request without a frame");
    const Bytes body = TRY(open(request_.frame()));
    std::vector<raft::Message> messages = TRY(decode_messages(body, route_.from, route_.to));
    // Who mends its log is another than the one that runs afterwards.
    PeerNode* node = service_.host_.peer_node();
    if (node == nullptr) return tl::unexpected(service_.host_.absent_error());
    if (messages.empty() || node->receive(route_.from, std::move(messages))) return {};
    return fail(Code::no_such_member,
                "member " + member_text(route_.from) + " has been taken out of the cluster",
                "start it with an empty directory to take it in again");
  }

  /// Under the lock: ends the call if it is to end and no write is under way.
  void end_now() {
    if (!end_ || writing_ || std::exchange(finished_, true)) return;
    Finish(*end_);
  }

  PeerService& service_;
  std::shared_ptr<Incoming> self_;  ///< Until gRPC is done with us.
  bool routed_ = false;             ///< The route is right.
  Route route_;
  peerv1::MessagesRequest request_;
  const peerv1::MessagesResponse response_;
  std::mutex mutex_;
  std::optional<grpc::Status> end_;  ///< How the call is to end.
  bool writing_ = false;
  bool finished_ = false;
};

Result<Route> PeerService::check(const peerv1::Route& from) {
  if (!introduce_) return tl::unexpected(host_.absent_error());
  const Introduction self = introduce_();
  if (self.cluster == Id()) return tl::unexpected(host_.absent_error());
  const Route route = TRY(from_message(from));
  if (route.cluster != self.cluster) {
    ++refused_;
    return fail(Code::cluster_id_mismatch,
                "member " + member_text(route.from) + " of cluster " + route.cluster.text() +
                    " asks " + self.name + " of cluster " + self.cluster.text(),
                "has its data directory been copied, or its address been given away?");
  }
  if (route.to != self.member || route.from == self.member || route.from == MemberId()) {
    ++refused_;
    return fail(Code::peer_unreachable,
                "member " + member_text(route.from) + " asks for member " + member_text(route.to) +
                    ", and " + self.name + " is " + member_text(self.member),
                "has a member got another's address?");
  }
  return route;
}

void PeerService::replace(const std::shared_ptr<Incoming>& call, MemberId from) {
  std::shared_ptr<Incoming> older;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(incoming_, [](const auto& other) { return other.second.expired(); });
    std::weak_ptr<Incoming>& place = incoming_[from];
    older = place.lock();
    place = call;
  }
  if (older) {
    older->end(to_status(Error{Code::busy, "a newer stream of the same member has come"}));
  }
}

grpc::ServerUnaryReactor* PeerService::Hello(Context* context, const peerv1::HelloRequest*,
                                             peerv1::HelloResponse* response) {
  if (!introduce_) return finished(context, host_.absent());
  to_message(introduce_(), *response);
  return finished(context, grpc::Status::OK);
}

grpc::ServerBidiReactor<peerv1::MessagesRequest, peerv1::MessagesResponse>* PeerService::Messages(
    Context*) {
  const auto call = std::make_shared<Incoming>(*this);
  call->begin();
  return call.get();
}

grpc::ServerWriteReactor<peerv1::EntriesResponse>* PeerService::Entries(
    Context*, const peerv1::EntriesRequest* request) {
  const auto failed = [](const Error& error) {
    return new FailedStream<peerv1::EntriesResponse>(to_status(error));
  };
  const Result<Route> route = check(request->route());
  if (!route) return failed(route.error());
  const Result<EntriesAsked> asked = from_message(*request);
  if (!asked) return failed(asked.error());
  PeerNode* node = host_.peer_node();
  if (node == nullptr) return failed(host_.absent_error());
  return EntriesCall::start(host_, *node, *asked);
}

grpc::ServerUnaryReactor* PeerService::Confirm(Context* context,
                                               const peerv1::ConfirmRequest* request,
                                               peerv1::ConfirmResponse* response) {
  const Result<Route> route = check(request->route());
  if (!route) return finished(context, to_status(route.error()));
  PeerNode* node = host_.peer_node();
  if (node == nullptr) return finished(context, host_.absent());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  node->confirm([reactor, response](const Answer<Leading>& leading) {
    if (!leading) return reactor->Finish(to_status(leading.error()));
    to_message(*leading, *response);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

}  // namespace ledger::rpc
