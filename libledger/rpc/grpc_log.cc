#include "rpc/grpc_log.h"

#include <grpc/support/log.h>

#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "rpc/server.h"

namespace ledger::rpc {
namespace {

// gRPC's log is the process's, so its sink is too.
std::mutex sink_mutex;
std::function<void(const std::string&)> sink;

void write(gpr_log_func_args* args) {
  const std::lock_guard lock(sink_mutex);
  if (sink) sink(args->message);
}

}  // namespace

void silence_grpc() {
  static std::once_flag once;
  std::call_once(once, [] { gpr_set_log_function(write); });
}

void set_grpc_log(std::function<void(const std::string&)> to) {
  silence_grpc();
  const std::lock_guard lock(sink_mutex);
  sink = std::move(to);
}

}  // namespace ledger::rpc
