#include "rpc/process.h"

#include <doctest/doctest.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <future>
#include <memory>
#include <string>

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

// The first, since it forks: no other thread may be there yet.
TEST_CASE("what gRPC says is heard only when it aborts") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);  // Not the test's.
    prepare_process();
    keep_callback_threads();  // gRPC says nothing before it runs.
    gpr_log(GPR_INFO, "so far so good");
    gpr_log(GPR_ERROR, "something is wrong");
    gpr_log(GPR_ERROR, "assertion failed: no_hope");
    kill(getpid(), SIGABRT);  // As by somebody else, which has to end it as abort() does.
    _exit(0);
  }
  close(ends[1]);
  std::string said(1000, '\0');
  said.resize(static_cast<size_t>(std::max<ssize_t>(0, read(ends[0], said.data(), said.size()))));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(said == "ledgerctl: gRPC: assertion failed: no_hope\n");
}

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
