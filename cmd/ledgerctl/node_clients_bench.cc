#include "node_clients_bench.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <optional>

#include "base/crc32c.h"
#include "base/record.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/channel.h"
#include "rpc/limits.h"

namespace ledger::bench {
namespace {

constexpr size_t body_bytes = 128;

/// Random bodies and ids: what a compressor or a sorted id would make easy is not measured.
class Records {
 public:
  std::string packed(uint32_t count) {
    std::string out;
    out.reserve(count * (body_bytes + 20));
    std::string body(body_bytes, '\0');
    for (uint32_t i = 0; i < count; ++i) {
      std::array<uint8_t, 10> chance{};
      for (uint8_t& byte : chance) byte = static_cast<uint8_t>(draw());
      for (size_t at = 0; at < body.size(); at += 8) store(body.data() + at, draw());
      encode_record(out,
                    {.id = make_id(Time{static_cast<int64_t>(draw() >> 2)}, chance), .body = body});
    }
    return out;
  }

 private:
  uint64_t draw() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }
  uint64_t state_ = static_cast<uint64_t>(Clock::now().time_since_epoch().count()) | 1;
};

logpb::v1::AppendRequest request(Records& records, uint32_t count) {
  logpb::v1::AppendRequest request;
  request.set_packed(records.packed(count));
  request.set_count(count);
  request.set_crc32c(crc32c(request.packed()));
  return request;
}

double at_percent(std::vector<double> values, size_t percent) {
  std::ranges::sort(values);
  return values.at((values.size() - 1) * percent / 100);
}

/// Latencies in the order of the answers.
Felt felt(const std::vector<double>& latencies_us, double seconds) {
  std::vector<double> p99s;
  for (size_t i = 0; i == 0 || i + Felt::in_a_row <= latencies_us.size(); i += Felt::in_a_row) {
    const auto begin = latencies_us.begin() + static_cast<ptrdiff_t>(i);
    const size_t count = std::min(Felt::in_a_row, latencies_us.size() - i);
    p99s.push_back(at_percent({begin, begin + static_cast<ptrdiff_t>(count)}, 99));
  }
  return {latencies_us.size(), static_cast<double>(latencies_us.size()) / seconds,
          at_percent(latencies_us, 50), at_percent(latencies_us, 99), at_percent(p99s, 50)};
}

/// A unary call of one record.
struct Call {
  grpc::ClientContext context;
  logpb::v1::AppendRequest request;
  logpb::v1::AppendResponse response;
  Clock::time_point since;
};

/// One caller: a stream with one record under way, the next once the last is answered, as our own
/// client has it.
class Caller final
    : public grpc::ClientBidiReactor<logpb::v1::AppendRequest, logpb::v1::AppendResponse> {
 public:
  Caller(Records& records, int calls) {
    for (int i = 0; i < calls; ++i) requests_.push_back(request(records, 1));
  }

  void start(logpb::v1::Log::Stub& stub) {
    stub.async()->AppendStream(&context_, this);
    StartRead(&response_);
    next();
    StartCall();
  }

  /// Waits for the last answer: latencies in us.
  std::vector<double> end() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return status_.has_value(); });
    if (!status_->ok()) give_up("an append failed: " + status_->error_message());
    if (latencies_us_.size() != requests_.size()) give_up("an append was not answered");
    return latencies_us_;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    latencies_us_.push_back(seconds_since(start_) * 1e6);
    StartRead(&response_);
    went_on();
  }
  void OnWriteDone(bool) override { went_on(); }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    ended_.notify_one();
  }

 private:
  /// An answer may be told of before the write that it answers.
  void went_on() {
    if (--waits_for_ == 0) next();
  }
  void next() {
    if (next_ == requests_.size()) return StartWritesDone();
    waits_for_ = 2;
    start_ = Clock::now();
    StartWrite(&requests_[next_++]);
  }

  grpc::ClientContext context_;
  std::vector<logpb::v1::AppendRequest> requests_;
  logpb::v1::AppendResponse response_;
  size_t next_ = 0;
  std::atomic<int> waits_for_ = 0;
  Clock::time_point start_;
  std::vector<double> latencies_us_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<grpc::Status> status_;
};

}  // namespace

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "node_bench: {}\n", why);
  std::exit(1);
}

struct Connection::Stub {
  std::unique_ptr<logpb::v1::Log::Stub> log;
};

