#include "rpc/change.h"

#include <condition_variable>

#include "cluster/v1/cluster.grpc.pb.h"
#include "rpc/convert_members.h"

namespace ledger::rpc {
namespace {

namespace clusterv1 = ::cluster::v1;

using Stub = clusterv1::Cluster::Stub;
using Async = clusterv1::Cluster::StubInterface::async_interface;

/// One call to one node, which may be given up while it runs.
struct Call {
  std::unique_ptr<Stub> stub;
  grpc::ClientContext context;
  clusterv1::ChangeResponse response;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<grpc::Status> status;  ///< Under the mutex.
};

/// Begins a call; all else is the same for the five of them.
using Begin = std::function<void(const std::shared_ptr<Call>&)>;

template <class Request, class Source>
Begin calling(void (Async::*method)(grpc::ClientContext*, const Request*,
                                    clusterv1::ChangeResponse*, std::function<void(grpc::Status)>),
              const Source& source) {
  Request request;
  to_message(source, request);
  return [method, request = std::move(request)](const std::shared_ptr<Call>& call) {
    const auto ended = [call](grpc::Status status) {
      const std::lock_guard lock(call->mutex);
      call->status = std::move(status);
      call->changed.notify_all();
    };
    (call->stub->async()->*method)(&call->context, &request, &call->response, ended);
  };
}

Begin calling(const Change& change) {
  switch (change.kind) {
    case Change::Kind::leave:
      return calling<clusterv1::LeaveRequest>(&Async::Leave, change);
    case Change::Kind::remove:
      return calling<clusterv1::RemoveRequest>(&Async::Remove, change);
    case Change::Kind::replace:
      return calling<clusterv1::ReplaceRequest>(&Async::Replace, change);
    case Change::Kind::transfer:
      return calling<clusterv1::TransferRequest>(&Async::Transfer, change);
    case Change::Kind::add:
      break;
  }
  assert(!"a newcomer introduces itself");
  return {};
}

/// Asks on and on.
class Asking {
 public:
  Asking(Cluster& cluster, Begin begin) : cluster_(cluster), begin_(std::move(begin)) {}

  /// It is about who leads, whoever that will be: `away`, or one who is named.
  void about_leadership(bool away) {
    leadership_ = true;
    away_ = away;
  }

  Result<Changed> run();

 private:
  /// The status of one call; nothing where it was given up because another leads by now.
  std::optional<grpc::Status> ask(const Found& leader, clusterv1::ChangeResponse& response);
  Result<Changed> done(const clusterv1::ChangeResponse& response) const;
  Error give_up(const Error& error) const;

  Cluster& cluster_;
  const Begin begin_;
  bool leadership_ = false;
  bool away_ = false;
  std::optional<Found> first_;  ///< Who led when we began.
  bool uncertain_ = false;      ///< Somebody may have done it without telling us.
};

Result<Changed> Asking::run() {
  cluster_.deadline().progress();
  Backoff backoff;
  while (true) {
    const Result<Found> leader = cluster_.leader();
    if (!leader) return tl::unexpected(give_up(leader.error()));
    if (!first_) first_ = *leader;
    if (away_ && leader->status.node != first_->status.node) {
      const raft::Member now{leader->status.member, raft::Standing::voter, leader->status.node,
                             leader->address};
      return Changed{now, first_->status.node, leader->status.term, false};
    }
    clusterv1::ChangeResponse response;
    const std::optional<grpc::Status> status = ask(*leader, response);
    if (status && status->ok()) return done(response);
    Failed failed = {{{Code::unreachable, "another node leads by now"}, {}}, false, {}};
    if (status) failed = from_status(*status);
    const Code code = failed.failure.error.code;
    uncertain_ = uncertain_ || !failed.ours || code == Code::unknown_outcome;
    const std::string instead = failed.failure.leader;
    const Error error = cluster_.explain(std::move(failed), leader->address);
    if (!may_retry(code)) return tl::unexpected(error);
    cluster_.say(1, error.message + ": looking for the leader");
    cluster_.lost_leader(instead);
    if (!backoff.pause(cluster_.deadline())) return tl::unexpected(give_up(error));
  }
}

std::optional<grpc::Status> Asking::ask(const Found& leader, clusterv1::ChangeResponse& response) {
  const auto call = std::make_shared<Call>();
  call->stub = clusterv1::Cluster::NewStub(cluster_.channel(leader.address));
  call->context.set_deadline(call_deadline(cluster_.deadline().left()));
  begin_(call);
  const auto ended = [&] { return call->status.has_value(); };
  std::unique_lock lock(call->mutex);
  while (!call->changed.wait_for(lock, silence_max, ended)) {
    // A change may take its time; but whoever was asked may have stopped, or be cut off.
    lock.unlock();
    const bool superseded = cluster_.is_superseded(leader);
    if (superseded) call->context.TryCancel();
    lock.lock();
    if (!superseded) continue;
    call->changed.wait(lock, ended);
    if (!call->status->ok()) return std::nullopt;
  }
  response = std::move(call->response);
  return call->status;
}

Result<Changed> Asking::done(const clusterv1::ChangeResponse& response) const {
  Changed changed = TRY(from_message(response));
  // What an earlier try of ours has done was not done before us.
  if (uncertain_) changed.already = false;
  if (leadership_ && changed.subject.name != first_->status.node) {
    changed.before = first_->status.node;
    changed.already = false;
  }
  return changed;
}

Error Asking::give_up(const Error& error) const {
  if (!uncertain_) return error;
  return {Code::unknown_outcome, "the leader was asked, and no answer came: " + error.message,
          "repeat it: that is safe; 'ledgerctl member list' shows what was done"};
}

}  // namespace

Result<Changed> carry_out(Cluster& cluster, const Change& change) {
  Asking asking(cluster, calling(change));
  if (change.kind == Change::Kind::transfer) {
    asking.about_leadership(change.name.empty() && change.member == MemberId());
  }
  return asking.run();
}

Result<Changed> carry_out(Cluster& cluster, const Introduction& newcomer) {
  return Asking(cluster, calling<clusterv1::JoinRequest>(&Async::Join, newcomer)).run();
}

}  // namespace ledger::rpc
