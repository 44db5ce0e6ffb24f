#include "rpc/cluster_service.h"

#include "rpc/calls.h"
#include "rpc/convert_members.h"
#include "rpc/patient_call.h"

namespace ledger::rpc {
namespace {

namespace clusterv1 = ::cluster::v1;

using ChangeCall = PatientCall<clusterv1::ChangeResponse>;

void ask(Node& node, Change change, const std::shared_ptr<ChangeCall>& call) {
  node.change(std::move(change), [call](const Answer<Changed>& changed) {
    call->answer([&](clusterv1::ChangeResponse& response) {
      if (!changed) return to_status(changed.error());
      to_message(*changed, response);
      return grpc::Status::OK;
    });
  });
}

template <class Request>
grpc::ServerUnaryReactor* change(Host& host, const Request& request,
                                 clusterv1::ChangeResponse* response) {
  const std::shared_ptr<ChangeCall> call = ChangeCall::start(host, response);
  Result<Change> wanted = from_message(request);
  Node* node = host.node();
  if (!wanted) {
    call->fail(to_status(wanted.error()));
  } else if (node == nullptr) {
    call->close();
  } else {
    ask(*node, *std::move(wanted), call);
  }
  return call.get();
}

}  // namespace

grpc::ServerUnaryReactor* ClusterService::Members(Context* context,
                                                  const clusterv1::MembersRequest*,
                                                  clusterv1::MembersResponse* response) {
  Node* node = host_.node();
  if (node == nullptr) return finished(context, host_.absent());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  GossipPort* gossip = host_.gossip();
  node->members([=](Answer<rpc::Members> members) {
    if (!members) return reactor->Finish(to_status(members.error()));
    if (gossip != nullptr) {
      members->gossip = *gossip->members();
      members->gossip_unreadable = gossip->unreadable();
    }
    to_message(*members, *response);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::Meet(Context*, const clusterv1::MeetRequest* request,
                                               clusterv1::MeetResponse* response) {
  const auto call = PatientCall<clusterv1::MeetResponse>::start(host_, response);
  Result<std::vector<std::string>> addresses = from_message(*request);
  GossipPort* gossip = host_.gossip();
  if (!addresses) {
    call->fail(to_status(addresses.error()));
  } else if (gossip == nullptr) {
    call->fail(to_status(Error{Code::config_invalid, "this node does not gossip",
                               "start it with --gossip or --join"}));
  } else {
    gossip->meet(*std::move(addresses), [call](const Answer<Met>& met) {
      call->answer([&](clusterv1::MeetResponse& to) {
        if (!met) return to_status(met.error());
        to_message(*met, to);
        return grpc::Status::OK;
      });
    });
  }
  return call.get();
}

grpc::ServerUnaryReactor* ClusterService::Join(Context*, const clusterv1::JoinRequest* request,
                                               clusterv1::ChangeResponse* response) {
  const std::shared_ptr<ChangeCall> call = ChangeCall::start(host_, response);
  const Result<Joining> joining = from_message(*request);
  Node* node = host_.node();
  if (!joining) {
    call->fail(to_status(joining.error()));
    return call.get();
  }
  if (node == nullptr) {
    call->close();
    return call.get();
  }
  node->status([node, call, joining = *joining](const Answer<NodeStatus>& status) {
    if (!status) return call->fail(to_status(status.error()));
    if (joining.cluster != Id() && joining.cluster != status->cluster) {
      return call->fail(
          to_status(Error{Code::cluster_id_mismatch,
                          "data directory belongs to cluster " + joining.cluster.text() + ", " +
                              status->node + " to " + status->cluster.text(),
                          "is it the right cluster, and not a stale directory?"}));
    }
    ask(*node, joining.change, call);
  });
  return call.get();
}

grpc::ServerUnaryReactor* ClusterService::Leave(Context*, const clusterv1::LeaveRequest* request,
                                                clusterv1::ChangeResponse* response) {
  return change(host_, *request, response);
}

grpc::ServerUnaryReactor* ClusterService::Remove(Context*, const clusterv1::RemoveRequest* request,
                                                 clusterv1::ChangeResponse* response) {
  return change(host_, *request, response);
}

grpc::ServerUnaryReactor* ClusterService::Replace(Context*,
                                                  const clusterv1::ReplaceRequest* request,
                                                  clusterv1::ChangeResponse* response) {
  return change(host_, *request, response);
}

grpc::ServerUnaryReactor* ClusterService::Transfer(Context*,
                                                   const clusterv1::TransferRequest* request,
                                                   clusterv1::ChangeResponse* response) {
  return change(host_, *request, response);
}

}  // namespace ledger::rpc
