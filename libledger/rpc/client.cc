#include "rpc/client.h"

#include <algorithm>

#include "cluster/v1/cluster.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "ledger/v1/ledger.grpc.pb.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/address.h"
#include "rpc/change.h"
#include "rpc/client_kinds.h"
#include "rpc/cluster.h"
#include "rpc/convert.h"
#include "rpc/convert_members.h"
#include "rpc/read_stream.h"
#include "rpc/write_stream.h"

namespace ledger::rpc {
namespace {

namespace clusterv1 = ::cluster::v1;
namespace logv1 = ::logpb::v1;
namespace healthv1 = ::grpc::health::v1;

/// Where there is another, a node that does not answer by then is left for it.
constexpr Duration attempt_limit = std::chrono::seconds(2);

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(ClientOptions options) : cluster_(std::move(options)) {}

  std::vector<Tried> tried() const override { return cluster_.tried(); }

  Result<NodeStatus> leader() override {
    cluster_.deadline().progress();
    cluster_.lost_leader({});  // What it said once is no answer: its clock goes on.
    return TRY(cluster_.leader()).status;
  }

  Result<NodeStatus> status() override {
    return from_message(TRY(ask(&logv1::Log::Stub::Status, logv1::StatusRequest())));
  }

  Result<NodeStatus> status_of(const std::string& address) override {
    logv1::StatusResponse response;
    TRY(try_once<logv1::Log>(address, &logv1::Log::Stub::Status, logv1::StatusRequest(), response));
    return from_message(response);
  }

  std::vector<Result<NodeStatus>> statuses_of(const std::vector<std::string>& addresses) override;
  Result<Offset> end_of(const std::string& address) override;

  Result<Members> members() override {
    cluster_.deadline().progress();
    return members_of(TRY(cluster_.anyone()).address);
  }
  Result<Members> members_of(const std::string& address) override {
    clusterv1::MembersResponse response;
    TRY(try_once<clusterv1::Cluster>(address, &clusterv1::Cluster::Stub::Members,
                                     clusterv1::MembersRequest(), response));
    return from_message(response);
  }
  Result<Met> meet(const std::string& address, const std::vector<std::string>& addresses) override {
    clusterv1::MeetRequest request;
    for (const std::string& one : addresses) request.add_addresses(one);
    clusterv1::MeetResponse response;
    TRY(try_once<clusterv1::Cluster>(address, &clusterv1::Cluster::Stub::Meet, request, response));
    return from_message(response);
  }
  Result<Changed> change(const Change& change) override { return carry_out(cluster_, change); }

  Result<bool> is_ready(const std::string& address) override {
    healthv1::HealthCheckRequest request;
    request.set_service("ledger.ready");
    healthv1::HealthCheckResponse response;
    TRY(try_once<healthv1::Health>(address, &healthv1::Health::Stub::Check, request, response));
    return response.status() == healthv1::HealthCheckResponse::SERVING;
  }

  std::unique_ptr<Appender> append(size_t window) override {
    return std::make_unique<WriteStream<AppendKind>>(cluster_, window);
  }
  std::unique_ptr<Poster> post(size_t window) override {
    return std::make_unique<WriteStream<PostKind>>(cluster_, window);
  }
  Result<Posted> post(std::vector<Command> commands) override {
    WriteStream<PostKind> stream(cluster_, commands.size());
    stream.submit(std::move(commands));
    stream.close();
    std::optional<Posted> posted = TRY(stream.next());
    assert(posted);
    return *std::move(posted);
  }

  std::unique_ptr<Reader> read(const Range& range) override {
    return std::make_unique<ReadStream<RecordsKind>>(cluster_, range, RecordsKind{range});
  }
  std::unique_ptr<Reader> decisions(const Range& range, const std::string& name) override {
    return std::make_unique<ReadStream<DecisionsKind>>(cluster_, range, DecisionsKind{range, name});
  }

  Result<Offset> end(const Freshness& freshness) override;
  Result<Offset> find(Time time) override;
  Result<std::pair<Id, Time>> identify(Offset offset) override { return identify(offset, offset); }

