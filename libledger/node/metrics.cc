#include "node/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ledger::node {
namespace {

/// Bounds that Prometheus is told: 2^15 ns (33 µs) to 2^34 ns (17 s).
constexpr unsigned bound_first = 15;
constexpr unsigned bound_last = 34;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Writes one family after the other.
class Text {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  template <class Value>
  void value(const Value& value) {
    fmt::format_to(std::back_inserter(text_), "{} {}\n", name_, value);
  }
  template <class Value>
  void value(std::string_view label, std::string_view labelled, const Value& value) {
    fmt::format_to(std::back_inserter(text_), "{}{{{}=\"{}\"}} {}\n", name_, label,
                   escaped(labelled), value);
  }
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram) {
    begin(name, "histogram", help);
    for (unsigned exponent = bound_first; exponent <= bound_last; ++exponent) {
      const double bound = seconds(Duration(int64_t{1} << exponent));
      fmt::format_to(std::back_inserter(text_), "{}_bucket{{le=\"{}\"}} {}\n", name, bound,
                     histogram.count_below(exponent));
    }
    fmt::format_to(std::back_inserter(text_),
                   "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name,
                   histogram.count(), seconds(histogram.sum()));
  }

  std::string take() { return std::move(text_); }

 private:
  static std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : value) {
      if (c == '\\' || c == '"') out.push_back('\\');
      if (c == '\n') {
        out += "\\n";
      } else {
        out.push_back(c);
      }
    }
    return out;
  }

  std::string name_;
  std::string text_;
};

void log_text(Text& text, const rpc::NodeStatus& status) {
  const auto gauge = [&](std::string_view name, std::string_view help, uint64_t value) {
    text.begin(name, "gauge", help);
    text.value(value);
  };
  text.begin("ledger_records_total", "counter", "Records in the ledger, as applied here");
  text.value(status.applied.value);
  gauge("ledger_next_offset", "Offset of the next record appended here", status.next_offset.value);
  gauge("ledger_committed_offset", "Exclusive end of what is committed, as known here",
        status.committed.value);
  gauge("ledger_applied_offset", "Exclusive end of what is applied", status.applied.value);
  gauge("ledger_log_bytes", "Size of all segment files", status.bytes);
  gauge("ledger_segments", "Number of segment files", status.segments);
  gauge("ledger_no_space", "1 while writes are refused because the disk is full",
        status.no_space.empty() ? 0 : 1);
}

void consensus_text(Text& text, const Metrics& metrics) {
  const rpc::NodeStatus& status = metrics.status;
  text.begin("ledger_term", "gauge", "Term of the consensus");
  text.value(status.term.value);
  text.begin("ledger_role", "gauge", "1 for the role this node has");
  for (const std::string_view role : {"leader", "follower", "candidate"}) {
    text.value("role", role, status.role == role ? 1 : 0);
  }
  text.begin("ledger_ready", "gauge", "1 while this node can serve");
  text.value(status.ready ? 1 : 0);
  text.begin("ledger_members", "gauge", "Members of the cluster, by standing");
  uint64_t voters = 0;
  for (const auto& one : metrics.members.all) {
    if (one.member.standing == raft::Standing::voter) ++voters;
  }
  text.value("standing", "voter", voters);
  text.value("standing", "other", metrics.members.all.size() - voters);
  const auto lags = metrics.peer_lag();
  if (lags.empty()) return;
  text.begin("ledger_peer_lag", "gauge", "Entries that a member is known to lack; the leader's");
  for (const auto& [name, lag] : lags) text.value("peer", name, lag);
}

}  // namespace

std::map<std::string, uint64_t> Metrics::peer_lag() const {
  std::map<std::string, uint64_t> lags;
  if (members.leader != members.self) return lags;
  for (const auto& one : members.all) {
    if (one.member.id == members.self) continue;
    lags[one.member.name] = members.end - std::min(one.held, members.end);
  }
  return lags;
}

void Metrics::count(const std::vector<rpc::GossipMember>& gossip) {
  using State = rpc::GossipMember::State;
  gossip_members.clear();
  for (const State state :
       {State::alive, State::suspect, State::failed, State::leaving, State::left}) {
    gossip_members.emplace(rpc::word(state), 0);
  }
  for (const rpc::GossipMember& member : gossip) {
    if (member.ledger) ++gossip_members[std::string(rpc::word(member.state))];
  }
}

std::string prometheus_text(const Metrics& metrics) {
  Text text;
  text.histogram("ledger_commit_seconds", "From taking a proposal to its answer, on the leader",
                 metrics.commit);
  text.histogram("ledger_fsync_seconds", "One drain of the write queue: writes and their sync",
                 metrics.fsync);
  text.histogram("ledger_apply_seconds", "Turns of the loop that applied records", metrics.apply);
  log_text(text, metrics.status);
  text.begin("ledger_repairs_total", "counter", "Times that a damaged log was mended");
  text.value(metrics.repairs);
  text.begin("ledger_refused_total", "counter", "Records applied with a verdict other than ok");
  for (const auto& [code, count] : metrics.refused) text.value("code", code, count);
  text.begin("ledger_queue_depth", "gauge", "Events that wait for the loop");
  text.value(metrics.queue_depth);
  consensus_text(text, metrics);
  if (!metrics.gossip_members.empty()) {
    text.begin("ledger_gossip_members", "gauge", "Members as gossip knows them");
    for (const auto& [state, count] : metrics.gossip_members) text.value("state", state, count);
  }
  if (!metrics.replays.empty()) {
    text.begin("ledger_replay_lag", "gauge", "Records that a replay was not given yet");
    for (const auto& [name, next] : metrics.replays) {
      text.value("name", name, metrics.status.applied - std::min(next, metrics.status.applied));
    }
  }
  text.begin("ledger_build_info", "gauge", "The program; always 1");
  text.value("version", metrics.status.version, 1);
  return text.take();
}

}  // namespace ledger::node
