#include "dev/control.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "io/local_socket.h"

namespace ledger::dev {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 10> kinds = {"start",  "stop", "restart",   "kill", "pause",
                                                    "resume", "grow", "partition", "heal", "down"};
/// What a request may take beyond its patience: the way there and back.
constexpr Duration answer_patience = std::chrono::seconds(5);
constexpr Duration no_limit = std::chrono::hours(24);
constexpr int connect_step_ms = 20;
constexpr int connect_patience_ms = 10'000;

auto stopped(const Place& place) {
  return fail(Code::cluster_stopped, fmt::format("dev cluster '{}' is not running", place.name()),
              fmt::format("ledgerctl --dev {} dev up -d", place.name()));
}

/// A supervisor that has only just taken the lock has no socket yet.
Result<io::LocalStream> reach(const Place& place) {
  for (int waited = 0; TRY(place.runs()); waited += connect_step_ms) {
    const Result<Seen> seen = see(place);
    if (seen && !seen->state.socket.empty()) {
      Result<io::LocalStream> stream = io::LocalStream::connect(seen->state.socket);
      if (stream) return stream;
    }
    if (waited >= connect_patience_ms) {
      return fail(Code::timeout,
                  fmt::format("the supervisor of '{}' takes no connections", place.name()),
                  fmt::format("see {}", place.supervisor_log()));
    }
    ::poll(nullptr, 0, connect_step_ms);
  }
  return stopped(place);
}

}  // namespace

std::string to_json(const Request& request) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(request.patience).count();
  return Json{{"do", kinds[static_cast<size_t>(request.kind)]},
              {"nodes", request.nodes},
              {"signal", request.signal},
              {"again", request.again},
              {"count", request.count},
              {"cuts", request.cuts},
              {"patience_ms", ms}}
      .dump();
}

Result<Request> request_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    const auto kind = std::ranges::find(kinds, json.at("do").get<std::string>());
    if (kind == kinds.end()) return fail(Code::invalid_message, "no such request");
    Request request;
    request.kind = static_cast<Request::Kind>(kind - kinds.begin());
    request.nodes = json.at("nodes").get<std::vector<std::string>>();
    request.signal = json.at("signal").get<int>();
    request.again = json.at("again").get<bool>();
    request.count = json.at("count").get<size_t>();
    request.cuts = json.at("cuts").get<std::map<std::string, std::vector<std::string>>>();
    request.patience = std::chrono::milliseconds(json.at("patience_ms").get<int64_t>());
    return request;
  } catch (const nlohmann::json::exception&) {
    return fail(Code::invalid_message, "not a request", "use the same version of ledgerctl");
  }
}

std::string to_json(const Reply& reply) {
  Json json = {{"error", nullptr}, {"state", to_json(reply.state)}};
  if (reply.error) {
    json["error"] = {{"code", name(reply.error->code)},
                     {"message", reply.error->message},
                     {"hint", reply.error->hint}};
  }
  return json.dump();
}

std::optional<Reply> reply_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    Reply reply;
    std::optional<ClusterState> state = state_from_json(json.at("state").get<std::string>());
    if (!state) return std::nullopt;
    reply.state = *std::move(state);
    if (const Json& error = json.at("error"); !error.is_null()) {
      reply.error =
          Error{code_named(error.at("code").get<std::string>()).value_or(Code::internal),
                error.at("message").get<std::string>(), error.at("hint").get<std::string>()};
    }
    return reply;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<ClusterState> ask(const Place& place, const Request& request) {
  io::LocalStream stream = TRY(reach(place));
  if (!stream.send_line(to_json(request))) return stopped(place);
  const Duration patience =
      request.patience == Duration(0) ? no_limit : request.patience + answer_patience;
  const std::optional<std::string> line = TRY(stream.wait_line(patience));
  if (!line) return stopped(place);
  std::optional<Reply> reply = reply_from_json(*line);
  if (!reply) {
    return fail(Code::protocol_mismatch, "the supervisor answers in another language",
                "use the ledgerctl that started it");
  }
  if (reply->error) return tl::unexpected(*reply->error);
  return std::move(reply->state);
}

}  // namespace ledger::dev
