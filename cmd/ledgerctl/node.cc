// ledgerctl node start: run one node in the foreground.
#include "cli/context.h"
#include "cli/json.h"
#include "node/process.h"
#include "node_flags.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

Outcome start(Context& context) {
  const node::StartOptions options = TRY(start_options(context));
  const bool tell = options.listen.ends_with(":0");
  // A program that started us reads the address; a full disk there must not stop the node.
  const auto listening = [&](const std::string& address) {
    if (!tell) return;
    const std::string line = json::Object("listening").add("rpc", address).text();
    if (!context.out.line(line) || !context.out.flush()) {
      context.report.warning("the listening addresses could not be written to standard output");
    }
  };
  return TRY(node::run(options, listening));
}

}  // namespace

Noun node_noun() {
  return {
      "node",
      "Run a node",
      {{.path = "node start",
        .summary = "Run one node in the foreground until SIGTERM or SIGINT",
        .synopsis = "--data-dir DIR [--name NAME] [--listen HOST:PORT] [--bootstrap | "
                    "--bootstrap-expect N] [--peers NAME=HOST:PORT,…] [FLAGS]",
        .examples = {"ledgerctl node start --data-dir ./n1 --bootstrap",
                     "ledgerctl node start --data-dir ./n1 --name n1 --listen 127.0.0.1:17400 "
                     "--bootstrap-expect 3 --peers "
                     "n1=127.0.0.1:17400,n2=127.0.0.1:17410,n3=127.0.0.1:17420",
                     "ledgerctl node start --data-dir /var/lib/ledgerctl/n1 --log-level debug"},
        .flags = {{"--data-dir", "DIR", "where everything of the node is kept"},
                  {"--name", "NAME", "its name; default: the directory's, else the host's"},
                  {"--listen", "HOST:PORT",
                   "rpc address, on loopback; port 0: any, printed as JSON "
                   "(default 127.0.0.1:17400)"},
                  {"--advertise", "HOST", "where others reach it (default: as --listen says)"},
                  {"--bootstrap", "", "found a cluster of one in an empty directory"},
                  {"--bootstrap-expect", "N",
                   "found a cluster of N, once all N see each other; the first by name does"},
                  {"--peers", "NAME=HOST:PORT,…",
                   "names and rpc addresses of the members, this node too; the same on every node",
                   0, true},
                  {"--segment-bytes", "SIZE", "size of a segment file (default 64MiB)"},
                  {"--log-level", "debug|info|warn|error", "least that is logged (default info)"},
                  {"--log-format", "text|json",
                   "default: text on a terminal or the journal, else json"},
                  {"--no-reflection", "", "no gRPC server reflection"},
                  {"--stop-timeout", "DUR", "how long a stop may take (default 8s)"},
                  {"--enable-fault-injection", "",
                   "for tests: obey DIR/faults, which cuts this node off from others"}},
        .exits = {{65, "the log is damaged: corrupt_segment, offset_gap"},
                  {66, "no such configuration file"},
                  {73, "address_in_use, data_dir_locked"},
                  {74, "the disk failed or is full"},
                  {77, "the directory or a file may not be used"},
                  {78, "another node's directory, a newer format, a bad configuration file"}},
        .notes =
            "Logs go to standard error. An empty directory needs one of --bootstrap,\n"
            "--bootstrap-expect and --peers: with --peers alone the node joins the cluster of the\n"
            "others. On a directory that has a cluster they change nothing, so a unit file can\n"
            "keep them; after 'member leave' --peers joins again.",
        .target = Target::none,
        .deadline = Deadline::none,
        .run = start}}};
}

}  // namespace ledger::cli