  Result<AsOf<AccountAnswer>> account(const Id& id, const Freshness& freshness) override {
    v1::GetAccountRequest request;
    request.set_account(id.bytes.data(), id.bytes.size());
    return account(std::move(request), freshness);
  }
  Result<AsOf<AccountAnswer>> account(const std::string& name,
                                      const Freshness& freshness) override {
    v1::GetAccountRequest request;
    request.set_name(name);
    return account(std::move(request), freshness);
  }
  Result<AsOf<std::vector<book::AccountRow>>> accounts(const std::string& prefix, bool nonzero,
                                                       const Freshness& freshness) override;
  Result<AsOf<std::vector<book::AssetRow>>> assets(const Freshness& freshness) override;
  Result<AsOf<std::optional<TransactionAnswer>>> transaction(const Id& id,
                                                             const Freshness& freshness) override;

 private:
  Result<AsOf<AccountAnswer>> account(v1::GetAccountRequest request, const Freshness& freshness);
  Result<std::pair<Id, Time>> identify(Offset offset, Offset at_least);

  Duration attempt() const {
    const Duration left = cluster_.deadline().left();
    return cluster_.has_choice() ? std::min(attempt_limit, left) : left;
  }

  /// One call to `address`.
  template <class Service, class Method, class Request, class Response>
  Result<void> try_once(const std::string& address, Method method, const Request& request,
                        Response& response) {
    cluster_.deadline().progress();
    grpc::ClientContext context;
    context.set_deadline(call_deadline(cluster_.deadline().left()));
    const auto stub = Service::NewStub(cluster_.channel(address));
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (status.ok()) return {};
    return tl::unexpected(cluster_.explain_once(from_status(status), address));
  }

  /// Calls `attempt(address, context)` at the node that reads go to, until it succeeds, fails for
  /// good, or time is up.
  template <class Attempt>
  Result<void> keep_trying(Attempt attempt_call) {
    cluster_.deadline().progress();
    Backoff backoff;
    while (true) {
      const std::string address = TRY(cluster_.reader());
      grpc::ClientContext context;
      context.set_deadline(call_deadline(attempt()));
      const grpc::Status status = attempt_call(address, context);
      if (status.ok()) {
        cluster_.reached();
        cluster_.deadline().progress();
        return {};
      }
      TRY(cluster_.retry_read(from_status(status), address, backoff));
    }
  }

  template <class Stub, class Request, class Response>
  Result<Response> ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const Request& request) {
    Response response;
    TRY(keep_trying([&](const std::string& address, grpc::ClientContext& context) {
      Stub stub(cluster_.channel(address));
      return (stub.*method)(&context, request, &response);
    }));
    return response;
  }

  mutable Cluster cluster_;
};

std::vector<Result<NodeStatus>> GrpcClient::statuses_of(const std::vector<std::string>& addresses) {
  cluster_.deadline().progress();
  return cluster_.statuses_of(addresses,
                              std::min<Duration>(attempt_limit, cluster_.deadline().left() / 2));
}

