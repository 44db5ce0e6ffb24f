// ledgerctl help: the same as --help, and three pages of its own.
#include "cli/help.h"

#include <fmt/format.h>

#include "cli/context.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

Outcome run(Context& context) {
  if (context.json()) {
    TRY(context.out.print(help_json()));
    return 0;
  }
  const std::vector<std::string>& words = context.args.arguments();
  if (words.empty()) {
    TRY(context.out.print(program_help()));
    return 0;
  }
  if (words.size() == 1 && !help_topic(words[0]).empty()) {
    TRY(context.out.print(help_topic(words[0])));
    return 0;
  }
  // The same search, and so the same answers, as on the command line itself.
  std::vector<std::string> line = words;
  line.emplace_back("--help");
  const Request request = TRY(find_request(line));
  TRY(context.out.print(request.command ? command_help(*request.command)
                        : request.noun  ? noun_help(*request.noun)
                                        : program_help()));
  return 0;
}

}  // namespace

Noun help_noun() {
  return {"help",
          "Help on a command or a topic",
          {{.path = "help",
            .summary = "Help on a command or a topic",
            .synopsis = "[NOUN [VERB] | exit-codes | output | environment]",
            .examples = {"ledgerctl help log read", "ledgerctl help exit-codes",
                         "ledgerctl help -o json | jq -r .path"},
            .arguments = {"a topic", 0, 2},
            .target = Target::none,
            .run = run}}};
}

}  // namespace ledger::cli
