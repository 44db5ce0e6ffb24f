// What the streams between members cost: how long a message takes from `wake` to `receive`, and how
// much one stream carries. Both members are in this process, over loopback; their nodes do nothing.
//
//     peer_bench [MESSAGES]
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "rpc/memory_peer.h"

using namespace ledger;
using namespace ledger::rpc;

namespace {

using Clock = std::chrono::steady_clock;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Has `left` copies of one message to give, so many a frame, and counts what it hears.
class BenchNode final : public PeerNode {
 public:
  raft::Message message;
  size_t in_frame = 1;
  std::atomic<uint64_t> left = 0;
  std::atomic<uint64_t> heard = 0;
  std::atomic<uint64_t> frames = 0;
  std::vector<Entry> log;
  Clock::time_point asked;    ///< Of the first `outgoing` that gave something.
  Clock::time_point arrived;  ///< Of the last message.

  bool receive(MemberId, std::vector<raft::Message> messages) override {
    arrived = Clock::now();
    ++frames;
    heard += messages.size();
    heard.notify_all();
    return true;
  }
  Result<EntriesGiven> entries(const EntriesAsked& range, size_t bytes_max) override {
    std::vector<Entry> given;
    for (size_t bytes = 0; bytes < bytes_max; bytes += given.back().bytes().size()) {
      const Index index = given.empty() ? range.from : given.back().index + 1;
      if (index >= range.end) break;
      given.push_back(log[index.value % log.size()]);
      given.back().index = index;
    }
    return EntriesGiven{std::move(given), range.end, {}};
  }
  void confirm(Reply<Leading> reply) override {
    reply(tl::unexpected(Failure{{Code::no_leader, "it does not lead"}}));
  }
  std::vector<raft::Message> outgoing(MemberId, size_t) override {
    const uint64_t count = std::min<uint64_t>(left, in_frame);
    if (count == 0) return {};
    asked = Clock::now();
    left -= count;
    return std::vector<raft::Message>(count, message);
  }
  void wait(uint64_t count) const {
    for (uint64_t seen = heard; seen < count; seen = heard) heard.wait(seen);
  }
};

struct Side {
  MemberId id;
  BenchNode node;
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<Peers> peers;

  explicit Side(uint64_t number) : id(number) {
    server = RpcServer::start({.listen = "127.0.0.1:0",
                               .ids = {},
                               .introduce =
                                   [this] {
                                     Introduction self;
                                     self.member = id;
                                     self.cluster = test_id(1);
                                     return self;
                                   }})
                 .value();
    server->attach_peer(node);
    peers = Peers::start({.self = id, .cluster = test_id(1)}, node);
  }
  ~Side() {
    peers->stop();
    server->stop({});
  }
};

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

/// One message at a time, each after the last has arrived and the streams have come to rest.
void latency(Side& from, Side& to, const char* what, void (Peers::*wake)(MemberId)) {
  constexpr size_t rounds = 5'000;
  std::vector<double> taken, arrived;
  double cpu = 0;
  from.node.in_frame = 1;
  for (size_t i = 0; i < rounds; ++i) {
    for (const auto rest = Clock::now(); microseconds(Clock::now() - rest) < 200;) {
      std::this_thread::yield();
    }
    const uint64_t before = to.node.heard;
    from.node.left = 1;
    const double cpu_before = cpu_seconds();
    const Clock::time_point begin = Clock::now();
    ((*from.peers).*wake)(to.id);
    to.node.wait(before + 1);
    cpu += cpu_seconds() - cpu_before;
    taken.push_back(microseconds(from.node.asked - begin));
    arrived.push_back(microseconds(to.node.arrived - begin));
  }
  std::ranges::sort(taken);
  std::ranges::sort(arrived);
  std::printf("%-30s taken %5.0f us, there %5.0f us (p50) %6.0f us (p99), %4.0f us CPU\n", what,
              taken[rounds / 2], arrived[rounds / 2], arrived[rounds * 99 / 100],
              cpu / rounds * 1e6);
}

void flood(Side& from, Side& to, const char* what, uint64_t count, size_t in_frame,
           size_t payload) {
  from.node.message = {from.id, to.id, Term(1), 1, 0, 0, raft::ReadProbe{1}};
  if (payload > 0) {
    from.node.message.body =
        raft::AppendEntries{Index(), Term(), Index(), 1, test_entries(1, payload)};
  }
  from.node.in_frame = in_frame;
  const uint64_t before = to.node.heard;
  const uint64_t frames_before = to.node.frames;
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  from.node.left = count;
  from.peers->wake(to.id);
  to.node.wait(before + count);
  const double seconds = microseconds(Clock::now() - begin) / 1e6;
  const auto number = static_cast<double>(count);
  std::printf("%-30s %8.0f /s %8.0f frames/s %6.0f MB/s %8.2f us CPU each\n", what,
              number / seconds, static_cast<double>(to.node.frames - frames_before) / seconds,
              number * static_cast<double>(payload) / seconds / 1e6,
              (cpu_seconds() - cpu) / number * 1e6);
}

void pull(Side& asking, Side& asked, uint64_t count, size_t payload) {
  asked.node.log = test_entries(8, payload);
  std::atomic<bool> ended = false;
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  asking.peers->pull(asked.id, {Index(1), Index(count + 1), {}},
                     [&](const Result<std::vector<Entry>>& batch, const Peers::More& more) {
                       if (batch && !batch->empty()) return more(true);
                       ended = true;
                       ended.notify_all();
                     });
  ended.wait(false);
  const double seconds = microseconds(Clock::now() - begin) / 1e6;
  const double megabytes = static_cast<double>(count * payload) / 1e6;
  std::printf("%-30s %39.0f MB/s %8.2f us CPU a MB\n", "pull", megabytes / seconds,
              (cpu_seconds() - cpu) / megabytes * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t messages = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000;
  Side one(1), two(2);
  one.peers->set_members({{two.id, raft::Standing::voter, "n2", two.server->address()}});
  flood(one, two, "warming up", 1000, 1, 0);
  latency(one, two, "one message by wake", &Peers::wake);
  latency(one, two, "one message by send", &Peers::send);
  flood(one, two, "small, one a frame", messages, 1, 0);
  flood(one, two, "small, 64 a frame", messages * 10, 64, 0);
  flood(one, two, "16 KiB, one a frame", messages / 4, 1, 16 << 10);
  flood(one, two, "128 KiB, one a frame", messages / 20, 1, 128 << 10);
  flood(one, two, "512 KiB, one a frame", messages / 80, 1, 512 << 10);
  pull(one, two, messages / 20, 128 << 10);
  return 0;
}
