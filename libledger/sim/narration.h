// A narrated run: commands, and what they lead to, in a text that is read as prose.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ledger::sim {

/// What testdata/raft/*.txt hold; README.md there says how they are written.
struct Narration {
  std::string text;
  std::vector<unsigned> guards;  ///< Without any one of these it must come to another end.

  static Narration parse(std::string text);
};

struct Retelling {
  std::string text;                    ///< The narration, with what truly happened.
  std::optional<std::string> failure;  ///< The first line that did not come true, and why.
  std::optional<std::string> end;      ///< Likewise the last one, or the one that ended it early.
};

/// Performs the narration with the real engine. It ends early where a promise of consensus is
/// broken; after a mere difference it goes on.
Retelling perform(const Narration& narration, uint32_t guards_left_out);

}  // namespace ledger::sim