Result<Offset> GrpcClient::end_of(const std::string& address) {
  cluster_.deadline().progress();
  grpc::ClientContext context;
  context.set_deadline(call_deadline(cluster_.deadline().left()));
  const Range nothing{.from = {}, .to = Offset(0)};
  const auto reader = logv1::Log::NewStub(cluster_.channel(address))
                          ->ReadStream(&context, RecordsKind{nothing}.request({}, Offset(0)));
  logv1::ReadResponse response;
  while (reader->Read(&response)) {
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return tl::unexpected(cluster_.explain_once(from_status(status), address));
  return Offset(response.as_of_offset());
}

Result<Offset> GrpcClient::end(const Freshness& freshness) {
  // An empty range is answered with its place in the log.
  const Range nothing{.from = {}, .to = Offset(0), .follow = false, .freshness = freshness};
  const logv1::ReadRequest request = RecordsKind{nothing}.request(nothing.from, nothing.to);
  logv1::ReadResponse response;
  TRY(keep_trying([&](const std::string& address, grpc::ClientContext& context) {
    const auto reader =
        logv1::Log::NewStub(cluster_.channel(address))->ReadStream(&context, request);
    while (reader->Read(&response)) {
    }
    return reader->Finish();
  }));
  return Offset(response.as_of_offset());
}

Result<std::pair<Id, Time>> GrpcClient::identify(Offset offset, Offset at_least) {
  logv1::ConsumeRequest request;
  request.set_offset(offset.value);
  request.set_at_least(at_least.value);
  const logv1::ConsumeResponse response = TRY(ask(&logv1::Log::Stub::Consume, request));
  const std::optional<Id> id = id_from_bytes(response.record().id());
  if (!id) return fail(Code::internal, "a record without an id", "report this");
  return std::pair(*id, Time{response.record().recorded()});
}

Result<Offset> GrpcClient::find(Time time) {
  const Offset all = TRY(end({}));
  Offset low;
  Offset high = all;
  while (low < high) {
    const Offset middle = low + (high - low) / 2;
    if (TRY(identify(middle, all - 1)).second < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<AsOf<AccountAnswer>> GrpcClient::account(v1::GetAccountRequest request,
                                                const Freshness& freshness) {
  to_message(freshness, *request.mutable_as());
  const v1::GetAccountResponse response = TRY(ask(&v1::Ledger::Stub::GetAccount, request));
  AccountAnswer answer{TRY(from_message(response)), response.row().meta()};
  return AsOf<AccountAnswer>{std::move(answer), Offset(response.as_of_offset())};
}

Result<AsOf<std::vector<book::AccountRow>>> GrpcClient::accounts(const std::string& prefix,
                                                                 bool nonzero,
                                                                 const Freshness& freshness) {
  v1::ListAccountsRequest request;
  request.set_name_prefix(prefix);
  request.set_nonzero(nonzero);
  to_message(freshness, *request.mutable_as());
  AsOf<std::vector<book::AccountRow>> answer;
  std::optional<Error> wrong;
  TRY(keep_trying([&](const std::string& address, grpc::ClientContext& context) {
    answer.value.clear();
    wrong.reset();
    const auto reader =
        v1::Ledger::NewStub(cluster_.channel(address))->ListAccounts(&context, request);
    for (v1::GetAccountResponse response; reader->Read(&response);) {
      answer.as_of = Offset(response.as_of_offset());
      if (!response.has_row()) continue;
      Result<book::AccountRow> row = from_message(response);
      if (row) {
        answer.value.push_back(*std::move(row));
      } else {
        wrong = std::move(row).error();
      }
    }
    return reader->Finish();
  }));
  if (wrong) return tl::unexpected(*std::move(wrong));
  return answer;
}

Result<AsOf<std::vector<book::AssetRow>>> GrpcClient::assets(const Freshness& freshness) {
  v1::ListAssetsRequest request;
  to_message(freshness, *request.mutable_as());
  const v1::ListAssetsResponse response = TRY(ask(&v1::Ledger::Stub::ListAssets, request));
  AsOf<std::vector<book::AssetRow>> answer{{}, Offset(response.as_of_offset())};
  for (const v1::AssetRow& row : response.rows()) answer.value.push_back(TRY(from_message(row)));
  return answer;
}

Result<AsOf<std::optional<TransactionAnswer>>> GrpcClient::transaction(const Id& id,
                                                                       const Freshness& freshness) {
  v1::GetTransactionRequest request;
  request.set_id(id.bytes.data(), id.bytes.size());
  to_message(freshness, *request.mutable_as());
  const v1::GetTransactionResponse response = TRY(ask(&v1::Ledger::Stub::GetTransaction, request));
  AsOf<std::optional<TransactionAnswer>> answer{{}, Offset(response.as_of_offset())};
  if (response.state() != v1::GetTransactionResponse::RECORDED) return answer;
  Cursor cursor(response.command());
  const std::optional<Bytes> record = take_record(cursor);
  if (!record || !cursor.empty()) {
    return fail(Code::internal, "a record that does not fit its bytes", "report this");
  }
  answer.value = TransactionAnswer{TRY(from_message(response.decision())), std::string(*record)};
  return answer;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
  if (options.endpoints.empty()) {
    return fail(Code::invalid_value, "no endpoint is given", "HOST:PORT of a node");
  }
  for (const std::string& endpoint : options.endpoints) TRY(parse_address(endpoint));
  return std::make_unique<GrpcClient>(std::move(options));
}

}  // namespace ledger::rpc
