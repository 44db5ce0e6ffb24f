// ledgerctl node start: run one node in the foreground.
#include "build_info.h"
#include "cli/context.h"
#include "cli/json.h"
#include "node/process.h"
#include "nouns.h"

namespace ledger::cli {
namespace {

struct Text {
  std::string text;
  std::string where;
  bool from_file = false;
};

/// A flag's value, or the configuration file's.
std::optional<Text> given(const Context& context, std::string_view flag, std::string_view key) {
  if (auto value = context.args.value(flag)) return Text{*value, std::string(flag)};
  if (!context.settings.config) return std::nullopt;
  const Config::Value* value = context.settings.config->find(key);
  if (!value) return std::nullopt;
  return Text{value->texts[0], value->where, true};
}

/// What is wrong in the file is the file's fault.
template <class T>
Result<T> blame(Result<T> result, const Text& text) {
  if (!result && text.from_file) result.error().code = Code::config_invalid;
  return result;
}

/// Keys that would change how a node finds its cluster must not be passed over in silence.
Result<void> refuse_later_keys(const Context& context) {
  if (!context.settings.config) return {};
  for (const char* key : {"node.gossip", "node.http", "node.advertise", "node.join", "node.peers",
                          "node.bootstrap_expect", "node.gossip_key", "node.enable_fault_injection",
                          "tls.ca", "tls.cert", "tls.key", "tls.server_name"}) {
    if (const Config::Value* value = context.settings.config->find(key)) {
      return fail(Code::not_built, value->where + ": '" + key + "' is not in this version",
                  "take it out of the file");
    }
  }
  return {};
}

node::Level level_named(std::string_view name) {
  return name == "debug"  ? node::Level::debug
         : name == "info" ? node::Level::info
         : name == "warn" ? node::Level::warning
                          : node::Level::error;
}

Result<node::StartOptions> options_of(const Context& context) {
  node::StartOptions options;
  options.version = build::version;
  options.bootstrap = context.args.has("--bootstrap");
  const std::optional<Text> directory = given(context, "--data-dir", "node.data_dir");
  if (!directory || directory->text.empty()) {
    return fail(Code::usage, "'node start' needs --data-dir", "write --data-dir DIR");
  }
  options.data_dir = directory->text;
  if (const auto text = given(context, "--name", "node.name")) {
    options.name = TRY(blame(parse_node_name(text->where, text->text), *text));
  }
  if (const auto text = given(context, "--listen", "node.listen")) {
    options.listen = TRY(blame(parse_endpoint(text->where, text->text, true), *text)).text();
  }
  if (const auto text = given(context, "--segment-bytes", "node.segment_bytes")) {
    options.segment_bytes = TRY(blame(parse_size(text->where, text->text), *text));
  }
  if (const auto text = given(context, "--log-level", "node.log_level")) {
    options.log_level = level_named(
        TRY(blame(parse_choice(text->where, text->text, "debug|info|warn|error"), *text)));
  }
  if (const auto text = given(context, "--log-format", "node.log_format")) {
    const std::string form = TRY(blame(parse_choice(text->where, text->text, "text|json"), *text));
    options.log_format = form == "json" ? node::LogFormat::json : node::LogFormat::text;
  }
  if (const auto text = given(context, "--stop-timeout", "node.stop_timeout")) {
    options.stop_timeout = TRY(blame(parse_duration(text->where, text->text), *text));
  }
  const Config::Value* reflection =
      context.settings.config ? context.settings.config->find("node.reflection") : nullptr;
  options.reflection =
      !context.args.has("--no-reflection") && (!reflection || reflection->texts[0] == "true");
  return options;
}

Outcome start(Context& context) {
  TRY(refuse_later_keys(context));
  const node::StartOptions options = TRY(options_of(context));
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
        .synopsis = "--data-dir DIR [--name NAME] [--listen HOST:PORT] [--bootstrap] [FLAGS]",
        .examples = {"ledgerctl node start --data-dir ./n1 --bootstrap",
                     "ledgerctl node start --data-dir /var/lib/ledgerctl/n1 --log-level debug"},
        .flags = {{"--data-dir", "DIR", "where everything of the node is kept"},
                  {"--name", "NAME", "its name; default: the directory's, else the host's"},
                  {"--listen", "HOST:PORT",
                   "rpc address, on loopback; port 0: any, printed as JSON "
                   "(default 127.0.0.1:17400)"},
                  {"--bootstrap", "", "found a cluster of one in an empty directory"},
                  {"--segment-bytes", "SIZE", "size of a segment file (default 64MiB)"},
                  {"--log-level", "debug|info|warn|error", "least that is logged (default info)"},
                  {"--log-format", "text|json",
                   "default: text on a terminal or the journal, else json"},
                  {"--no-reflection", "", "no gRPC server reflection"},
                  {"--stop-timeout", "DUR", "how long a stop may take (default 8s)"}},
        .exits = {{65, "the log is damaged: corrupt_segment, offset_gap"},
                  {66, "no such configuration file"},
                  {73, "address_in_use, data_dir_locked"},
                  {74, "the disk failed or is full"},
                  {77, "the directory or a file may not be used"},
                  {78, "another node's directory, a newer format, a bad configuration file"}},
        .notes =
            "Logs go to standard error. Without --bootstrap an empty directory is refused; on\n"
            "one that has a cluster --bootstrap changes nothing, so a unit file can keep it.",
        .target = Target::none,
        .deadline = Deadline::none,
        .run = start}}};
}

}  // namespace ledger::cli
