#include "rpc/peer_link.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "rpc/channel.h"
#include "rpc/convert.h"
#include "rpc/deadline.h"
#include "rpc/host.h"
#include "rpc/peer_codec.h"
#include "rpc/process.h"

namespace ledger::rpc {
namespace {

namespace peerv1 = ::peer::v1;

/// What is taken and written on a thread that has other things to do.
constexpr size_t here_bytes_wanted = 64 << 10;

constexpr Duration backoff_min = std::chrono::milliseconds(100);
constexpr Duration backoff_max = std::chrono::milliseconds(1000);

}  // namespace

std::shared_ptr<grpc::Channel> peer_channel(const std::string& address) {
  grpc::ChannelArguments arguments = channel_arguments();
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, look_ahead_bytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, peer_keepalive_time_ms);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, peer_keepalive_timeout_ms);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetMaxReceiveMessageSize(request_bytes_max);
  arguments.SetMaxSendMessageSize(request_bytes_max);
  keep_callback_threads();
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

/// One stream. It is held until nobody takes or writes for it and it is known to have ended, so
/// whoever has `sending_` may use it without the lock.
class Link::Call final
    : public grpc::ClientBidiReactor<peerv1::MessagesRequest, peerv1::MessagesResponse> {
 public:
  Call(std::shared_ptr<Link> link, raft::Member to)
      : member(std::move(to)),
        link_(std::move(link)),
        stub_(peerv1::Peer::NewStub(link_->channel_)) {}

  /// Writes `first` and waits for the answer, and for a connection if need be.
  void start(const peerv1::MessagesRequest& first) {
    context_.set_wait_for_ready(true);
    stub_->async()->Messages(&context_, this);
    AddHold();
    StartRead(&response_);
    StartWrite(&first);
    StartCall();
  }
  void read_on() { StartRead(&response_); }
  void cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override { link_->read(*this, ok); }
  void OnWriteDone(bool ok) override { link_->written(ok); }
  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Link> link = link_;  // `done` ends us.
    link->done(status);
  }

  const raft::Member member;  ///< As it was when the stream began.
  bool taken = false;         ///< The other side has said so.
  bool ended = false;         ///< Nothing can be read or written any more.
  bool held = true;

 private:
  const std::shared_ptr<Link> link_;
  const std::unique_ptr<peerv1::Peer::Stub> stub_;
  grpc::ClientContext context_;
  peerv1::MessagesResponse response_;
};

Link::Link(std::shared_ptr<Shared> shared, MemberId to)
    : shared_(std::move(shared)), to_(to), backoff_(backoff_min) {}

// Out of sight of others, who do not know what a Call is.
Link::~Link() = default;

// ---- What others ask for. ----

void Link::set_member(std::optional<raft::Member> member) {
  std::unique_lock lock(mutex_);
  if (stopped_) return;
  member_ = std::move(member);
  if (!call_) {
    if (retry_ && !member_) return retry_->Cancel();
    if (!retry_ && member_) connect();
    return;
  }
  if (member_) {
    if (member_->address == call_->member.address) return;
    open_ = false;  // What waits, waits for the next stream.
    return call_->cancel();
  }
  if (!open_) return call_->cancel();
  lock.unlock();
  wake();  // Whoever finds nothing left to send closes the stream.
}

std::optional<raft::Member> Link::member() const {
  const std::lock_guard lock(mutex_);
  return member_;
}

bool Link::claim() {
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  if (!open_ || sending_) return false;
  sending_ = true;
  return true;
}

void Link::wake() {
  if (claim()) on_grpc_thread([self = shared_from_this()] { self->pump(frame_bytes_wanted); });
}

void Link::wake_here() {
  if (claim()) pump(here_bytes_wanted);
}

bool Link::ended() const {
  const std::lock_guard lock(mutex_);
  return !member_ && !call_ && !retry_;
}

void Link::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  member_.reset();
  open_ = false;
  if (call_) call_->cancel();
  if (retry_) retry_->Cancel();
}

// ---- Sending. ----

