#include "rpc/client.h"

#include <algorithm>

#include "base/crc32c.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "ledger/v1/ledger.grpc.pb.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/address.h"
#include "rpc/cluster.h"
#include "rpc/convert.h"
#include "rpc/read_stream.h"
#include "rpc/write_stream.h"

namespace ledger::rpc {
namespace {

namespace logv1 = ::logpb::v1;
namespace healthv1 = ::grpc::health::v1;

/// With several endpoints, a node that does not answer by then is left for another.
constexpr Duration attempt_limit = std::chrono::seconds(2);

// ---- Kinds of streams. ----

struct AppendKind {
  using Request = logv1::AppendRequest;
  using Response = logv1::AppendResponse;
  using Submission = Packed;
  using Answer = Appended;
  using Stub = logv1::Log::Stub;
  static constexpr const char* what = "record";

  static size_t count(const Packed& packed) { return packed.count; }
  static Request encode(Packed&& packed) {
    Request request;
    request.set_crc32c(crc32c(packed.records));
    request.set_count(packed.count);
    request.set_packed(std::move(packed.records));
    return request;
  }
  static Result<Appended> decode(const Response& response, size_t count) {
    const auto out_of_place = [count](uint32_t position) { return position >= count; };
    if (static_cast<size_t>(response.offsets_size()) != count ||
        std::ranges::any_of(response.duplicates(), out_of_place) ||
        std::ranges::any_of(response.refused(), out_of_place)) {
      return fail(Code::internal, "an answer does not fit its request", "report this");
    }
    Appended appended;
    appended.term = Term(response.term());
    appended.recorded = Time{response.recorded()};
    appended.offsets.reserve(count);
    for (const uint64_t offset : response.offsets()) appended.offsets.emplace_back(offset);
    appended.duplicates.assign(response.duplicates().begin(), response.duplicates().end());
    appended.refused.assign(response.refused().begin(), response.refused().end());
    return appended;
  }
  static void open(Stub& stub, grpc::ClientContext* context,
                   grpc::ClientBidiReactor<Request, Response>* reactor) {
    stub.async()->AppendStream(context, reactor);
  }
};

v1::Command encode(const Command& command) {
  v1::Command message;
  message.set_id(command.id.bytes.data(), command.id.bytes.size());
  if (command.expect_offset) message.set_expect_offset(command.expect_offset->value);
  if (command.valid_until) message.set_valid_until(command.valid_until->ns);
  message.set_meta(command.meta);
  // The canonical bytes of a body are its message's.
  bool parsed = false;
  if (const auto* asset = std::get_if<book::Asset>(&command.body)) {
    parsed = message.mutable_asset()->ParseFromString(book::encode(*asset));
  } else if (const auto* account = std::get_if<book::Account>(&command.body)) {
    parsed = message.mutable_account()->ParseFromString(book::encode(*account));
  } else {
    parsed = message.mutable_transact()->ParseFromString(
        book::encode(std::get<book::Transact>(command.body)));
  }
  assert(parsed);
  return message;
}

struct PostKind {
  using Request = v1::PostRequest;
  using Response = v1::PostResponse;
  using Submission = std::vector<Command>;
  using Answer = Posted;
  using Stub = v1::Ledger::Stub;
  static constexpr const char* what = "command";

  static size_t count(const std::vector<Command>& commands) { return commands.size(); }
  static Request encode(std::vector<Command>&& commands) {
    Request request;
    for (const Command& command : commands) *request.add_commands() = rpc::encode(command);
    return request;
  }
  static Result<Posted> decode(const Response& response, size_t count) {
    Posted posted;
    if (response.has_refused()) {
      const std::optional<Code> code = code_named(response.refused().error());
      posted.refused = {response.refused().index(),
                        {code.value_or(Code::invalid_message), response.refused().message()}};
      return posted;
    }
    if (static_cast<size_t>(response.decisions_size()) != count) {
      return fail(Code::internal, "an answer does not fit its request", "report this");
    }
    for (const v1::Decision& decision : response.decisions()) {
      posted.decisions.push_back(TRY(from_message(decision)));
    }
    return posted;
  }
  static void open(Stub& stub, grpc::ClientContext* context,
                   grpc::ClientBidiReactor<Request, Response>* reactor) {
    stub.async()->PostStream(context, reactor);
  }
};

struct RecordsKind {
  using Request = logv1::ReadRequest;
  using Response = logv1::ReadResponse;
  using Stub = logv1::Log::Stub;
  Range range;

  Request request(Offset from, std::optional<Offset> to) const {
    Request request;
    request.set_from(from.value);
    if (to) request.set_to(to->value);
    request.set_follow(range.follow);
    if (range.freshness.kind == Freshness::Kind::at_least) {
      request.set_at_least(range.freshness.at_least.value);
    }
    request.set_stale(range.freshness.kind == Freshness::Kind::stale);
    return request;
  }
  static void open(Stub& stub, grpc::ClientContext* context, const Request* request,
                   grpc::ClientReadReactor<Response>* reactor) {
    stub.async()->ReadStream(context, request, reactor);
  }
};

struct DecisionsKind {
  using Request = v1::DecisionsRequest;
  using Response = v1::DecisionsResponse;
  using Stub = v1::Ledger::Stub;
  Range range;
  std::string name;

  Request request(Offset from, std::optional<Offset> to) const {
    Request request;
    request.set_from(from.value);
    if (to) request.set_to(to->value);
    request.set_follow(range.follow);
    to_message(range.freshness, *request.mutable_as());
    request.set_name(name);
    return request;
  }
  static void open(Stub& stub, grpc::ClientContext* context, const Request* request,
                   grpc::ClientReadReactor<Response>* reactor) {
    stub.async()->Decisions(context, request, reactor);
  }
};

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(ClientOptions options)
      : several_(options.endpoints.size() > 1), cluster_(std::move(options)) {}

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

  Result<std::vector<Server>> servers() override {
    const logv1::GetServersResponse response =
        TRY(ask(&logv1::Log::Stub::GetServers, logv1::GetServersRequest()));
    std::vector<Server> servers;
    for (const logv1::Server& server : response.servers()) {
      servers.push_back({server.id(), server.rpc_addr(), server.is_leader()});
    }
    return servers;
  }

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
    return several_ ? std::min(attempt_limit, left) : left;
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
    Error error = cluster_.explain(from_status(status), address);
    if (error.code == Code::unreachable) {
      const Result<Address> parsed = parse_address(address);
      error.message = address + " " + (parsed ? why_unreachable(*parsed) : "is not an address");
    }
    return tl::unexpected(std::move(error));
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

  const bool several_;
  mutable Cluster cluster_;
};

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
