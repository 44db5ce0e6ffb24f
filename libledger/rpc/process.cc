#include "rpc/process.h"

#include <absl/synchronization/mutex.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
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

/// The last error that nobody was told of: where gRPC aborts, why.
std::array<char, 512> last_error{};

void log(gpr_log_func_args* args) {
  const std::lock_guard lock(sink_mutex);
  if (sink) return sink(args->message);
  if (args->severity != GPR_LOG_SEVERITY_ERROR) return;
  std::snprintf(last_error.data(), last_error.size(), "ledgerctl: gRPC: %s\n", args->message);
}

/// Of SIGABRT, and ends the process as that does. What it does is allowed in a signal's handler.
void say_last_error(int signal) {
  static_cast<void>(!write(STDERR_FILENO, last_error.data(), std::strlen(last_error.data())));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void prepare_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(log);
    const auto before = std::signal(SIGABRT, say_last_error);
    if (before != SIG_DFL) std::signal(SIGABRT, before);
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
  // Never destroyed; and really stored, where a leak checker finds it.
  [[gnu::used]] static const Kept* const kept = new Kept;
}

}  // namespace ledger::rpc
