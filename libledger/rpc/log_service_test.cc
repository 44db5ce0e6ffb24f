#include "rpc/log_service.h"

#include <doctest/doctest.h>

#include "base/crc32c.h"
#include "rpc/convert.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
namespace logv1 = ::logpb::v1;
using grpc::StatusCode;

namespace {

struct LogServed : Served {
  std::unique_ptr<logv1::Log::Stub> stub = logv1::Log::NewStub(channel);
  using Served::Served;

  /// The offset of `value`, produced under test_id(`id`), or made by the server for 0.
  uint64_t produce(const std::string& value, uint64_t id = 0) {
    Context context;
    logv1::ProduceRequest request;
    request.mutable_record()->set_value(value);
    if (id != 0) request.mutable_record()->set_id(std::string(test_id(id).view()));
    logv1::ProduceResponse response;
    REQUIRE(stub->Produce(&context, request, &response).ok());
    return response.offset();
  }
  Failed produce_fails(const logv1::ProduceRequest& request, StatusCode code) {
    Context context;
    logv1::ProduceResponse response;
    const grpc::Status status = stub->Produce(&context, request, &response);
    CHECK(status.error_code() == code);
    return from_status(status);
  }
  Failed append_fails(const logv1::AppendRequest& request, StatusCode code) {
    Context context;
    logv1::AppendResponse response;
    const grpc::Status status = stub->Append(&context, request, &response);
    CHECK(status.error_code() == code);
    return from_status(status);
  }
  std::vector<logv1::ReadResponse> read(const logv1::ReadRequest& request,
                                        StatusCode code = StatusCode::OK) {
    Context context;
    const auto reader = stub->ReadStream(&context, request);
    std::vector<logv1::ReadResponse> responses;
    for (logv1::ReadResponse response; reader->Read(&response);) responses.push_back(response);
    CHECK(reader->Finish().error_code() == code);
    return responses;
  }
};

logv1::AppendRequest packed(std::string records, uint32_t count) {
  logv1::AppendRequest request;
  request.set_crc32c(crc32c(records));
  request.set_packed(std::move(records));
  request.set_count(count);
  return request;
}

/// `count` records from test_id(`first`) on.
logv1::AppendRequest batch(uint64_t first, uint32_t count) {
  std::string records;
  for (uint32_t i = 0; i < count; ++i) {
    records += raw_record(test_id(first + i), "value " + std::to_string(first + i));
  }
  return packed(std::move(records), count);
}

}  // namespace

TEST_CASE("what was produced is consumed, with all that the log knows of it") {
  LogServed served;
  CHECK(served.produce("first", 1) == 0);
  CHECK(served.produce("second") == 1);

  Context context;
  logv1::ConsumeRequest request;
  logv1::ConsumeResponse response;
  REQUIRE(served.stub->Consume(&context, request, &response).ok());
  CHECK(response.record().value() == "first");
  CHECK(response.record().offset() == 0);
  CHECK(response.record().term() == 1);
  CHECK(response.record().type() == 0);
  CHECK(response.record().id() == test_id(1).view());
  CHECK(response.record().verdict() == 0);
  CHECK(response.record().recorded() == MemoryNode::start.ns + 1000);
  CHECK(response.as_of_offset() == 2);

  Context second;
  request.set_offset(1);
  REQUIRE(served.stub->Consume(&second, request, &response).ok());
  CHECK(response.record().value() == "second");
  CHECK(response.record().id() == test_id(1'000'000).view());  // The server made one.
}

TEST_CASE("a record past the end is out of range, and the message says what would be right") {
  LogServed served;
  served.produce("only");
  Context context;
  logv1::ConsumeRequest request;
  request.set_offset(900);
  logv1::ConsumeResponse response;
  const grpc::Status status = served.stub->Consume(&context, request, &response);
  CHECK(status.error_code() == StatusCode::OUT_OF_RANGE);
  const Failed failed = from_status(status);
  CHECK(failed.ours);
  CHECK(failed.failure.error.code == Code::out_of_range);
  CHECK(failed.failure.error.message == "offset 900 is past the end (next is 1)");
  CHECK_FALSE(failed.failure.error.hint.empty());
}