/// Takes about `bytes_max` and writes until a write is under way, whose end comes here again, or
/// nothing waits. `sending_` is ours.
void Link::pump(size_t bytes_max) {
  while (true) {
    if (frames_.empty()) {
      {
        const std::lock_guard lock(mutex_);
        if (!open_) return let_go(*call_);
        wanted_ = false;
      }
      for (std::string& body : encode_messages(shared_->node.outgoing(to_, bytes_max))) {
        frames_.push_back(std::move(body));
      }
    }
    {
      const std::lock_guard lock(mutex_);
      if (!open_) return let_go(*call_);
      if (frames_.empty()) {
        if (wanted_) continue;
        if (!member_) half_close();
        return let_go(*call_);
      }
    }
    seal(std::move(frames_.front()), *request_.mutable_frame());
    frames_.pop_front();
    return call_->StartWrite(&request_);
  }
}

/// Under the lock: we neither take nor write any more.
void Link::let_go(Call& call) {
  sending_ = false;
  if (!call.ended || !call.held) return;
  call.held = false;
  call.RemoveHold();
}

/// Under the lock.
void Link::half_close() {
  open_ = false;
  call_->StartWritesDone();
}

void Link::written(bool ok) {
  if (ok) return pump(frame_bytes_wanted);
  const std::lock_guard lock(mutex_);
  open_ = false;
  let_go(*call_);
}

// ---- The life of a stream. ----

/// Under the lock: begins a stream to `member_`.
void Link::connect() {
  if (!shared_->pending.enter()) return;
  if (!channel_ || address_ != member_->address) {
    address_ = member_->address;
    channel_ = peer_channel(address_);
  }
  call_ = std::make_unique<Call>(shared_from_this(), *member_);
  to_message(Route{shared_->options.cluster, shared_->options.self, to_},
             *request_.mutable_route());
  frames_.clear();
  sending_ = true;
  call_->start(request_);
}

void Link::read(Call& call, bool ok) {
  if (ok && !call.taken) return accepted(call);
  if (ok) return call.read_on();  // It has nothing more to say, and may.
  const std::lock_guard lock(mutex_);
  open_ = false;
  call.ended = true;
  if (!sending_) let_go(call);
}

void Link::accepted(Call& call) {
  if (shared_->options.changed) shared_->options.changed(call.member, true);
  bool ours = false;
  {
    const std::lock_guard lock(mutex_);
    call.taken = true;
    told_.clear();
    if (!stopped_) {
      backoff_ = backoff_min;
      open_ = true;
      ours = !std::exchange(sending_, true);
    }
  }
  call.read_on();
  if (ours) pump(frame_bytes_wanted);
}

/// The stream has ended, and all that was begun on it.
void Link::done(const grpc::Status& status) {
  const Call& call = *call_;
  if (call.taken && shared_->options.changed) shared_->options.changed(call.member, false);
  tell_refusal(call.member, status);
  std::unique_ptr<Call> last;
  {
    const std::lock_guard lock(mutex_);
    assert(!sending_ && !open_);
    last = std::move(call_);
    next();
  }
  last.reset();
  shared_->pending.leave();
}

/// Under the lock, without a stream: tries again in a while, if there is a member.
void Link::next() {
  if (stopped_ || !member_ || address_ != member_->address) channel_.reset();
  if (stopped_ || !member_) return;
  if (address_ != member_->address) return connect();
  if (!shared_->pending.enter()) return;
  retry_ = std::make_shared<grpc::Alarm>();
  const Duration wait = std::exchange(backoff_, std::min(2 * backoff_, backoff_max));
  retry_->Set(call_deadline(wait), [self = shared_from_this()](bool) {
    {
      const std::lock_guard lock(self->mutex_);
      self->retry_.reset();
      if (self->member_ && !self->stopped_) self->connect();
      if (!self->call_) self->channel_.reset();
    }
    self->shared_->pending.leave();
  });
}

/// Says why a member that can be reached does not take our stream, once.
void Link::tell_refusal(const raft::Member& member, const grpc::Status& status) {
  if (status.ok()) return;
  const Failed failed = from_status(status);
  const Error& error = failed.failure.error;
  if (!failed.ours || error.code == Code::busy) return;
  if (error.code == Code::no_such_member) {
    if (shared_->options.gone && !shared_->told_gone.exchange(true)) shared_->options.gone();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(told_, error.message) == error.message) return;
  }
  if (shared_->options.refused) shared_->options.refused(member, error);
}

}  // namespace ledger::rpc
