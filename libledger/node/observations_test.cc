#include "node/observations.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace ledger;
using namespace std::chrono_literals;
using node::Metrics;
using node::Observations;

namespace {

constexpr Time noon{1'767'268'800'000'000'000};

Metrics at_offset(uint64_t applied) {
  Metrics metrics;
  metrics.status.node = "n1";
  metrics.status.member = MemberId(1);
  metrics.status.role = "leader";
  metrics.status.leader = "n1:1";
  metrics.status.ready = true;
  metrics.status.applied = metrics.status.committed = Offset(applied);
  metrics.members.self = metrics.members.leader = MemberId(1);
  for (const uint64_t id : {2, 1}) {
    const std::string name = "n" + std::to_string(id);
    metrics.members.all.push_back(
        {.member = {MemberId(id), raft::Standing::voter, name, name + ":1"},
         .heard = {},
         .held = {}});
  }
  return metrics;
}

rpc::NodeStatus follower(uint64_t applied) {
  rpc::NodeStatus status;
  status.node = "n2";
  status.member = MemberId(2);
  status.role = "follower";
  status.applied = status.committed = Offset(applied);
  status.http = "n2:3";
  return status;
}

nlohmann::json seen(const Observations& observations) {
  return nlohmann::json::parse(observations.json(std::nullopt));
}

}  // namespace

TEST_CASE("a sample is what happened between two looks") {
  Observations observations;
  Metrics metrics = at_offset(100);
  metrics.commit.add(8ms);
  observations.add(metrics, Instant{0}, noon);
  metrics.status.applied = Offset(1100);
  metrics.commit.add(1ms);
  observations.add(metrics, Instant{} + 2s, noon);
  observations.add(metrics, Instant{} + 3s, noon);
  const auto samples = seen(observations)["samples"];
  CHECK(samples["records_per_second"] == nlohmann::json{500, 0});
  CHECK(samples["commit_p99_ms"][0].get<double>() == doctest::Approx(1).epsilon(0.04));
  CHECK(samples["commit_p99_ms"][1].is_null());
}

TEST_CASE("five minutes are kept, and no more") {
  Observations observations;
  for (int i = 0; i < 400; ++i) {
    observations.add(at_offset(static_cast<uint64_t>(i)), Instant{} + std::chrono::seconds(i),
                     noon);
  }
  const auto page = seen(observations);
  for (const auto& [name, values] : page["samples"].items()) {
    CAPTURE(name);
    CHECK(values.size() == Observations::samples_max);
  }
}

TEST_CASE("members come by name, with what each has said") {
  Observations observations;
  observations.add(at_offset(100), Instant{0}, noon);
  CHECK(observations.others() ==
        std::vector<std::pair<MemberId, std::string>>{{MemberId(2), "n2:1"}});
  auto members = seen(observations)["members"];
  CHECK(members[0]["name"] == "n1");
  CHECK(members[0]["ok"] == true);
  CHECK(members[1]["ok"].is_null());

  observations.hear(MemberId(2), follower(90));
  members = seen(observations)["members"];
  CHECK(members[1]["role"] == "follower");
  CHECK(members[1]["lag"] == 10);
  CHECK(members[1]["http"] == "n2:3");

  // Somebody who is ahead of us tells how far we lag.
  observations.hear(MemberId(2), follower(150));
  members = seen(observations)["members"];
  CHECK(members[0]["lag"] == 50);
  CHECK(members[1]["lag"] == 0);
}

TEST_CASE("who does not answer, or is another, is shown as such") {
  Observations observations;
  observations.add(at_offset(100), Instant{0}, noon);
  observations.hear(MemberId(2), fail(Code::unreachable, "n2:1 refused", ""));
  CHECK(seen(observations)["members"][1]["error"] == "n2:1 refused");
  CHECK(seen(observations)["members"][1]["ok"] == false);
  rpc::NodeStatus other = follower(90);
  other.member = MemberId(3);
  observations.hear(MemberId(2), other);
  CHECK(seen(observations)["members"][1]["error"] == "another node answers there (n2)");
}

TEST_CASE("a member that has left is forgotten") {
  Observations observations;
  observations.add(at_offset(100), Instant{0}, noon);
  observations.hear(MemberId(2), follower(500));
  Metrics alone = at_offset(100);
  std::erase_if(alone.members.all, [](const auto& one) { return one.member.id == MemberId(2); });
  observations.add(alone, Instant{1}, noon);
  CHECK(seen(observations)["members"].size() == 1);
  CHECK(seen(observations)["members"][0]["lag"] == 0);
}

TEST_CASE("a node that can't serve says why") {
  Observations observations;
  CHECK(seen(observations)["why_not_ready"] == "starting");
  Metrics metrics = at_offset(7);
  metrics.status.ready = false;
  metrics.status.term = Term(9);
  observations.add(metrics, Instant{0}, noon);
  CHECK(seen(observations)["why_not_ready"] == "begins to lead in term 9");
  metrics.status.role = "follower";
  metrics.status.leader = "";
  observations.add(metrics, Instant{1}, noon);
  CHECK(seen(observations)["why_not_ready"] == "knows no leader in term 9");
  metrics.status.ready = true;
  observations.add(metrics, Instant{2}, noon);
  CHECK(seen(observations)["ready"] == true);
  const auto stopping = nlohmann::json::parse(observations.json("stopping"));
  CHECK(stopping["ready"] == false);
  CHECK(stopping["why_not_ready"] == "stopping");
}
