// What the wire costs: streamed appends, unary calls and streamed reads between the client here and
// a server in the same process, over loopback. The node behind it does nothing but answer.
//
//     rpc_bench [RECORDS]
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "log/v1/log.grpc.pb.h"
#include "rpc/client.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;

namespace {

constexpr uint32_t batch = 1000;
constexpr size_t body_bytes = 128;

/// Answers at once from its own thread, as the loop does, and keeps nothing but a count.
class EmptyNode final : public Node {
 public:
  EmptyNode() : loop_([this] { run(); }) {
    for (uint32_t i = 0; i < batch; ++i) {
      records_ += raw_record(test_id(1 + i), std::string(body_bytes, 'x'));
    }
  }
  ~EmptyNode() override {
    post({});
    loop_.join();
  }

  void propose(Proposal proposal, Reply<Outcome> reply) override {
    post([this, count = proposal.count, reply = std::move(reply)] {
      Outcome outcome;
      outcome.term = Term(1);
      outcome.offsets.reserve(count);
      for (uint32_t i = 0; i < count; ++i) outcome.offsets.emplace_back(next_++);
      outcome.decisions.resize(1);
      reply(std::move(outcome));
    });
  }
  void read(const Freshness&, Reply<std::reference_wrapper<const View>> reply) override {
    struct Empty final : View {
      const book::Book* at = nullptr;
      const book::Book& book() const override { return *at; }
      Result<std::optional<Transaction>> transaction(const Id&) const override {
        return std::nullopt;
      }
    };
    post([this, reply = std::move(reply)] {
      Empty view;
      view.at = &book_;
      reply(std::cref<const View>(view));
    });
  }
  Result<book::Decided> decided(Offset from, Offset end, size_t) override {
    const uint64_t count = std::min<uint64_t>(batch, end - from);
    book::Decided decided;
    decided.first = from;
    decided.records = records_.substr(0, records_.size() / batch * count);
    decided.runs = {{static_cast<uint32_t>(count), Time{}, Term(1), 1}};
    decided.verdicts.assign(count, '\0');
    decided.as_of = end;
    return decided;
  }
  uint64_t watch(Offset, Reply<Offset> reply) override {
    reply(Offset(limit));
    return 0;
  }
  void unwatch(uint64_t) override {}
  void status(Reply<NodeStatus> reply) override {
    NodeStatus status;
    status.role = "leader";
    status.cluster = Id{{1}};
    reply(std::move(status));
  }
  void members(Reply<Members> reply) override { reply(Members()); }
  void change(Change, Reply<Changed> reply) override { reply(Changed()); }

  const std::string& records() const { return records_; }
  uint64_t limit = 0;  ///< How many records there are to follow.

 private:
  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  void run() {
    while (true) {
      std::deque<std::function<void()>> tasks;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !tasks_.empty(); });
        tasks.swap(tasks_);
      }
      for (const std::function<void()>& task : tasks) {
        if (!task) return;
        task();
      }
    }
  }

  std::string records_;
  uint64_t next_ = 0;
  book::Book book_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::thread loop_;
};

struct Probe {
  std::chrono::steady_clock::time_point wall = std::chrono::steady_clock::now();
  double cpu = cpu_seconds();

  static double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  void report(const char* what, uint64_t count) const {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - wall;
    const auto number = static_cast<double>(count);
    std::printf("%-28s %10.0f /s  %8.0f ns CPU each (client and server)\n", what,
                number / elapsed.count(), (cpu_seconds() - cpu) / number * 1e9);
    std::fflush(stdout);
  }
};

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

void append(Client& client, const EmptyNode& node, uint64_t records) {
  const Probe probe;
  const std::unique_ptr<Appender> appender = client.append(16 * batch);
  std::thread submitter([&] {
    for (uint64_t i = 0; i < records / batch; ++i) appender->submit({node.records(), batch});
    appender->close();
  });
  while (must(appender->next())) {
  }
  submitter.join();
  probe.report("append, 1000 a message", records);
}

void read(Client& client, EmptyNode& node, uint64_t records) {
  node.limit = records;
  const Probe probe;
  const std::unique_ptr<Reader> reader =
      client.read({.from = Offset(0), .to = Offset(records), .follow = true});
  while (must(reader->next(std::chrono::seconds(60)))) {
  }
  probe.report("read, 1000 a message", records);
}

/// `callers` calls under way at all times.
void unary(const std::string& address, int callers, uint64_t calls) {
  struct Caller {
    std::unique_ptr<::logpb::v1::Log::Stub> stub;
    std::atomic<uint64_t>* left = nullptr;
    std::atomic<int>* done = nullptr;
    ::logpb::v1::ProduceRequest request;
    ::logpb::v1::ProduceResponse response;
    std::optional<grpc::ClientContext> context;
    void call() {
      if (left->fetch_sub(1) > (uint64_t{1} << 62)) {  // Went below zero.
        ++*done;
        done->notify_one();
        return;
      }
      context.emplace();
      stub->async()->Produce(&*context, &request, &response,
                             [this](const grpc::Status&) { call(); });
    }
  };
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  std::atomic<uint64_t> left = calls;
  std::atomic<int> done = 0;
  std::vector<std::unique_ptr<Caller>> all;
  const Probe probe;
  for (int i = 0; i < callers; ++i) {
    Caller& caller = *all.emplace_back(std::make_unique<Caller>());
    caller.stub = ::logpb::v1::Log::NewStub(channel);
    caller.left = &left;
    caller.done = &done;
    caller.request.mutable_record()->set_value(std::string(body_bytes, 'x'));
    caller.call();
  }
  for (int seen = 0; seen < callers; seen = done) done.wait(seen);
  probe.report(("unary, " + std::to_string(callers) + " callers").c_str(), calls);
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000'000;
  EmptyNode node;
  std::atomic<uint64_t> made = 0;
  const std::unique_ptr<RpcServer> server =
      must(RpcServer::start({.listen = "127.0.0.1:0", .ids = [&made] { return test_id(++made); }}));
  server->attach(node);
  const std::unique_ptr<Client> client =
      must(Client::create({.endpoints = {server->address()},
                           .patience = {Patience::Kind::progress, std::chrono::seconds(60)}}));
  append(*client, node, records);
  read(*client, node, records);
  unary(server->address(), 1, records / 500);
  unary(server->address(), 64, records / 50);
  server->stop(std::chrono::seconds(1));
  return 0;
}
