// ledgerctl node start: run one node in the foreground.
#include "cli/context.h"
#include "cli/json.h"
#include "node/process.h"
#include "node_flags.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

Outcome start(Context& context) {
  node::StartOptions options = TRY(start_options(context));
  options.again = [&context]() -> Result<node::StartOptions> {
    const Checked<Settings> settings = settle(context.command, context.args);
    if (!settings) {
      return fail(settings.error().code, settings.error().message, settings.error().hint);
    }
    return start_options({context.command, context.args, *settings, context.out, context.report});
  };
  const auto any = [](const std::string& address) { return address.ends_with(":0"); };
  const bool tell =
      any(options.listen) || any(options.http) || (options.gossip && any(options.gossip->listen));
  // A program that started us reads the addresses; a full disk there must not stop the node.
  const auto listening = [&](const node::Listeners& listeners) {
    if (!tell) return;
    json::Object row("listening");
    row.add("rpc", listeners.rpc).add("http", listeners.http);
    if (!listeners.gossip.empty()) row.add("gossip", listeners.gossip);
    const std::string line = row.text();
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
        .synopsis = "--data-dir DIR [--name NAME] [--listen HOST:PORT] [--gossip HOST:PORT] "
                    "[--http HOST:PORT] [--bootstrap | --bootstrap-expect N] [--join HOST:PORT,… | "
                    "--peers NAME=HOST:PORT,…] [FLAGS]",
        .examples = {"ledgerctl node start --data-dir ./n1 --bootstrap",
                     "ledgerctl node start --data-dir ./n2 --name n2 --listen 127.0.0.1:17410 "
                     "--gossip 127.0.0.1:17411 --join 127.0.0.1:17401",
                     "ledgerctl node start --data-dir ./n1 --name n1 --listen 127.0.0.1:17400 "
                     "--bootstrap-expect 3 --peers "
                     "n1=127.0.0.1:17400,n2=127.0.0.1:17410,n3=127.0.0.1:17420",
                     "ledgerctl node start --data-dir /var/lib/ledgerctl/n1 --log-level debug"},
        .flags = {{"--data-dir", "DIR", "where everything of the node is kept"},
                  {"--name", "NAME", "its name; default: the directory's, else the host's"},
                  {"--listen", "HOST:PORT",
                   "rpc address, on loopback; port 0: any, printed as JSON "
                   "(default 127.0.0.1:17400)"},
                  {"--gossip", "HOST:PORT",
                   "gossip address, UDP and TCP, on loopback without a key; port 0: any "
                   "(default: 1 above the rpc port; with --peers "
                   "none)"},
                  {"--gossip-key", "FILE",
                   "base64 keys, one a line, primary first, or Serf's key ring; mode 0600"},
                  {"--http", "HOST:PORT",
                   "metrics, probes and a status page (default: 2 above the rpc port)"},
                  {"--advertise", "HOST", "where others reach it (default: as --listen says)"},
                  {"--bootstrap", "", "found a cluster of one in an empty directory"},
                  {"--bootstrap-expect", "N",
                   "found a cluster of N, once all N see each other; the first by name does"},
                  {"--join", "HOST:PORT,…", "gossip addresses of any members", 0, true},
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
            "--bootstrap-expect, --join and --peers: with one of the last two alone the node "
            "joins\n"
            "the cluster of the others. On a directory that has a cluster they change no\n"
            "membership, so a unit file can keep them; after 'member leave' --join or --peers\n"
            "joins again.",
        .target = Target::none,
        .deadline = Deadline::none,
        .run = start}}};
}

}  // namespace ledger::cli
