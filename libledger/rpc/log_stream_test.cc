// The streams of log.v1.Log.
#include <doctest/doctest.h>

#include "rpc/log_served.h"
#include "rpc/log_service.h"

using namespace ledger;
using namespace ledger::rpc;

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
