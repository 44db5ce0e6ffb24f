#include "rpc/ledger_service.h"

#include "rpc/calls.h"
#include "rpc/feed.h"
#include "rpc/pipeline.h"

namespace ledger::rpc {
namespace {

using ViewAnswer = Answer<std::reference_wrapper<const View>>;
using PostAnswer = tl::expected<v1::PostResponse, grpc::Status>;

constexpr size_t decisions_bytes_max = 128 << 10;

/// Checks and proposes; a request that is unfit is answered, not failed.
template <class Done>
void post(Host& host, const v1::PostRequest& request, Done done) {
  PostAnswer answer;
  Fit<Proposal> proposal = take(request);
  if (!proposal) {
    v1::RequestError& refused = *answer->mutable_refused();
    refused.set_index(proposal.error().index);
    refused.set_error(std::string(name(proposal.error().error.code)));
    refused.set_message(proposal.error().error.message);
    return done(std::move(answer));
  }
  Node* node = host.node();
  if (node == nullptr) return done(PostAnswer(tl::unexpect, host.absent()));
  if (proposal->count == 0) return done(std::move(answer));
  node->propose(*std::move(proposal), [done = std::move(done)](const Answer<Outcome>& outcome) {
    if (!outcome) return done(PostAnswer(tl::unexpect, to_status(outcome.error())));
    PostAnswer answered;
    answered->mutable_decisions()->Reserve(static_cast<int>(outcome->decisions.size()));
    for (const book::Decision& decision : outcome->decisions) {
      to_message(decision, *answered->add_decisions());
    }
    done(std::move(answered));
  });
}

/// Reads with what `as` asks for, and gives `answer` the view, on the loop. Failures finish the
/// call.
template <class Take>
grpc::ServerUnaryReactor* read(Host& host, grpc::CallbackServerContext* context, const v1::As& as,
                               Take take) {
  Node* node = host.node();
  if (node == nullptr) return finished(context, host.absent());
  const Result<Freshness> fresh = freshness(as);
  if (!fresh) return finished(context, to_status(fresh.error()));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  node->read(*fresh, [reactor, node, take = std::move(take)](const ViewAnswer& view) {
    if (!view) return reactor->Finish(to_status(view.error()));
    take(reactor, *node, view->get());
  });
  return reactor;
}

bool has_balance(const book::AccountRow& row) {
  return row.posted() != 0 || row.debits_pending != 0 || row.credits_pending != 0;
}

/// Sends rows that the loop has copied, one a message.
class AccountRows final : public grpc::ServerWriteReactor<v1::GetAccountResponse> {
 public:
  AccountRows(Node& node, const Freshness& fresh, const std::string& prefix, bool nonzero) {
    node.read(fresh, [this, prefix, nonzero](const ViewAnswer& view) {
      if (!view) return Finish(to_status(view.error()));
      const book::Book& book = view->get().book();
      as_of_ = book.next_offset();
      book.each_account(prefix, [&](const book::AccountRow& row) {
        if (!nonzero || has_balance(row)) rows_.push_back(row);
      });
      on_grpc_thread([this] { send(); });
    });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    send();
  }
  void OnDone() override { delete this; }

 private:
  void send() {
    if (sent_ > 0 && sent_ >= rows_.size()) return Finish(grpc::Status::OK);
    response_.Clear();
    if (!rows_.empty()) to_message(rows_[sent_], response_);
    response_.set_as_of_offset(as_of_.value);
    ++sent_;
    StartWrite(&response_);
  }

