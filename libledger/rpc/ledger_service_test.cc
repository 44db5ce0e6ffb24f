#include "rpc/ledger_service.h"

#include <doctest/doctest.h>

#include "rpc/convert.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
using grpc::StatusCode;

namespace {

std::string bytes(const Id& id) {
  return std::string(id.view());
}

v1::Command command(uint64_t id) {
  v1::Command command;
  command.set_id(bytes(test_id(id)));
  return command;
}

v1::Command asset(uint64_t id, const std::string& code, uint32_t scale) {
  v1::Command made = command(id);
  made.mutable_asset()->set_code(code);
  made.mutable_asset()->set_scale(scale);
  return made;
}

v1::Command account(uint64_t id, const std::string& name, v1::AccountKind kind) {
  v1::Command made = command(id);
  made.mutable_account()->set_account(bytes(test_id(id)));
  made.mutable_account()->set_name(name);
  made.mutable_account()->set_asset("USD");
  made.mutable_account()->set_kind(kind);
  return made;
}

v1::Command transact(uint64_t id, uint64_t debit, uint64_t credit, int64_t amount) {
  v1::Command made = command(id);
  v1::Leg& leg = *made.mutable_transact()->add_legs();
  leg.set_debit(bytes(test_id(debit)));
  leg.set_credit(bytes(test_id(credit)));
  leg.set_amount(encode_int128(amount));
  return made;
}

constexpr uint64_t bank = 101;
constexpr uint64_t alice = 102;
constexpr uint64_t bob = 103;

/// USD, assets:bank, liabilities:alice with floor 0 and 100.00, liabilities:bob: offsets 0 to 4.
struct LedgerServed : Served {
  std::unique_ptr<v1::Ledger::Stub> stub = v1::Ledger::NewStub(channel);

