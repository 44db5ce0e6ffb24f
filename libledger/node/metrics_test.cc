#include "node/metrics.h"

#include <doctest/doctest.h>

#include <sstream>

using namespace ledger;
using namespace std::chrono_literals;

namespace {

bool says(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

rpc::Members::One member(uint64_t id, const std::string& name, uint64_t held) {
  return {.member = {MemberId(id), raft::Standing::voter, name, name + ":1"},
          .heard = {},
          .held = Index(held)};
}

node::Metrics leader() {
  node::Metrics metrics;
  metrics.status.role = "leader";
  metrics.status.term = Term(7);
  metrics.status.applied = Offset(1200);
  metrics.status.committed = Offset(1203);
  metrics.status.bytes = 67'108'864;
  metrics.status.version = "1.2";
  metrics.members.all = {member(1, "n1", 40), member(2, "n2", 38), member(3, "n3", 41)};
  metrics.members.end = Index(40);
  metrics.members.self = metrics.members.leader = MemberId(1);
  metrics.refused["insufficient_funds"] = 3;
  metrics.repairs = 2;
  metrics.queue_depth = 5;
  return metrics;
}

}  // namespace

TEST_CASE("every number stands in a line of its own") {
  const std::string text = prometheus_text(leader());
  for (const char* line :
       {"ledger_term 7", "ledger_applied_offset 1200", "ledger_committed_offset 1203",
        "ledger_records_total 1200", "ledger_log_bytes 67108864", "ledger_role{role=\"leader\"} 1",
        "ledger_role{role=\"follower\"} 0", "ledger_queue_depth 5", "ledger_no_space 0",
        "ledger_repairs_total 2", "ledger_refused_total{code=\"insufficient_funds\"} 3",
        "ledger_members{standing=\"voter\"} 3", "ledger_build_info{version=\"1.2\"} 1"}) {
    CAPTURE(line);
    CHECK(says(text, line));
  }
}

TEST_CASE("a histogram's buckets add up, to the same count as its sum is of") {
  node::Metrics metrics;
  metrics.fsync.add(20us);
  metrics.fsync.add(3ms);
  metrics.fsync.add(3ms);
  metrics.fsync.add(1min);
  const std::string text = prometheus_text(metrics);
  CHECK(says(text, "ledger_fsync_seconds_bucket{le=\"3.2768e-05\"} 1"));
  CHECK(says(text, "ledger_fsync_seconds_bucket{le=\"0.002097152\"} 1"));
  CHECK(says(text, "ledger_fsync_seconds_bucket{le=\"0.004194304\"} 3"));
  CHECK(says(text, "ledger_fsync_seconds_bucket{le=\"17.179869184\"} 3"));
  CHECK(says(text, "ledger_fsync_seconds_bucket{le=\"+Inf\"} 4"));
  CHECK(says(text, "ledger_fsync_seconds_count 4"));
  CHECK(says(text, "ledger_fsync_seconds_sum 60.00602"));
}

TEST_CASE("only a leader says how far the others lag") {
  node::Metrics metrics = leader();
  CHECK(metrics.peer_lag() == std::map<std::string, uint64_t>{{"n2", 2}, {"n3", 0}});
  CHECK(says(prometheus_text(metrics), "ledger_peer_lag{peer=\"n2\"} 2"));
  metrics.members.leader = MemberId(2);
  CHECK(metrics.peer_lag().empty());
  CHECK(prometheus_text(metrics).find("peer_lag") == std::string::npos);
}

TEST_CASE("a replay lags by what it was not given yet") {
  node::Metrics metrics = leader();
  metrics.replays = {{"books", Offset(1150)}, {"ahead", Offset(1201)}};
  const std::string text = prometheus_text(metrics);
  CHECK(says(text, "ledger_replay_lag{name=\"books\"} 50"));
  CHECK(says(text, "ledger_replay_lag{name=\"ahead\"} 0"));
}

TEST_CASE("gossip's members are counted by state, and other agents not at all") {
  using State = rpc::GossipMember::State;
  node::Metrics metrics;
  CHECK(prometheus_text(metrics).find("gossip") == std::string::npos);
  const auto known = [](const char* name, State state, bool ledger) {
    rpc::GossipMember one;
    one.name = name;
    one.state = state;
    one.ledger = ledger;
    return one;
  };
  metrics.count({known("n1", State::alive, true), known("n2", State::alive, true),
                 known("n3", State::failed, true), known("web", State::alive, false)});
  const std::string text = prometheus_text(metrics);
  CHECK(says(text, "ledger_gossip_members{state=\"alive\"} 2"));
  CHECK(says(text, "ledger_gossip_members{state=\"failed\"} 1"));
  CHECK(says(text, "ledger_gossip_members{state=\"suspect\"} 0"));
}

TEST_CASE("a label can hold any text") {
  node::Metrics metrics;
  metrics.status.version = "a\"b\\c\nd";
  CHECK(says(prometheus_text(metrics), "ledger_build_info{version=\"a\\\"b\\\\c\\nd\"} 1"));
}

TEST_CASE("every family has its type and its help, once, before its values") {
  node::Metrics metrics = leader();
  metrics.gossip_members["alive"] = 3;
  std::istringstream lines(prometheus_text(metrics));
  std::string help, type;
  size_t families = 0;
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    if (line.starts_with("# HELP ")) {
      help = line.substr(7, line.find(' ', 7) - 7);
      ++families;
    } else if (line.starts_with("# TYPE ")) {
      type = line.substr(7, line.find(' ', 7) - 7);
      CHECK(type == help);
    } else {
      CHECK(line.starts_with(type));
    }
  }
  CHECK(families >= 16);
}