  std::vector<book::AccountRow> rows_;
  size_t sent_ = 0;
  Offset as_of_;
  v1::GetAccountResponse response_;
};

}  // namespace

grpc::ServerUnaryReactor* LedgerService::Post(Context* context, const v1::PostRequest* request,
                                              v1::PostResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  post(host_, *request, [reactor, response](PostAnswer answer) {
    if (!answer) return reactor->Finish(answer.error());
    *response = *std::move(answer);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerBidiReactor<v1::PostRequest, v1::PostResponse>* LedgerService::PostStream(Context*) {
  using Call = Pipeline<v1::PostRequest, v1::PostResponse>;
  return Call::start(host_, [this](const v1::PostRequest& request, Call::Done done) {
    post(host_, request, std::move(done));
  });
}

grpc::ServerUnaryReactor* LedgerService::GetTransaction(Context* context,
                                                        const v1::GetTransactionRequest* request,
                                                        v1::GetTransactionResponse* response) {
  const std::optional<Id> id = id_from_bytes(request->id());
  if (!id || !id->valid()) {
    return finished(context, to_status(Error{Code::invalid_id, "the id is not a UUID of 16 bytes",
                                             "neither all zeros nor all ones"}));
  }
  return read(host_, context, request->as(),
              [id = *id, response](grpc::ServerUnaryReactor* reactor, Node&, const View& view) {
                const Result<std::optional<View::Transaction>> found = view.transaction(id);
                if (!found) return reactor->Finish(to_status(found.error()));
                response->set_as_of_offset(view.book().next_offset().value);
                response->set_log_time(view.book().log_time().ns);
                response->set_state(v1::GetTransactionResponse::NOT_RECORDED);
                if (*found) {
                  const View::Transaction& transaction = **found;
                  response->set_state(v1::GetTransactionResponse::RECORDED);
                  to_message(transaction.decision, *response->mutable_decision());
                  std::string& command = *response->mutable_command();
                  put_varint(command, transaction.record.size());
                  command += transaction.record;
                }
                reactor->Finish(grpc::Status::OK);
              });
}

grpc::ServerWriteReactor<v1::DecisionsResponse>* LedgerService::Decisions(
    Context*, const v1::DecisionsRequest* request) {
  Node* node = host_.node();
  if (node == nullptr) return new FailedStream<v1::DecisionsResponse>(host_.absent());
  FeedRange range{
      .from = Offset(request->from()), .follow = request->follow(), .replay = request->name()};
  if (request->has_to()) range.to = Offset(request->to());
  const auto fill = [](book::Decided&& decided, std::deque<v1::DecisionsResponse>& out) {
    to_message(std::move(decided), out.emplace_back());
  };
  return Feed<v1::DecisionsResponse>::start(host_, *node, range, freshness(request->as()),
                                            decisions_bytes_max, fill);
}

grpc::ServerUnaryReactor* LedgerService::GetAccount(Context* context,
                                                    const v1::GetAccountRequest* request,
                                                    v1::GetAccountResponse* response) {
  const std::optional<Id> id = id_from_bytes(request->account());
  if (request->account().empty() == request->name().empty()) {
    return finished(context,
                    to_status(Error{Code::invalid_value, "one of account and name is needed",
                                    "set the id or the name"}));
  }
  if (request->name().empty() && !id) {
    return finished(context,
                    to_status(Error{Code::invalid_id, "the account's id is not a UUID of 16 bytes",
                                    "or ask by name"}));
  }
  return read(
      host_, context, request->as(),
      [id, name = request->name(), response](grpc::ServerUnaryReactor* reactor, Node& node,
                                             const View& view) {
        const std::optional<book::AccountRow> row =
            name.empty() ? view.book().account(*id) : view.book().account(name);
        if (!row) {
          return reactor->Finish(to_status(Error{
              Code::no_such_account, "no account '" + (name.empty() ? id->text() : name) + "'",
              "see `ledgerctl account list`"}));
        }
        to_message(*row, *response);
        response->set_as_of_offset(view.book().next_offset().value);
        // The book keeps no meta: it stands in the account's record.
        finish_with_record(reactor, node, row->opened, [response](const book::Decided& decided) {
          Cursor cursor(decided.records);
          const std::optional<Bytes> bytes = take_record(cursor);
          assert(bytes);
          const Bytes meta = view_record(*bytes).meta;
          response->mutable_row()->set_meta(meta.data(), meta.size());
          return grpc::Status::OK;
        });
      });
}

grpc::ServerWriteReactor<v1::GetAccountResponse>* LedgerService::ListAccounts(
    Context*, const v1::ListAccountsRequest* request) {
  Node* node = host_.node();
  if (node == nullptr) return new FailedStream<v1::GetAccountResponse>(host_.absent());
  const Result<Freshness> fresh = freshness(request->as());
  if (!fresh) return new FailedStream<v1::GetAccountResponse>(to_status(fresh.error()));
  return new AccountRows(*node, *fresh, request->name_prefix(), request->nonzero());
}

grpc::ServerUnaryReactor* LedgerService::ListAssets(Context* context,
                                                    const v1::ListAssetsRequest* request,
                                                    v1::ListAssetsResponse* response) {
  return read(host_, context, request->as(),
              [response](grpc::ServerUnaryReactor* reactor, Node&, const View& view) {
                for (const book::AssetRow& row : view.book().assets()) {
                  to_message(row, *response->add_rows());
                }
                response->set_as_of_offset(view.book().next_offset().value);
                reactor->Finish(grpc::Status::OK);
              });
}

grpc::ServerWriteReactor<v1::DecisionsResponse>* LedgerService::History(Context*,
                                                                        const v1::HistoryRequest*) {
  return new FailedStream<v1::DecisionsResponse>(
      to_status(Failure{.error = {Code::not_built, "'History' is not in this version",
                                  "`tx list --account` reads the log"}},
                grpc::StatusCode::UNIMPLEMENTED));
}

}  // namespace ledger::rpc