  LedgerServed() {
    v1::Command funded = account(alice, "liabilities:alice", v1::LIABILITY);
    funded.mutable_account()->set_floor(encode_int128(0));
    funded.set_meta(R"({"customer":7})");
    const v1::PostResponse response =
        post({asset(1, "USD", 2), account(bank, "assets:bank", v1::ASSET), funded,
              account(bob, "liabilities:bob", v1::LIABILITY), transact(2, bank, alice, 10'000)});
    REQUIRE(response.decisions_size() == 5);
    for (const v1::Decision& decision : response.decisions()) CHECK(decision.verdict() == v1::OK);
  }

  v1::PostResponse post(const std::vector<v1::Command>& commands) {
    Context context;
    v1::PostRequest request;
    for (const v1::Command& one : commands) *request.add_commands() = one;
    v1::PostResponse response;
    REQUIRE(stub->Post(&context, request, &response).ok());
    return response;
  }
  v1::RequestError refused(const v1::Command& bad) {
    const v1::PostResponse response = post({asset(1, "USD", 2), bad});
    CHECK(response.decisions_size() == 0);
    CHECK(response.refused().index() == 1);
    return response.refused();
  }
};

}  // namespace

TEST_CASE("a transaction is decided, with legs, balances and times") {
  LedgerServed served;
  v1::Command command = transact(3, alice, bob, 4'000);
  command.mutable_transact()->set_effective(17);
  const v1::PostResponse response = served.post({command});
  REQUIRE(response.decisions_size() == 1);
  const v1::Decision& decision = response.decisions(0);
  CHECK(decision.id() == bytes(test_id(3)));
  CHECK(decision.offset() == 5);
  CHECK(decision.recorded() == MemoryNode::start.ns + 2000);
  CHECK(decision.verdict() == v1::OK);
  CHECK(decision.effective() == 17);
  REQUIRE(decision.legs_size() == 1);
  CHECK(decision.legs(0).amount() == encode_int128(4'000));
  REQUIRE(decision.balances_size() == 2);
  CHECK(decision.balances(0).name() == "liabilities:alice");
  CHECK(decision.balances(0).posted() == encode_int128(6'000));
  CHECK(decision.balances(0).version() == 2);
  CHECK(decision.balances(1).posted() == encode_int128(4'000));

  const v1::Decision again = served.post({command}).decisions(0);
  CHECK(again.duplicate());
  CHECK(again.offset() == 5);
  CHECK(again.balances_size() == 0);
  CHECK(again.legs_size() == 1);
}

TEST_CASE("a refusal is an answer, with the numbers of the decision") {
  LedgerServed served;
  const v1::PostResponse response =
      served.post({transact(3, alice, bob, 20'000), transact(4, alice, bob, 1'000)});
  REQUIRE(response.decisions_size() == 2);
  const v1::Decision& decision = response.decisions(0);
  CHECK(decision.verdict() == v1::INSUFFICIENT_FUNDS);
  CHECK(decision.detail().account() == bytes(test_id(alice)));
  CHECK(decision.detail().available() == encode_int128(10'000));
  CHECK(decision.detail().needed() == encode_int128(20'000));
  CHECK(decision.detail().floor() == encode_int128(0));
  CHECK(response.decisions(1).verdict() == v1::OK);  // It does not stop the next.

  const Result<book::Decision> back = from_message(decision);
  REQUIRE(back);
  CHECK(back->verdict.code == book::Code::insufficient_funds);
  CHECK(back->verdict.detail.needed == 20'000);
}

TEST_CASE("one malformed command means that nothing of its request is written") {
  LedgerServed served;
  v1::Command bad = transact(3, alice, bob, 0);
  CHECK(served.refused(bad).error() == "invalid_amount");
  bad.mutable_transact()->mutable_legs(0)->set_amount(std::string("\0\0\x01", 3));
  CHECK(served.refused(bad).error() == "invalid_message");  // Not the shortest form.
  bad.mutable_transact()->mutable_legs(0)->clear_amount();
  CHECK(served.refused(bad).error() == "invalid_message");
  bad.mutable_transact()->mutable_legs(0)->set_amount(std::string("\x80") + std::string(15, '\0'));
  CHECK(served.refused(bad).error() == "invalid_message");  // -2^127.
  bad = transact(3, alice, alice, 1);
  CHECK(served.refused(bad).error() == "invalid_legs");
  bad = transact(3, alice, bob, 1);
  bad.mutable_transact()->mutable_legs(0)->set_debit("x");
  CHECK(served.refused(bad).error() == "invalid_id");
  bad = transact(3, alice, bob, 1);
  bad.set_id("");
  CHECK(served.refused(bad).error() == "invalid_id");
  CHECK(served.refused(bad).message() == "the id has 0 bytes, not 16");
  bad = transact(3, alice, bob, 1);
  bad.mutable_transact()->set_memo(std::string(257, 'x'));
  CHECK(served.refused(bad).error() == "too_large");
  bad = transact(3, alice, bob, 1);
  bad.set_meta("[]");
  CHECK(served.refused(bad).error() == "invalid_text");
  bad = account(104, "liabilities:carol", v1::ASSET);
  CHECK(served.refused(bad).error() == "invalid_name");
  bad = account(104, "liabilities:carol", static_cast<v1::AccountKind>(9));
  CHECK(served.refused(bad).error() == "invalid_message");
  bad = account(104, "liabilities:carol", v1::LIABILITY);
  bad.mutable_account()->set_floor(encode_int128(2));
  bad.mutable_account()->set_ceiling(encode_int128(1));
  CHECK(served.refused(bad).error() == "invalid_limits");
  CHECK(served.refused(command(3)).error() == "invalid_message");  // No body.

  CHECK(served.post({transact(3, alice, bob, 1)}).decisions(0).offset() == 5);
}

TEST_CASE("what comes with later rules is refused, not guessed") {
  LedgerServed served;
  v1::Command later = transact(3, alice, bob, 1);
  later.mutable_transact()->set_pending(true);
  CHECK(served.refused(later).error() == "invalid_message");
  later = transact(3, alice, bob, 1);
  later.mutable_transact()->mutable_legs(0)->set_at_most(true);
  CHECK(served.refused(later).error() == "invalid_message");
  later = command(3);
  later.mutable_settle()->set_pending(bytes(test_id(2)));
  CHECK(served.refused(later).error() == "invalid_message");
  later = command(3);
  later.mutable_reverse()->set_transaction(bytes(test_id(2)));
  CHECK(served.refused(later).error() == "invalid_message");
  later = command(3);
  later.mutable_redact()->set_offset(2);
  CHECK(served.refused(later).error() == "invalid_message");
}

TEST_CASE("fields that nobody knows are dropped before a command becomes a record") {
  LedgerServed served;
  v1::Command odd = transact(3, alice, bob, 1);
  auto* transact_message = odd.mutable_transact();
  transact_message->GetReflection()->MutableUnknownFields(transact_message)->AddVarint(99, 1);
  auto* leg = transact_message->mutable_legs(0);
  leg->GetReflection()->MutableUnknownFields(leg)->AddLengthDelimited(98, "later");
  CHECK(served.post({odd}).decisions(0).verdict() == v1::OK);
  // So another encoding of the same command is the same record.
  CHECK(served.post({transact(3, alice, bob, 1)}).decisions(0).duplicate());
}

TEST_CASE("PostStream answers each request in order, malformed ones too") {
  LedgerServed served;
  Context context;
  const auto stream = served.stub->PostStream(&context);
  for (uint64_t i = 0; i < 20; ++i) {
    v1::PostRequest request;
    *request.add_commands() = transact(10 + i, alice, bob, i == 7 ? 0 : 1);
    REQUIRE(stream->Write(request));
  }
  stream->WritesDone();
  v1::PostResponse response;
  for (uint64_t i = 0; i < 20; ++i) {
    CAPTURE(i);
    REQUIRE(stream->Read(&response));
    if (i == 7) {
      CHECK(response.refused().error() == "invalid_amount");
    } else {
      REQUIRE(response.decisions_size() == 1);
      CHECK(response.decisions(0).id() == bytes(test_id(10 + i)));
    }
  }
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().ok());
}

TEST_CASE("a transaction is found by its id, with its bytes and as of when") {
  LedgerServed served;
  Context context;
  v1::GetTransactionRequest request;
  request.set_id(bytes(test_id(2)));
  v1::GetTransactionResponse response;
  REQUIRE(served.stub->GetTransaction(&context, request, &response).ok());
  CHECK(response.state() == v1::GetTransactionResponse::RECORDED);
  CHECK(response.decision().offset() == 4);
  CHECK(response.decision().legs_size() == 1);
  CHECK(response.as_of_offset() == 5);
  CHECK(response.log_time() == MemoryNode::start.ns + 1004);
  Cursor cursor(response.command());
  const std::optional<Bytes> record = take_record(cursor);
  REQUIRE(record);
  CHECK(cursor.empty());
  CHECK(view_record(*record).id == test_id(2));

  Context unknown;
  request.set_id(bytes(test_id(99)));
  REQUIRE(served.stub->GetTransaction(&unknown, request, &response).ok());
  CHECK(response.state() == v1::GetTransactionResponse::NOT_RECORDED);
  Context invalid;
  request.set_id("x");
  CHECK(served.stub->GetTransaction(&invalid, request, &response).error_code() ==
        StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("an account is found by name and by id, with meta, limits and totals") {
  LedgerServed served;
  v1::GetAccountRequest request;
  v1::GetAccountResponse by_name;
  Context context;
  request.set_name("liabilities:alice");
  REQUIRE(served.stub->GetAccount(&context, request, &by_name).ok());
  CHECK(by_name.row().account().floor() == encode_int128(0));
  CHECK(by_name.row().meta() == R"({"customer":7})");
  CHECK(by_name.row().opened_offset() == 2);
  CHECK(by_name.row().opened() == MemoryNode::start.ns + 1002);
  CHECK(by_name.row().last_offset() == 4);
  CHECK(by_name.row().credits_posted() == encode_int128(10'000));
  CHECK(by_name.balance().posted() == encode_int128(10'000));
  CHECK(by_name.as_of_offset() == 5);

  Context other;
  v1::GetAccountResponse by_id;
  request.clear_name();
  request.set_account(bytes(test_id(alice)));
  REQUIRE(served.stub->GetAccount(&other, request, &by_id).ok());
  CHECK(by_id.SerializeAsString() == by_name.SerializeAsString());
  const Result<book::AccountRow> row = from_message(by_id);
  REQUIRE(row);
  CHECK(row->posted() == 10'000);
  CHECK(row->account.name == "liabilities:alice");

  Context both;
  request.set_name("liabilities:alice");
  CHECK(served.stub->GetAccount(&both, request, &by_id).error_code() ==
        StatusCode::INVALID_ARGUMENT);
  Context missing;
  request.clear_account();
  request.set_name("liabilities:alcie");
  const grpc::Status status = served.stub->GetAccount(&missing, request, &by_id);
  CHECK(status.error_code() == StatusCode::NOT_FOUND);
  CHECK(from_status(status).failure.error.message == "no account 'liabilities:alcie'");
}

TEST_CASE("accounts are listed by name, all as of one offset") {
  LedgerServed served;
  const auto list = [&](const std::string& prefix, bool nonzero) {
    Context context;
    v1::ListAccountsRequest request;
    request.set_name_prefix(prefix);
    request.set_nonzero(nonzero);
    const auto reader = served.stub->ListAccounts(&context, request);
    std::string names;
    for (v1::GetAccountResponse response; reader->Read(&response);) {
      CHECK(response.as_of_offset() == 5);
      names += response.has_row() ? response.row().account().name() + " " : "none ";
    }
    CHECK(reader->Finish().ok());
    return names;
  };
  CHECK(list("", false) == "assets:bank liabilities:alice liabilities:bob ");
  CHECK(list("liabilities", false) == "liabilities:alice liabilities:bob ");
  CHECK(list("liabilities", true) == "liabilities:alice ");
  CHECK(list("liab", false) == "none ");  // Whole parts; and an answer, were it empty.
}

TEST_CASE("assets are listed with their scales") {
  LedgerServed served;
  Context context;
  v1::ListAssetsResponse response;
  REQUIRE(served.stub->ListAssets(&context, {}, &response).ok());
  REQUIRE(response.rows_size() == 1);
  CHECK(response.rows(0).code() == "USD");
  CHECK(response.rows(0).scale() == 2);
  CHECK(response.rows(0).offset() == 0);
  CHECK(response.as_of_offset() == 5);
}

TEST_CASE("Decisions gives every record with its verdict, and a detail for each refusal") {
  LedgerServed served;
  served.post({transact(3, alice, bob, 20'000), transact(4, alice, bob, 1'000)});
  Context context;
  v1::DecisionsRequest request;
  request.set_from(1);
  const auto reader = served.stub->Decisions(&context, request);
  v1::DecisionsResponse response;
  REQUIRE(reader->Read(&response));
  Result<book::Decided> decided = from_message(std::move(response));
  REQUIRE(decided);
  CHECK(decided->first == Offset(1));
  CHECK(decided->next() == Offset(7));
  CHECK(decided->as_of == Offset(7));
  CHECK(decided->runs.size() == 2);
  CHECK(decided->verdicts[4] == static_cast<char>(book::Code::insufficient_funds));
  REQUIRE(decided->details.size() == 1);
  CHECK(decided->details[0].needed == 20'000);
  CHECK_FALSE(reader->Read(&response));
  CHECK(reader->Finish().ok());
}

TEST_CASE("what is not built says so") {
  LedgerServed served;
  Context context;
  v1::ListAssetsRequest assets;
  assets.mutable_as()->set_at_offset(1);
  v1::ListAssetsResponse response;
  const grpc::Status status = served.stub->ListAssets(&context, assets, &response);
  CHECK(status.error_code() == StatusCode::INVALID_ARGUMENT);
  CHECK(from_status(status).failure.error.code == Code::not_built);

  Context other;
  const auto reader = served.stub->History(&other, {});
  v1::DecisionsResponse decisions;
  CHECK_FALSE(reader->Read(&decisions));
  const grpc::Status history = reader->Finish();
  CHECK(history.error_code() == StatusCode::UNIMPLEMENTED);
  CHECK(from_status(history).failure.error.code == Code::not_built);
}
