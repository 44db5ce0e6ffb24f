#include "rpc/peer_pull.h"

#include <utility>

#include "rpc/convert.h"
#include "rpc/peer_link.h"

namespace ledger::rpc {

void PullCall::start(const std::string& address, const Route& route,
                     std::shared_ptr<Pending> pending) {
  const std::lock_guard lock(mutex_);
  pending_ = std::move(pending);
  self_ = shared_from_this();
  stub_ = ::peer::v1::Peer::NewStub(peer_channel(address));
  to_message(route, *request_.mutable_route());
  to_message(asked_, request_);
  stub_->async()->Entries(&context_, &request_, this);
  AddHold();  // While nothing is being read, the end waits for us.
  reading_ = true;
  StartRead(&response_);
  StartCall();
  if (quiet_) context_.TryCancel();
}

void PullCall::stop() {
  const std::lock_guard lock(mutex_);
  quiet_ = true;
  if (!pending_) return;  // Not begun yet.
  context_.TryCancel();
  if (!reading_) release();
}

void PullCall::more(bool go_on) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(waiting_, false) || released_) return;
  if (go_on) {
    reading_ = true;
    return StartRead(&response_);
  }
  quiet_ = true;
  context_.TryCancel();
  release();
}

/// Under the lock, while nothing is being read: nothing will be.
void PullCall::release() {
  if (!std::exchange(released_, true)) RemoveHold();
}

/// What has come, which must be what was asked for.
Result<std::vector<Entry>> PullCall::entries() {
  EntriesGiven given = TRY(from_message(response_, asked_));
  if (given.entries.empty()) return fail(Code::internal, "a batch without entries", "report this");
  asked_.from = given.entries.back().index + 1;
  return std::move(given.entries);
}

void PullCall::OnReadDone(bool ok) {
  Result<std::vector<Entry>> came;
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (!ok || quiet_) return release();
    came = entries();
    if (!came) {
      failure_ = std::move(came).error();
      failure_->code = Code::internal;
      context_.TryCancel();
      return release();
    }
    waiting_ = true;
  }
  take_(std::move(came), [self = shared_from_this()](bool go_on) { self->more(go_on); });
}

void PullCall::OnDone(const grpc::Status& status) {
  const std::shared_ptr<PullCall> self = std::move(self_);
  Result<std::vector<Entry>> last;
  bool quiet = false;
  {
    const std::lock_guard lock(mutex_);
    quiet = quiet_;
    if (failure_) {
      last = tl::unexpected(*failure_);
    } else if (!status.ok()) {
      last = tl::unexpected(from_status(status).failure.error);
    }
  }
  stub_.reset();  // Closes the connection.
  if (!quiet) take_(std::move(last), [](bool) {});
  pending_->leave();
}

}  // namespace ledger::rpc
