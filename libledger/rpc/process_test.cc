#include "rpc/process.h"

#include <doctest/doctest.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <future>
#include <memory>

using namespace ledger::rpc;

namespace {

struct Call {
  grpc::GenericStub stub{grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials())};
  grpc::ClientContext context;
  grpc::Slice nothing;
  grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
};

}  // namespace

TEST_CASE("the last channel may end on one of the threads that call back") {
  prepare_process();
  keep_callback_threads();
  std::promise<void> let_go;
  std::promise<void> ended;
  auto call = std::make_shared<Call>();
  Call& begun = *call;
  begun.stub.UnaryCall(&begun.context, "/any", {}, &begun.request, &begun.response,
                       [&, own = call](const grpc::Status& status) mutable {
                         CHECK_FALSE(status.ok());
                         let_go.get_future().wait();
                         own.reset();
                         ended.set_value();
                       });
  call.reset();
  let_go.set_value();
  ended.get_future().wait();
}
