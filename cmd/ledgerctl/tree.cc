// Every noun that is built, in the order of help.
#include "nouns.h"

namespace ledger::cli {

const std::vector<Noun>& tree() {
  static const std::vector<Noun> nouns = {
      node_noun(),  member_noun(),     log_noun(),     asset_noun(), account_noun(),
      tx_noun(),    replay_noun(),     segment_noun(), dev_noun(),   health_noun(),
      bench_noun(), completion_noun(), version_noun(), help_noun(),
  };
  return nouns;
}

}  // namespace ledger::cli
