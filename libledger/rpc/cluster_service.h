// cluster.v1.Cluster: who belongs to the cluster and who leads it.
#pragma once

#include "cluster/v1/cluster.grpc.pb.h"
#include "rpc/host.h"

namespace ledger::rpc {

/// Checks and translates; the node does the rest. `host` must outlive it.
class ClusterService final : public ::cluster::v1::Cluster::CallbackService {
 public:
  explicit ClusterService(Host& host) : host_(host) {}

  using Context = grpc::CallbackServerContext;
  using ChangeResponse = ::cluster::v1::ChangeResponse;

  grpc::ServerUnaryReactor* Members(Context* context, const ::cluster::v1::MembersRequest* request,
                                    ::cluster::v1::MembersResponse* response) override;
  grpc::ServerUnaryReactor* Meet(Context* context, const ::cluster::v1::MeetRequest* request,
                                 ::cluster::v1::MeetResponse* response) override;
  grpc::ServerUnaryReactor* Join(Context* context, const ::cluster::v1::JoinRequest* request,
                                 ChangeResponse* response) override;
  grpc::ServerUnaryReactor* Leave(Context* context, const ::cluster::v1::LeaveRequest* request,
                                  ChangeResponse* response) override;
  grpc::ServerUnaryReactor* Remove(Context* context, const ::cluster::v1::RemoveRequest* request,
                                   ChangeResponse* response) override;
  grpc::ServerUnaryReactor* Replace(Context* context, const ::cluster::v1::ReplaceRequest* request,
                                    ChangeResponse* response) override;
  grpc::ServerUnaryReactor* Transfer(Context* context,
                                     const ::cluster::v1::TransferRequest* request,
                                     ChangeResponse* response) override;

 private:
  Host& host_;
};

}  // namespace ledger::rpc