TEST_CASE("the same id and bytes are answered with the first offset, other bytes with a conflict") {
  LogServed served;
  CHECK(served.produce("other") == 0);
  CHECK(served.produce("value", 7) == 1);
  Context context;
  logv1::ProduceRequest request;
  request.mutable_record()->set_value("value");
  request.mutable_record()->set_id(std::string(test_id(7).view()));
  logv1::ProduceResponse response;
  REQUIRE(served.stub->Produce(&context, request, &response).ok());
  CHECK(response.offset() == 1);
  CHECK(response.duplicate());
  CHECK(response.verdict() == 0);

  Context conflict;
  request.mutable_record()->set_value("changed");
  REQUIRE(served.stub->Produce(&conflict, request, &response).ok());
  CHECK(response.offset() == 1);
  CHECK_FALSE(response.duplicate());
  CHECK(response.verdict() == static_cast<uint32_t>(book::Code::id_conflict));
}

TEST_CASE("a refused record is consumed with its verdict, and left out of ConsumeStream") {
  LogServed served;
  served.produce("zero");
  Context context;
  logv1::ProduceRequest request;
  request.mutable_record()->set_value("never");
  request.set_expect_offset(5);
  logv1::ProduceResponse produced;
  REQUIRE(served.stub->Produce(&context, request, &produced).ok());
  CHECK(produced.offset() == 1);
  CHECK(produced.verdict() == static_cast<uint32_t>(book::Code::offset_mismatch));
  served.produce("two");

  Context one;
  logv1::ConsumeRequest from;
  from.set_offset(1);
  logv1::ConsumeResponse response;
  REQUIRE(served.stub->Consume(&one, from, &response).ok());
  CHECK(response.record().value() == "never");
  CHECK(response.record().verdict() == static_cast<uint32_t>(book::Code::offset_mismatch));

  Context stream;
  from.set_offset(0);
  const auto reader = served.stub->ConsumeStream(&stream, from);
  REQUIRE(reader->Read(&response));
  CHECK(response.record().value() == "zero");
  REQUIRE(reader->Read(&response));
  CHECK(response.record().value() == "two");
  stream.TryCancel();
  CHECK(reader->Finish().error_code() == StatusCode::CANCELLED);
}

TEST_CASE("ConsumeStream waits for records that are not there yet, even far ahead") {
  LogServed served;
  Context context;
  logv1::ConsumeRequest from;
  from.set_offset(2);
  const auto reader = served.stub->ConsumeStream(&context, from);
  served.produce("zero");
  served.produce("one");
  served.produce("two");
  logv1::ConsumeResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.record().value() == "two");
  served.produce("three");
  REQUIRE(reader->Read(&response));
  CHECK(response.record().value() == "three");
  CHECK(response.record().offset() == 3);
  context.TryCancel();
  CHECK(reader->Finish().error_code() == StatusCode::CANCELLED);
}

TEST_CASE("a batch is appended whole, and read back byte for byte with runs and verdicts") {
  LogServed served;
  served.produce("before");
  const logv1::AppendRequest request = batch(10, 3);
  Context context;
  logv1::AppendResponse response;
  REQUIRE(served.stub->Append(&context, request, &response).ok());
  CHECK(std::vector<uint64_t>(response.offsets().begin(), response.offsets().end()) ==
        std::vector<uint64_t>{1, 2, 3});
  CHECK(response.duplicates().empty());
  CHECK(response.refused().empty());
  CHECK(response.term() == 1);
  CHECK(response.recorded() == MemoryNode::start.ns + 2002);

  logv1::ReadRequest read;
  read.set_from(1);
  const std::vector<logv1::ReadResponse> responses = served.read(read);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].packed() == request.packed());
  CHECK(responses[0].crc32c() == request.crc32c());
  CHECK(responses[0].first_offset() == 1);
  CHECK(responses[0].count() == 3);
  CHECK(responses[0].verdicts() == std::string(3, '\0'));
  CHECK(responses[0].as_of_offset() == 4);
  REQUIRE(responses[0].runs_size() == 1);
  CHECK(responses[0].runs(0).count() == 3);
  CHECK(responses[0].runs(0).recorded() == MemoryNode::start.ns + 2000);
}

TEST_CASE("a batch tells which of its records repeat others and which were refused") {
  LogServed served;
  served.produce("value 11", 11);
  served.produce("not value 12", 12);
  Context context;
  logv1::AppendResponse response;
  REQUIRE(served.stub->Append(&context, batch(10, 4), &response).ok());
  CHECK(std::vector<uint64_t>(response.offsets().begin(), response.offsets().end()) ==
        std::vector<uint64_t>{2, 0, 1, 3});
  CHECK(std::vector<uint32_t>(response.duplicates().begin(), response.duplicates().end()) ==
        std::vector<uint32_t>{1});
  CHECK(std::vector<uint32_t>(response.refused().begin(), response.refused().end()) ==
        std::vector<uint32_t>{2});
}

