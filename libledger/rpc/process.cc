#include "rpc/process.h"

#include <absl/synchronization/mutex.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <malloc.h>

#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "rpc/server.h"

namespace ledger::rpc {
namespace {

/// A message is 128 KiB and more, and lies in several buffers for a moment. By default glibc maps
/// each one anew, or cuts its heap when one is freed, and the page faults cost three times as much
/// as all the rest of the way.
constexpr int kept_bytes_max = 32 << 20;

/// A channel to nowhere, since it was given no credentials, and a call on it that has failed at
/// once.
struct Kept {
  Kept() {
    stub.UnaryCall(&context, "/", {}, &request, &response, [](const grpc::Status&) {});
  }

  grpc::GenericStub stub{grpc::CreateChannel("", nullptr)};
  grpc::ClientContext context;
  grpc::Slice nothing;
  grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
};

// gRPC's log is the process's, so its sink is too.
std::mutex sink_mutex;
std::function<void(const std::string&)> sink;

void write(gpr_log_func_args* args) {
  const std::lock_guard lock(sink_mutex);
  if (sink) sink(args->message);
}

}  // namespace

void prepare_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(write);
    google::protobuf::SetLogHandler(nullptr);
    // Debian's abseil is a debug build: each lock that gRPC takes would go into a graph of all of
    // them, under one lock of the process.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    mallopt(M_MMAP_THRESHOLD, kept_bytes_max);
    mallopt(M_TRIM_THRESHOLD, kept_bytes_max);
  });
}

void set_grpc_log(std::function<void(const std::string&)> to) {
  prepare_process();
  const std::lock_guard lock(sink_mutex);
  sink = std::move(to);
}

void keep_callback_threads() {
  static const Kept* const kept = new Kept;
  static_cast<void>(kept);
}

}  // namespace ledger::rpc
