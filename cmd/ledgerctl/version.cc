// ledgerctl version: which build this is, and what it can read and speak.
#include <fmt/format.h>

#include "build_info.h"
#include "cli/context.h"
#include "cli/json.h"
#include "cli/text.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

Outcome run(Context& context) {
  json::Object libraries;
  std::string listed;
  for (const auto& [name, version] : build::libraries) {
    libraries.add(name, version);
    listed += fmt::format("{}{} {}", listed.empty() ? "" : ", ", name, version);
  }
  if (context.json()) {
    TRY(context.out.line(json::Object("version")
                             .add("version", build::version)
                             .add("commit", build::commit)
                             .add("build_type", build::type)
                             .add("compiler", build::compiler)
                             .add_json("libraries", libraries.text())
                             .add("log_format", build::log_format)
                             .add("protocol", build::protocol)
                             .add_json("rules", json::array({std::to_string(build::rules)}))
                             .text()));
    return 0;
  }
  TRY(context.out.print(name_values({{"version", build::version},
                                     {"commit", build::commit},
                                     {"build type", build::type},
                                     {"compiler", build::compiler},
                                     {"libraries", listed},
                                     {"log format", std::to_string(build::log_format)},
                                     {"protocol", std::to_string(build::protocol)},
                                     {"rules", std::to_string(build::rules)}})));
  return 0;
}

}  // namespace

Noun version_noun() {
  return {"version",
          "Which build this is",
          {{.path = "version",
            .summary = "Say which build this is, and what it can read and speak",
            .examples = {"ledgerctl version", "ledgerctl version -o json | jq -r .commit"},
            .target = Target::none,
            .run = run}}};
}

}  // namespace ledger::cli
