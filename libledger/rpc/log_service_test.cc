#include "rpc/log_service.h"

#include <doctest/doctest.h>

#include "rpc/log_served.h"

using namespace ledger;
using namespace ledger::rpc;

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

TEST_CASE("status and servers say what the node says") {
  LogServed served;
  served.produce("zero");
  served.node.set_members(members_of({{"n1", "127.0.0.1:17400"}, {"n2", "127.0.0.1:17410"}}));
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
  CHECK_FALSE(servers.servers(1).is_leader());
  CHECK(servers.servers(1).rpc_addr() == "127.0.0.1:17410");
}
