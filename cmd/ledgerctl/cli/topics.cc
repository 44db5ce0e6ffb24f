// What `ledgerctl help TOPIC` says.
#include "cli/help.h"

namespace ledger::cli {
namespace {

constexpr std::string_view exit_codes = R"(What a script should do about each exit code.

Examples:
  ledgerctl health || echo "exit $?"
  ledgerctl -o json log append hello 2>&1 | jq -r .code

  0    done: go on
  1    a well-formed "no": unhealthy, a difference, a torn tail, refused by the ledger;
       the error's code says which
  64   bad flag, argument or combination: fix the command, nothing was attempted
  65   corrupt data or a malformed input line: fix the input, or call somebody
  66   no such file, offset, account, transaction or member: fix the name
  69   no connection, no leader or no quorum before the deadline: nothing was written, retry freely
  70   a bug: report it
  73   address in use, directory locked, output exists: free the resource
  74   disk full; read, write or sync error: fix the disk
  75   outcome unknown, a write was sent and no answer came: retry with the same --id
  77   a right is missing
  78   bad configuration file; wrong cluster, database, schema or version: fix the target
  130  SIGINT, 143 SIGTERM: before a bounded job had finished
  141  the reader of standard output went away

1 is never an error, and never "could not find out" (that is 69). A batch ends with the code of
its first error, or with 1 if there were only refusals.
)";

constexpr std::string_view output =
    R"(Results go to standard output, everything else to standard error.

Examples:
  ledgerctl account list -o json | jq -r .name
  ledgerctl log tail -f -o json | jq --unbuffered -c .

text, the default, is for people and may change. json is for programs: one object a line, fields
only ever added, the first key is "kind"; an empty list is no line and exit 0. Ids, amounts and
digests are strings; offsets, terms, versions, counts and bytes are numbers; times end in _at and
are RFC 3339 in UTC; bytes are "value" where they are UTF-8, else "value_b64". With -o json the
errors, notes and progress on standard error are JSON Lines too.

Writes print what they changed, one per line: an offset, an id, a code or a name. Every position
that ends a range is exclusive: "as of 12" holds records 0 to 11. See ledgerctl-json(5).
)";

constexpr std::string_view environment = R"(What is read from the environment, and what wins.

Examples:
  export LEDGERCTL_ENDPOINT=10.0.0.1:17400,10.0.0.2:17400
  LEDGERCTL_OUTPUT=json ledgerctl account list

  LEDGERCTL_ENDPOINT  rpc addresses of members, as --endpoint
  LEDGERCTL_DEV       a dev cluster by name, as --dev
  LEDGERCTL_TIMEOUT   the deadline of ordinary commands, as --timeout
  LEDGERCTL_OUTPUT    text or json, as --output
  LEDGERCTL_CONFIG    the configuration file, as --config
  NO_COLOR            not empty: no colour
  XDG_CONFIG_HOME     its ledgerctl/config.toml is read first, then /etc/ledgerctl/config.toml

A flag beats the environment, the environment beats the configuration file, each option by itself.
An empty variable counts as unset; an unknown LEDGERCTL_ variable gives a warning. The file's keys:
ledgerctl.toml(5).
)";

}  // namespace

std::string_view help_topic(std::string_view name) {
  if (name == "exit-codes") return exit_codes;
  if (name == "output") return output;
  if (name == "environment") return environment;
  return {};
}

}  // namespace ledger::cli
