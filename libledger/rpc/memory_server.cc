// For tests in other languages: the services over a node in memory. Prints its address, and ends
// with its stdin.
#include <unistd.h>

#include <cstdio>

#include "rpc/memory_node.h"
#include "rpc/server.h"
#include "rpc/test_ids.h"

using namespace ledger;
using namespace ledger::rpc;

int main() {
  MemoryNode node;
  std::atomic<uint64_t> made = 0;
  const Result<std::unique_ptr<RpcServer>> server =
      RpcServer::start({.listen = "127.0.0.1:0", .ids = [&made] { return test_id(++made); }});
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return exit_code(server.error().code);
  }
  node.set_members(members_of({{"n1", (*server)->address()}}));
  (*server)->attach(node);
  std::puts((*server)->address().c_str());
  std::fflush(stdout);
  for (char ignored; read(STDIN_FILENO, &ignored, 1) > 0;) {
  }
  (*server)->stop(std::chrono::seconds(1));
  return 0;
}
