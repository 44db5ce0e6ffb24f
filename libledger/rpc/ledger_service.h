// ledger.v1.Ledger: money.
#pragma once

#include "ledger/v1/ledger.grpc.pb.h"
#include "rpc/host.h"

namespace ledger::rpc {

/// Checks and translates; the node does the rest. `host` must outlive it.
class LedgerService final : public v1::Ledger::CallbackService {
 public:
  explicit LedgerService(Host& host) : host_(host) {}

  using Context = grpc::CallbackServerContext;

  grpc::ServerUnaryReactor* Post(Context* context, const v1::PostRequest* request,
                                 v1::PostResponse* response) override;
  grpc::ServerBidiReactor<v1::PostRequest, v1::PostResponse>* PostStream(Context* context) override;
  grpc::ServerUnaryReactor* GetTransaction(Context* context,
                                           const v1::GetTransactionRequest* request,
                                           v1::GetTransactionResponse* response) override;
  grpc::ServerWriteReactor<v1::DecisionsResponse>* Decisions(
      Context* context, const v1::DecisionsRequest* request) override;
  grpc::ServerUnaryReactor* GetAccount(Context* context, const v1::GetAccountRequest* request,
                                       v1::GetAccountResponse* response) override;
  grpc::ServerWriteReactor<v1::GetAccountResponse>* ListAccounts(
      Context* context, const v1::ListAccountsRequest* request) override;
  grpc::ServerUnaryReactor* ListAssets(Context* context, const v1::ListAssetsRequest* request,
                                       v1::ListAssetsResponse* response) override;
  grpc::ServerWriteReactor<v1::DecisionsResponse>* History(
      Context* context, const v1::HistoryRequest* request) override;

 private:
  Host& host_;
};

}  // namespace ledger::rpc
