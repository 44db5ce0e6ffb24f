// A command line of two nouns, for the tests of this folder.
#include "cli/command.h"

namespace ledger::cli {

const std::vector<Noun>& tree() {
  static const std::vector<Noun> nouns = {
      {"version", "Which build this is", {{.path = "version", .summary = "", .examples = {}}}},
      {"help", "Help", {{.path = "help", .summary = "", .examples = {}}}},
  };
  return nouns;
}

}  // namespace ledger::cli
