#include "rpc/change.h"
#include "rpc/peer_ports.h"

namespace ledger::rpc {

Result<void> ask_to_join(const std::vector<std::string>& addresses, const Introduction& self,
                         Duration patience) {
  Cluster cluster({.endpoints = addresses, .patience = {Patience::Kind::whole, patience}});
  const Result<Changed> changed = carry_out(cluster, self);
  if (changed) return {};
  Error error = changed.error();
  // Whoever asks will ask again, whatever became of it.
  if (error.code == Code::unknown_outcome) error.code = Code::timeout;
  return tl::unexpected(std::move(error));
}

}  // namespace ledger::rpc