Connection::Connection(const std::string& address) : stub_(std::make_unique<Stub>()) {
  // As our own client has them: what gRPC does by default would be measured with the node.
  grpc::ChannelArguments arguments = rpc::channel_arguments();
  arguments.SetMaxReceiveMessageSize(rpc::response_bytes_max);
  stub_->log = logpb::v1::Log::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

Connection::~Connection() = default;

double Connection::append_stream(uint32_t messages) {
  Records records;
  std::vector<logpb::v1::AppendRequest> requests;
  for (uint32_t i = 0; i < messages; ++i) requests.push_back(request(records, 1000));
  grpc::ClientContext context;
  const Clock::time_point start = Clock::now();
  auto stream = stub_->log->AppendStream(&context);
  std::thread writer([&] {
    for (const auto& message : requests) stream->Write(message);
    stream->WritesDone();
  });
  logpb::v1::AppendResponse response;
  uint64_t answered = 0;
  while (stream->Read(&response)) answered += static_cast<uint64_t>(response.offsets_size());
  writer.join();
  const double took = seconds_since(start);
  if (!stream->Finish().ok() || answered != messages * 1000ull) give_up("an append failed");
  return static_cast<double>(answered) / took;
}

Felt Connection::append_unary(int callers, int calls) {
  Records records;
  std::vector<logpb::v1::AppendRequest> requests;
  for (int i = 0; i < calls; ++i) requests.push_back(request(records, 1));
  std::vector<double> latencies_us(static_cast<size_t>(calls));
  std::atomic<int> next = 0;
  std::atomic<int> failed = 0;
  std::string why;
  int done = 0;
  std::mutex mutex;
  std::condition_variable finished;
  std::function<void()> begin = [&] {
    const int number = next++;
    if (number >= calls) return;
    auto* call = new Call{{}, std::move(requests[static_cast<size_t>(number)]), {}, Clock::now()};
    stub_->log->async()->Append(&call->context, &call->request, &call->response,
                                [&, call, number](const grpc::Status& status) {
                                  latencies_us[static_cast<size_t>(number)] =
                                      seconds_since(call->since) * 1e6;
                                  if (!status.ok()) {
                                    failed = 1;
                                    why = status.error_message();
                                  }
                                  delete call;
                                  begin();
                                  const std::lock_guard lock(mutex);
                                  if (++done == calls) finished.notify_one();
                                });
  };
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < callers; ++i) begin();
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return done == calls; });
  const double took = seconds_since(start);
  if (failed > 0) give_up("a unary append failed: " + why);
  return felt(latencies_us, took);
}

Felt Connection::append_each(int callers, int calls) {
  Records records;
  std::vector<std::unique_ptr<Caller>> all;
  for (int i = 0; i < callers; ++i) {
    all.push_back(std::make_unique<Caller>(records, calls / callers));
  }
  const Clock::time_point start = Clock::now();
  for (const auto& caller : all) caller->start(*stub_->log);
  std::vector<double> latencies_us;
  for (const auto& caller : all) std::ranges::copy(caller->end(), std::back_inserter(latencies_us));
  return felt(latencies_us, seconds_since(start));
}

double Connection::read_stream() {
  grpc::ClientContext context;
  logpb::v1::ReadRequest request;
  const Clock::time_point start = Clock::now();
  auto stream = stub_->log->ReadStream(&context, request);
  logpb::v1::ReadResponse response;
  uint64_t read = 0;
  while (stream->Read(&response)) {
    if (crc32c(response.packed()) != response.crc32c()) give_up("a read batch is damaged");
    read += response.count();
  }
  if (!stream->Finish().ok()) give_up("a read failed");
  return static_cast<double>(read) / seconds_since(start);
}

Pace::Pace(Connection& connection, std::chrono::microseconds every)
    : connection_(connection), thread_([this, every] { run(every); }) {}

Felt Pace::end() {
  stops_ = true;
  thread_.join();
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [&] { return latencies_us_.size() == begun_; });
  if (!failure_.empty()) give_up("an append failed: " + failure_);
  return felt(latencies_us_, seconds_since(start_));
}

void Pace::run(std::chrono::microseconds every) {
  Records records;
  for (Clock::time_point due = Clock::now(); !stops_; due += every) {
    std::this_thread::sleep_until(due);
    auto* call = new Call{{}, request(records, 1), {}, due};
    {
      const std::lock_guard lock(mutex_);
      ++begun_;
    }
    // From when it was due: what holds up this thread would hold up any client.
    connection_.stub_->log->async()->Append(
        &call->context, &call->request, &call->response, [this, call](const grpc::Status& status) {
          const std::unique_ptr<Call> ended(call);
          const std::lock_guard lock(mutex_);
          latencies_us_.push_back(seconds_since(ended->since) * 1e6);
          if (!status.ok()) failure_ = status.error_message();
          answered_.notify_one();
        });
  }
}

}  // namespace ledger::bench
