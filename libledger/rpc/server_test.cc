#include "rpc/server.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/address.h"
#include "rpc/convert.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
namespace logv1 = ::logpb::v1;
using grpc::StatusCode;

namespace {

grpc::Status call_status(const std::shared_ptr<grpc::Channel>& channel) {
  Context context;
  logv1::StatusResponse response;
  return logv1::Log::NewStub(channel)->Status(&context, {}, &response);
}

}  // namespace

TEST_CASE("a second server on the same address is told who has it") {
  Served served;
  const Result<std::unique_ptr<RpcServer>> second =
      RpcServer::start({.listen = served.server->address(), .ids = {}});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::address_in_use);
  CHECK(second.error().message.starts_with("rpc address " + served.server->address() +
                                           " is in use by pid " + std::to_string(getpid()) + " ("));
}

TEST_CASE("a node that becomes ready while its server stops tells nobody") {
  Served served;
  served.server->set_ready(true);
  served.server->stop({});
  served.server->set_ready(true);
}

TEST_CASE("an address that is none, or not ours, or not on loopback is refused") {
  const auto listen = [](const std::string& address) {
    return RpcServer::start({.listen = address, .ids = {}}).error();
  };
  CHECK(listen("localhost").code == Code::invalid_value);
  CHECK(listen("127.0.0.1:99999").code == Code::invalid_value);
  CHECK(listen("0.0.0.0:0").code == Code::invalid_value);
}

TEST_CASE("before there is a node every call but health may be asked again") {
  Served served(false);
  const grpc::Status before = call_status(served.channel);
  CHECK(before.error_code() == StatusCode::UNAVAILABLE);
  CHECK(from_status(before).failure.error.code == Code::busy);
  served.server->attach(served.node);
  CHECK(call_status(served.channel).ok());
}

TEST_CASE("a stop ends streams that follow and answers what was sent") {
  Served served;
  const auto stub = logv1::Log::NewStub(served.channel);
  Context reading;
  logv1::ReadRequest request;
  request.set_follow(true);
  const auto reader = stub->ReadStream(&reading, request);
  logv1::ReadResponse read;
  REQUIRE(reader->Read(&read));

  Context appending;
  const auto stream = stub->AppendStream(&appending);
  logv1::AppendRequest append;
  append.set_packed(raw_record(test_id(1), "value"));
  append.set_count(1);
  append.set_crc32c(crc32c(append.packed()));
  served.node.hold(true);
  REQUIRE(stream->Write(append));
  while (served.node.waiting_proposals() == 0) std::this_thread::yield();

  std::thread stop([&] { served.server->stop(std::chrono::seconds(60)); });
  CHECK_FALSE(reader->Read(&read));
  CHECK(from_status(reader->Finish()).failure.error.code == Code::busy);
  served.node.hold(false);
  logv1::AppendResponse response;
  REQUIRE(stream->Read(&response));
  CHECK(response.offsets(0) == 0);
  CHECK_FALSE(stream->Read(&response));
  CHECK(from_status(stream->Finish()).failure.error.code == Code::busy);
  stop.join();
}

TEST_CASE("an address is HOST:PORT, of either kind of IP") {
  CHECK(parse_address("127.0.0.1:17400")->text() == "127.0.0.1:17400");
  CHECK(parse_address("[::1]:17400")->host == "::1");
  CHECK(parse_address("[::1]:17400")->text() == "[::1]:17400");
  CHECK(parse_address("db1:0")->port == 0);
  for (const char* bad : {"", ":", "host", "host:", ":17400", "host:x", "host:65536", "host:-1",
                          "::1:17400", "host:17400 "}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_address(bad));
  }
  CHECK(is_loopback({"127.9.8.7", 1}));
  CHECK(is_loopback({"::1", 1}));
  CHECK(is_loopback({"localhost", 1}));
  CHECK_FALSE(is_loopback({"128.0.0.1", 1}));
  CHECK_FALSE(is_loopback({"example.org", 1}));
}

TEST_CASE("an address where nobody listens is refused") {
  std::string address;
  {
    const Served served;
    address = served.server->address();
  }
  CHECK(why_unreachable(*parse_address(address)) == "refused");
}
