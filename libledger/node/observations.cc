#include "node/observations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/time.h"

namespace ledger::node {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

/// Milliseconds to the microsecond; null where nothing was measured.
Json quantile_ms(const Histogram& histogram, double q) {
  if (histogram.count() == 0) return {};
  return std::round(static_cast<double>(histogram.quantile(q).count()) / 1e3) / 1e3;
}

std::string_view standing(raft::Standing standing) {
  return standing == raft::Standing::voter ? "voter" : "standby";
}

/// A row of the table of members. `status` is null where it is not known, `error` where it is.
Json row(const rpc::Members::One& one, const rpc::NodeStatus* status, const Error* error,
         Offset committed) {
  Json row;
  row["name"] = one.member.name;
  row["id"] = member_text(one.member.id);
  row["standing"] = standing(one.member.standing);
  row["rpc"] = one.member.address;
  row["ok"] = status || error ? Json(status != nullptr) : Json();
  row["role"] = status ? Json(status->role) : Json();
  row["term"] = status ? Json(status->term.value) : Json();
  row["applied"] = status ? Json(status->applied.value) : Json();
  row["lag"] = status ? Json(committed - std::min(status->applied, committed)) : Json();
  row["http"] = status ? or_null(status->http) : Json();
  row["error"] = error ? Json(error->message) : Json();
  return row;
}

}  // namespace

void Observations::add(Metrics metrics, Instant at, Time wall) {
  if (latest_ && at > latest_at_) {
    const double seconds = std::chrono::duration<double>(at - latest_at_).count();
    const Offset before = std::min(latest_->status.applied, metrics.status.applied);
    samples_.push_back(
        {.records_per_second = static_cast<double>(metrics.status.applied - before) / seconds,
         .commit = metrics.commit.since(latest_->commit),
         .fsync = metrics.fsync.since(latest_->fsync),
         .queue_depth = metrics.queue_depth});
    if (samples_.size() > samples_max) samples_.pop_front();
  }
  latest_ = std::move(metrics);
  latest_at_ = at;
  latest_wall_ = wall;
  std::erase_if(heard_, [this](const auto& heard) {
    return std::ranges::none_of(latest_->members.all, [&](const rpc::Members::One& one) {
      return one.member.id == heard.first;
    });
  });
}

void Observations::hear(MemberId member, Result<rpc::NodeStatus> answer) {
  if (answer && answer->member != member) {
    answer = fail(Code::unreachable, "another node answers there (" + answer->node + ")", "");
  }
  heard_.insert_or_assign(member, std::move(answer));
}

std::vector<std::pair<MemberId, std::string>> Observations::others() const {
  std::vector<std::pair<MemberId, std::string>> others;
  if (!latest_) return others;
  for (const rpc::Members::One& one : latest_->members.all) {
    if (one.member.id != latest_->members.self) {
      others.emplace_back(one.member.id, one.member.address);
    }
  }
  return others;
}

std::string Observations::why_not_ready() const {
  if (!latest_) return "starting";
  const rpc::NodeStatus& status = latest_->status;
  if (status.leader.empty()) return fmt::format("knows no leader in term {}", status.term.value);
  if (status.role == "leader") return fmt::format("begins to lead in term {}", status.term.value);
  return fmt::format("applies what was committed when it started, up to offset {} so far",
                     status.applied.value);
}

std::string Observations::json(const std::optional<std::string>& why_not) const {
  Json all;
  all["kind"] = "node_page";
  all["period_ms"] = 1000;
  if (!latest_) {
    all["ready"] = false;
    all["why_not_ready"] = why_not.value_or(why_not_ready());
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  const rpc::NodeStatus& status = latest_->status;
  const rpc::Members& members = latest_->members;
  all["node"] = status.node;
  all["cluster"] = status.cluster.text();
  all["version"] = status.version;
  all["at"] = format_time(Time{latest_wall_.ns / 1'000'000'000 * 1'000'000'000});
  all["ready"] = status.ready && !why_not;
  all["why_not_ready"] = why_not ? Json(*why_not) : status.ready ? Json() : Json(why_not_ready());
  all["no_space"] = or_null(status.no_space);
  all["role"] = status.role;
  all["term"] = status.term.value;
  all["next_offset"] = status.next_offset.value;
  all["committed"] = status.committed.value;
  all["applied"] = status.applied.value;
  all["segments"] = status.segments;
  all["log_bytes"] = status.bytes;
  all["queue_depth"] = latest_->queue_depth;

  Offset committed = status.committed;
  for (const auto& [id, heard] : heard_) {
    if (heard) committed = std::max(committed, heard->committed);
  }
  all["leader"] = nullptr;
  all["members"] = Json::array();
  std::vector<const rpc::Members::One*> rows;
  for (const rpc::Members::One& one : members.all) rows.push_back(&one);
  std::ranges::sort(rows, {}, [](const auto* one) { return one->member.name; });
  for (const rpc::Members::One* one : rows) {
    if (one->member.id == members.leader) all["leader"] = one->member.name;
    const auto heard = heard_.find(one->member.id);
    const bool self = one->member.id == members.self;
    const bool known = heard != heard_.end();
    all["members"].push_back(
        row(*one,
            self                     ? &status
            : known && heard->second ? &*heard->second
                                     : nullptr,
            !self && known && !heard->second ? &heard->second.error() : nullptr, committed));
  }

  Json& samples = all["samples"];
  for (const char* name :
       {"records_per_second", "commit_p50_ms", "commit_p99_ms", "fsync_p99_ms", "queue_depth"}) {
    samples[name] = Json::array();
  }
  for (const Sample& sample : samples_) {
    samples["records_per_second"].push_back(std::llround(sample.records_per_second));
    samples["commit_p50_ms"].push_back(quantile_ms(sample.commit, 0.5));
    samples["commit_p99_ms"].push_back(quantile_ms(sample.commit, 0.99));
    samples["fsync_p99_ms"].push_back(quantile_ms(sample.fsync, 0.99));
    samples["queue_depth"].push_back(sample.queue_depth);
  }
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ledger::node
