#include "node_flags.h"

#include <fmt/format.h>

#include <algorithm>

#include "build_info.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

struct Text {
  std::string text;
  std::string where;
  bool from_file = false;
};

/// All values of a flag or key that takes many; the first says where they stand.
std::vector<Text> all_given(const Context& context, std::string_view flag, std::string_view key) {
  std::vector<Text> all;
  for (const std::string& value : context.args.values(flag)) {
    all.push_back({value, std::string(flag)});
  }
  if (!all.empty() || !context.settings.config) return all;
  if (const Config::Value* value = context.settings.config->find(key)) {
    for (const std::string& text : value->texts) all.push_back({text, value->where, true});
  }
  return all;
}

/// A flag's value, or the configuration file's.
std::optional<Text> given(const Context& context, std::string_view flag, std::string_view key) {
  std::vector<Text> all = all_given(context, flag, key);
  if (all.empty()) return std::nullopt;
  return std::move(all.front());
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
  for (const char* key : {"tls.ca", "tls.cert", "tls.key", "tls.server_name"}) {
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

using Peers = std::vector<std::pair<std::string, std::string>>;

/// `NAME=HOST:PORT`
Result<std::pair<std::string, std::string>> parse_peer(const Text& text) {
  const size_t equals = text.text.find('=');
  if (equals == std::string::npos) {
    return fail(Code::invalid_value,
                fmt::format("{}: '{}' is not a peer", text.where, escaped(text.text, Escape::line)),
                "NAME=HOST:PORT, such as n1=10.0.0.1:17400,n2=10.0.0.2:17400");
  }
  std::string name = TRY(parse_node_name(text.where, text.text.substr(0, equals)));
  const Endpoint endpoint = TRY(parse_endpoint(text.where, text.text.substr(equals + 1)));
  return std::pair(std::move(name), endpoint.text());
}

Result<Peers> parse_peers(const std::vector<Text>& texts) {
  Peers peers;
  for (const Text& text : texts) {
    auto peer = TRY(parse_peer(text));
    for (const auto& [name, address] : peers) {
      if (name != peer.first && address != peer.second) continue;
      return fail(
          Code::invalid_value,
          fmt::format("{}: {} is given twice", text.where, name == peer.first ? name : address),
          "every member has a name and an address of its own");
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

/// A host that others can reach, alone.
Result<std::string> parse_host(const Text& text) {
  const auto colons = std::ranges::count(text.text, ':');
  const bool v6 = colons > 1 && !text.text.starts_with('[');
  const std::string host = v6 ? "[" + text.text + "]" : text.text;
  const Result<Endpoint> endpoint = parse_endpoint(text.where, host + ":1");
  if (!endpoint || colons == 1 || endpoint->host == "0.0.0.0" || endpoint->host == "::") {
    return fail(Code::invalid_value,
                fmt::format("{}: '{}' is not a host that others can reach", text.where,
                            escaped(text.text, Escape::line)),
                "a name or an address without a port, such as 10.0.0.1");
  }
  return host;
}

/// What can't be meant together.
Result<void> check_formation(const node::StartOptions& options, const std::string& where) {
  const auto usage = [](std::string message, std::string hint) {
    return fail(Code::usage, std::move(message), std::move(hint));
  };
  const Peers& peers = options.peers;
  if (options.bootstrap && options.bootstrap_expect > 1) {
    return usage(fmt::format("--bootstrap founds a cluster of one, --bootstrap-expect of {}",
                             options.bootstrap_expect),
                 "keep one of them");
  }
  if (options.bootstrap && peers.size() > 1) {
    return usage(fmt::format("--bootstrap founds a cluster of one, --peers names {}", peers.size()),
                 fmt::format("--bootstrap-expect {} founds one of them all", peers.size()));
  }
  if (options.gossip && !options.gossip->join.empty()) {
    if (options.bootstrap || options.bootstrap_expect == 1) {
      return usage("--bootstrap founds a cluster of one, --join joins others",
                   "--bootstrap-expect founds one with others");
    }
    if (!peers.empty()) {
      return usage("--join finds the others by gossip, --peers says who they are",
                   "keep one of them");
    }
  }
  if (options.bootstrap_expect > peers.size() && !peers.empty()) {
    return usage(fmt::format("--bootstrap-expect {}, but --peers names {}",
                             options.bootstrap_expect, peers.size()),
                 "name all first members, this node too");
  }
  if (options.name.empty() || peers.empty()) return {};
  const auto own =
      std::ranges::find(peers, options.name, &std::pair<std::string, std::string>::first);
  if (own == peers.end()) {
    return usage(fmt::format("{} does not name {}, this node", where, options.name),
                 "name all members, this one too, the same on every node");
  }
  if (!options.advertise.empty() && !own->second.starts_with(options.advertise + ":")) {
    return usage(fmt::format("--advertise says {}, {} {}", options.advertise, where, own->second),
                 "keep one of them");
  }
  return {};
}

/// The address of another listener of the node whose rpc service is at `listen`, where nobody says:
/// `above` ports higher; any port where that one has any, or there are no more.
Result<std::string> beside(const std::string& listen, uint16_t above) {
  Endpoint endpoint = TRY(parse_endpoint("--listen", listen, true));
  const bool any = endpoint.port == 0 || endpoint.port > 65'535 - above;
  endpoint.port = any ? uint16_t{0} : static_cast<uint16_t>(endpoint.port + above);
  return endpoint.text();
}

/// Whether and how the node gossips: by default it does, unless it is told all members.
Result<void> take_gossip(const Context& context, node::StartOptions& options) {
  const auto listen = given(context, "--gossip", "node.gossip");
  const std::vector<Text> join = all_given(context, "--join", "node.join");
  const auto key = given(context, "--gossip-key", "node.gossip_key");
  if (!options.peers.empty() && !listen && join.empty()) return {};
  node::GossipOptions& gossip = options.gossip.emplace();
  // Who leaves the one port to the kernel wants no fixed one beside it.
  gossip.listen = TRY(beside(options.listen, 1));
  if (listen) {
    gossip.listen = TRY(blame(parse_endpoint(listen->where, listen->text, true), *listen)).text();
  }
  for (const Text& text : join) {
    gossip.join.push_back(TRY(blame(parse_endpoint(text.where, text.text), text)).text());
  }
  if (key) gossip.key_file = key->text;
  gossip.advertise = options.advertise;
  return {};
}

/// How the node finds its cluster, and others find it.
Result<void> take_formation(const Context& context, node::StartOptions& options) {
  const std::vector<Text> peers = all_given(context, "--peers", "node.peers");
  if (!peers.empty()) options.peers = TRY(blame(parse_peers(peers), peers[0]));
  if (const auto text = given(context, "--bootstrap-expect", "node.bootstrap_expect")) {
    options.bootstrap_expect = TRY(blame(parse_count(text->where, text->text, 255), *text));
    if (options.bootstrap_expect == 0) {
      return blame<void>(
          fail(Code::invalid_value, fmt::format("{}: 0 nodes found no cluster", text->where),
               "at least 1"),
          *text);
    }
  }
  if (const auto text = given(context, "--advertise", "node.advertise")) {
    options.advertise = TRY(blame(parse_host(*text), *text));
  }
  TRY(take_gossip(context, options));
  return check_formation(options, peers.empty() ? "" : peers[0].where);
}

}  // namespace

Result<node::StartOptions> start_options(const Context& context) {
  TRY(refuse_later_keys(context));
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
  options.http = TRY(beside(options.listen, 2));
  if (const auto text = given(context, "--http", "node.http")) {
    options.http = TRY(blame(parse_endpoint(text->where, text->text, true), *text)).text();
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
  TRY(take_formation(context, options));
  const Config::Value* faults = context.settings.config
                                    ? context.settings.config->find("node.enable_fault_injection")
                                    : nullptr;
  options.fault_injection =
      context.args.has("--enable-fault-injection") || (faults && faults->texts[0] == "true");
  const Config::Value* reflection =
      context.settings.config ? context.settings.config->find("node.reflection") : nullptr;
  options.reflection =
      !context.args.has("--no-reflection") && (!reflection || reflection->texts[0] == "true");
  return options;
}

}  // namespace ledger::cli