TEST_CASE("a batch that is not what it says is refused whole, by the first rule it breaks") {
  LogServed served;
  const logv1::AppendRequest good = batch(10, 3);

  logv1::AppendRequest bad = good;
  bad.set_crc32c(good.crc32c() + 1);
  CHECK(served.append_fails(bad, StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::invalid_message);

  bad = good;
  bad.set_count(4);
  CHECK(served.append_fails(bad, StatusCode::INVALID_ARGUMENT).failure.error.message ==
        "record 3: the request holds 3 records and says 4");

  for (size_t cut = 1; cut < 35; ++cut) {
    CAPTURE(cut);
    bad = packed(good.packed().substr(0, good.packed().size() - cut), 3);
    const Failed failed = served.append_fails(bad, StatusCode::INVALID_ARGUMENT);
    CHECK(failed.failure.error.code == Code::invalid_message);
  }

  std::string longer = good.packed();
  longer[0] = static_cast<char>(longer[0] | 0x80);  // The size in two bytes where one would do.
  longer.insert(1, 1, '\0');
  CHECK(served.append_fails(packed(longer, 3), StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::invalid_message);

  std::string money = good.packed();
  money[1 + 16] = 3;
  const Failed kind = served.append_fails(packed(money, 3), StatusCode::INVALID_ARGUMENT);
  CHECK(kind.failure.error.code == Code::invalid_message);
  CHECK(kind.failure.error.message.starts_with("record 0: a record of kind 3"));

  std::string flags = good.packed();
  flags[1 + 17] = 8;
  CHECK(served.append_fails(packed(flags, 3), StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::invalid_message);

  const std::string zero = raw_record(test_id(1), "a") + raw_record(Id{}, "b");
  const Failed id = served.append_fails(packed(zero, 2), StatusCode::INVALID_ARGUMENT);
  CHECK(id.failure.error.code == Code::invalid_id);
  CHECK(id.failure.error.message.starts_with("record 1: "));

  const std::string large = raw_record(test_id(1), std::string(raw_body_bytes_max + 1, 'x'));
  CHECK(served.append_fails(packed(large, 1), StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::too_large);

  const std::string half = raw_record(test_id(1), std::string(600'000, 'x')) +
                           raw_record(test_id(2), std::string(600'000, 'x'));
  CHECK(served.append_fails(packed(half, 2), StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::too_large);

  std::string meta;
  encode_record(meta, {.id = test_id(1), .body = "x", .meta = "{\"a\":\xff}"});
  CHECK(served.append_fails(packed(meta, 1), StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::invalid_text);

  CHECK(served.produce("first") == 0);  // Nothing of all that was written.
}

TEST_CASE("a message larger than an entry could need is refused by gRPC itself") {
  LogServed served;
  logv1::AppendRequest request;
  request.set_packed(std::string(3 << 20, 'x'));
  const Failed failed = served.append_fails(request, StatusCode::RESOURCE_EXHAUSTED);
  CHECK_FALSE(failed.ours);
  CHECK(failed.failure.error.code == Code::too_large);
}

TEST_CASE("Produce takes raw records only, and ids of 16 bytes") {
  LogServed served;
  logv1::ProduceRequest request;
  request.mutable_record()->set_type(3);
  CHECK(served.produce_fails(request, StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::invalid_message);
  request.mutable_record()->set_type(0);
  request.mutable_record()->set_id("short");
  const Failed failed = served.produce_fails(request, StatusCode::INVALID_ARGUMENT);
  CHECK(failed.failure.error.code == Code::invalid_id);
  CHECK(failed.failure.error.message == "record 0: the id has 5 bytes, not 16");
  request.mutable_record()->clear_id();
  request.mutable_record()->set_meta("x");
  CHECK(served.produce_fails(request, StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::invalid_text);
  request.mutable_record()->set_meta(std::string(70'000, 'x'));
  CHECK(served.produce_fails(request, StatusCode::INVALID_ARGUMENT).failure.error.code ==
        Code::too_large);
}

TEST_CASE("a stream of batches is answered in order, with many under way") {
  LogServed served;
  served.node.hold(true);
  Context context;
  const auto stream = served.stub->AppendStream(&context);
  constexpr uint64_t batches = 50;
  for (uint64_t i = 0; i < batches; ++i) REQUIRE(stream->Write(batch(1 + 10 * i, 10)));
  while (served.node.waiting_proposals() < batches) std::this_thread::yield();
  served.node.hold(false);
  stream->WritesDone();
  logv1::AppendResponse response;
  for (uint64_t i = 0; i < batches; ++i) {
    REQUIRE(stream->Read(&response));
    REQUIRE(response.offsets_size() == 10);
    CHECK(response.offsets(0) == 10 * i);
  }
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().ok());
}

TEST_CASE("no more than 64 requests of a stream are under way") {
  LogServed served;
  served.node.hold(true);
  Context context;
  const auto stream = served.stub->AppendStream(&context);
  constexpr uint64_t batches = 200;
  for (uint64_t i = 0; i < batches; ++i) REQUIRE(stream->Write(batch(1 + i, 1)));
  stream->WritesDone();
  while (served.node.waiting_proposals() < 64) std::this_thread::yield();
  CHECK(served.node.waiting_proposals() == 64);
  served.node.hold(false);
  uint64_t answers = 0;
  for (logv1::AppendResponse response; stream->Read(&response); ++answers) {
    CHECK(response.offsets(0) == answers);
  }
  CHECK(answers == batches);
  CHECK(stream->Finish().ok());
}

TEST_CASE("a bad batch ends the stream after what came before it was answered") {
  LogServed served;
  Context context;
  const auto stream = served.stub->AppendStream(&context);
  REQUIRE(stream->Write(batch(1, 10)));
  logv1::AppendRequest bad = batch(11, 10);
  bad.set_count(9);
  REQUIRE(stream->Write(bad));
  stream->Write(batch(21, 10));  // May already be cut off.
  logv1::AppendResponse response;
  REQUIRE(stream->Read(&response));
  CHECK(response.offsets(0) == 0);
  CHECK_FALSE(stream->Read(&response));
  const Failed failed = from_status(stream->Finish());
  CHECK(failed.failure.error.code == Code::invalid_message);
}

TEST_CASE("a client that goes away leaves nothing behind, and what it sent is written") {
  LogServed served;
  {
    served.node.hold(true);
    Context context;
    const auto stream = served.stub->AppendStream(&context);
    REQUIRE(stream->Write(batch(1, 10)));
    while (served.node.waiting_proposals() < 1) std::this_thread::yield();
    context.TryCancel();
    CHECK(stream->Finish().error_code() == StatusCode::CANCELLED);
    served.node.hold(false);
  }
  CHECK(served.produce("after") == 10);
}

TEST_CASE("ProduceStream answers each record in order") {
  LogServed served;
  Context context;
  const auto stream = served.stub->ProduceStream(&context);
  logv1::ProduceResponse response;
  for (uint64_t i = 0; i < 5; ++i) {
    logv1::ProduceRequest request;
    request.mutable_record()->set_value("value");
    REQUIRE(stream->Write(request));
    REQUIRE(stream->Read(&response));
    CHECK(response.offset() == i);
  }
  stream->WritesDone();
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().ok());
}

TEST_CASE("a follower sends writers to the leader") {
  LogServed served;
  served.node.fail_with(
      Failure{{Code::no_leader, "n1 is not the leader", "ask n2"}, "127.0.0.1:17410"});
  logv1::ProduceRequest request;
  const Failed failed = served.produce_fails(request, StatusCode::FAILED_PRECONDITION);
  CHECK(failed.failure.error.code == Code::no_leader);
  CHECK(failed.failure.leader == "127.0.0.1:17410");
  served.node.fail_with(Failure{{Code::no_leader, "no leader", "wait"}, {}});
  CHECK(served.produce_fails(request, StatusCode::UNAVAILABLE).failure.leader.empty());
  served.node.fail_with(Failure{{Code::no_space, "n1 has no room", "make room"}, {}});
  CHECK(served.produce_fails(request, StatusCode::RESOURCE_EXHAUSTED).failure.error.code ==
        Code::no_space);
}

TEST_CASE("ReadStream answers at least once, and ends where it was told to") {
  LogServed served;
  logv1::ReadRequest request;
  std::vector<logv1::ReadResponse> responses = served.read(request);
  REQUIRE(responses.size() == 1);  // An empty log.
  CHECK(responses[0].count() == 0);
  CHECK(responses[0].as_of_offset() == 0);

  for (int i = 0; i < 5; ++i) served.produce("value");
  request.set_from(5);
  responses = served.read(request);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].count() == 0);
  CHECK(responses[0].as_of_offset() == 5);

  request.set_from(1);
  request.set_to(3);
  responses = served.read(request);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].count() == 2);
  CHECK(responses[0].as_of_offset() == 5);

  request.set_to(1);
  responses = served.read(request);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].count() == 0);

  request.set_to(0);
  CHECK(served.read(request, StatusCode::INVALID_ARGUMENT).empty());
  request.set_to(6);
  CHECK(served.read(request, StatusCode::OUT_OF_RANGE).empty());
  request.clear_to();
  request.set_from(6);
  CHECK(served.read(request, StatusCode::OUT_OF_RANGE).empty());
}

TEST_CASE("ReadStream batches across entries, in messages of about 128 KiB") {
  LogServed served;
  std::string all;
  for (uint64_t i = 0; i < 40; ++i) {
    Context context;
    const logv1::AppendRequest request = batch(1 + 1000 * i, 1000);
    logv1::AppendResponse response;
    REQUIRE(served.stub->Append(&context, request, &response).ok());
    all += request.packed();
  }
  std::string read;
  uint64_t next = 0;
  const std::vector<logv1::ReadResponse> responses = served.read({});
  for (const logv1::ReadResponse& response : responses) {
    CHECK(response.first_offset() == next);
    CHECK(response.packed().size() <= 128 << 10);
    next += response.count();
    read += response.packed();
  }
  CHECK(next == 40'000);
  CHECK(read == all);
  CHECK(responses.size() == 1 + all.size() / (128 << 10));
}

TEST_CASE("ReadStream follows without gap or repeat, up to `to` where there is one") {
  LogServed served;
  served.produce("zero");
  Context context;
  logv1::ReadRequest request;
  request.set_follow(true);
  request.set_to(4);
  const auto reader = served.stub->ReadStream(&context, request);
  logv1::ReadResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.count() == 1);
  served.produce("one");
  REQUIRE(reader->Read(&response));
  CHECK(response.first_offset() == 1);
  served.produce("two");
  served.produce("three");
  served.produce("four");
  uint64_t next = 2;
  while (reader->Read(&response)) {
    CHECK(response.first_offset() == next);
    next += response.count();
  }
  CHECK(next == 4);
  CHECK(reader->Finish().ok());
}

TEST_CASE("a follower that cancels is no longer waited for") {
  LogServed served;
  Context context;
  logv1::ReadRequest request;
  request.set_follow(true);
  const auto reader = served.stub->ReadStream(&context, request);
  logv1::ReadResponse response;
  REQUIRE(reader->Read(&response));
  while (served.node.watchers() == 0) std::this_thread::yield();
  context.TryCancel();
  CHECK(reader->Finish().error_code() == StatusCode::CANCELLED);
  while (served.node.watchers() != 0) std::this_thread::yield();
}

TEST_CASE("how fresh a read is can be chosen, but not in two ways at once") {
  LogServed served;
  served.produce("zero");
  served.node.fail_with(Failure{{Code::no_leader, "no leader", "wait"}, {}});
  logv1::ReadRequest request;
  CHECK(served.read(request, StatusCode::UNAVAILABLE).empty());
  request.set_stale(true);
  CHECK(served.read(request).size() == 1);
  request.set_at_least(0);
  CHECK(served.read(request, StatusCode::INVALID_ARGUMENT).empty());
  request.set_stale(false);
  CHECK(served.read(request).size() == 1);
  request.set_at_least(1);
  CHECK(served.read(request, StatusCode::DEADLINE_EXCEEDED).empty());
}

TEST_CASE("status and servers say what the node says") {
  LogServed served;
  served.produce("zero");
  served.node.set_servers({{"n1", "127.0.0.1:17400", true}, {"n2", "127.0.0.1:17410", false}});
  Context context;
  logv1::StatusResponse status;
  REQUIRE(served.stub->Status(&context, {}, &status).ok());
  CHECK(status.node() == "n1");
  CHECK(status.role() == "leader");
  CHECK(status.applied() == 1);
  CHECK(status.state_digest().size() == 32);
  CHECK(status.cluster_id().size() == 16);
  CHECK(status.version() == "0.0.0-test");
  Context other;
  logv1::GetServersResponse servers;
  REQUIRE(served.stub->GetServers(&other, {}, &servers).ok());
  REQUIRE(servers.servers_size() == 2);
  CHECK(servers.servers(0).id() == "n1");
  CHECK(servers.servers(0).is_leader());
  CHECK(servers.servers(1).rpc_addr() == "127.0.0.1:17410");
}
