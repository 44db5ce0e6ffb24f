#include "bench_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "base/record.h"
#include "cli/signals.h"
#include "cluster.h"
#include "decided.h"
#include "io/system_clock.h"

namespace ledger::cli {
namespace {

constexpr size_t account_count = 1000;
constexpr char asset_code[] = "BENCH";
/// What there is to read at least.
constexpr uint64_t read_records = 20'000;
/// A client that has failed so often in a row gives up: nobody is there.
constexpr int failures_max = 100;

/// Cheap, and nothing that a compressor or a sorted id would make easy.
class Draw {
 public:
  uint64_t operator()() { return engine_(); }
  std::string bytes(size_t count) {
    std::string out(count + 8, '\0');
    for (size_t at = 0; at < count; at += 8) store(out.data() + at, engine_());
    out.resize(count);
    return out;
  }

 private:
  std::mt19937_64 engine_{io::SystemRandom().number()};
};

Id account_id(size_t number) {
  Id id{};
  // A UUID of version 8: our own, and the same in every run.
  const std::string text = fmt::format("0be9c400-0000-8000-8000-{:012x}", number);
  if (const std::optional<Id> parsed = parse_id(text)) id = *parsed;
  return id;
}

/// One client: makes one request after the other.
class Caller {
 public:
  virtual ~Caller() = default;
  /// Makes a request and waits for the answer: the bytes of its records' bodies.
  virtual Result<uint64_t> call() = 0;
};

class AppendCaller final : public Caller {
 public:
  AppendCaller(rpc::Client& client, const Load& load) : client_(client), load_(load) {}

  Result<uint64_t> call() override {
    if (!appender_) appender_ = client_.append(load_.batch);
    rpc::Packed packed;
    for (size_t i = 0; i < load_.batch; ++i) {
      encode_record(packed.records, {.id = ids_.make(), .body = draw_.bytes(load_.size)});
    }
    packed.count = static_cast<uint32_t>(load_.batch);
    appender_->submit(std::move(packed));
    const Result<std::optional<rpc::Appended>> answer = appender_->next();
    if (answer && *answer && (*answer)->refused.empty()) return load_.batch * load_.size;
    appender_.reset();
    if (!answer) return tl::unexpected(answer.error());
    return fail(Code::internal, "a fresh record was refused", "report this");
  }

 private:
  rpc::Client& client_;
  const Load& load_;
  Draw draw_;
  IdMaker ids_;
  std::unique_ptr<rpc::Appender> appender_;
};

class TxCaller final : public Caller {
 public:
  TxCaller(rpc::Client& client, const Load& load) : client_(client), load_(load) {}

  Result<uint64_t> call() override {
    if (!poster_) poster_ = client_.post(load_.batch);
    std::vector<rpc::Command> commands;
    uint64_t bytes = 0;
    for (size_t i = 0; i < load_.batch; ++i) {
      const size_t from = draw_() % account_count;
      const size_t to = (from + 1 + draw_() % (account_count - 1)) % account_count;
      book::Transact transfer;
      transfer.legs = {{account_id(from), account_id(to), static_cast<Int128>(draw_() % 1000 + 1)}};
      bytes += encode(transfer).size();
      commands.push_back({.id = ids_.make(), .body = std::move(transfer)});
    }
    poster_->submit(std::move(commands));
    const Result<std::optional<rpc::Posted>> answer = poster_->next();
    if (!answer || !*answer || (*answer)->refused) {
      poster_.reset();
      if (!answer) return tl::unexpected(answer.error());
      return fail(Code::internal, "a transfer was no valid request", "report this");
    }
    for (const book::Decision& decision : (*answer)->decisions) {
      if (decision.verdict.code == book::Code::ok) continue;
      return fail(Code::refused,
                  fmt::format("a transfer was refused ({})", name(decision.verdict.code)),
                  "the accounts of an earlier bench were changed by somebody");
    }
    return bytes;
  }

 private:
  rpc::Client& client_;
  const Load& load_;
  Draw draw_;
  IdMaker ids_;
  std::unique_ptr<rpc::Poster> poster_;
};

class ReadCaller final : public Caller {
 public:
  ReadCaller(rpc::Client& client, const Load& load) : client_(client), load_(load) {}

  Result<uint64_t> call() override {
    if (end_ == Offset()) end_ = TRY(client_.end({}));
    const Offset from(draw_() % (end_.value - load_.batch + 1));
    const auto reader = client_.read({.from = from, .to = from + load_.batch});
    uint64_t bytes = 0;
    for (;;) {
      const std::optional<book::Decided> decided = TRY(reader->next(std::chrono::hours(1)));
      if (!decided) return bytes;
      const auto visited = each_record(*decided, [&](const DecidedRecord& record) -> Checked<bool> {
        bytes += view_record(record.bytes).body.size();
        return true;
      });
      if (!visited) return tl::unexpected<Error>(visited.error());
    }
  }

 private:
  rpc::Client& client_;
  const Load& load_;
  Draw draw_;
  Offset end_;
};

std::unique_ptr<Caller> make_caller(rpc::Client& client, const Load& load) {
  switch (load.kind) {
    case Load::Kind::append:
      return std::make_unique<AppendCaller>(client, load);
    case Load::Kind::tx:
      return std::make_unique<TxCaller>(client, load);
    case Load::Kind::read:
      break;
  }
  return std::make_unique<ReadCaller>(client, load);
}

/// All clients at work, and what they share.
class Run {
 public:
  Run(const Load& load, const std::vector<std::string>& endpoints, const rpc::Patience& patience)
      : load_(load), endpoints_(endpoints), patience_(patience) {}

  Checked<Measured> go(Report& report);

 private:
  void client();
  Measured work(Caller& caller);
  /// The moment that the next request is due; nothing when there is none.
  std::optional<Instant> next_due();
  void wait_for_end(Report& report);

  const Load& load_;
  const std::vector<std::string>& endpoints_;
  const rpc::Patience& patience_;
  io::SystemClock clock_;
  Instant begun_;
  std::atomic<uint64_t> taken_ = 0;
  std::atomic<uint64_t> done_ = 0;

  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable changed_;
  bool stops_ = false;
  size_t working_ = 0;
  Measured all_;
};

std::optional<Instant> Run::next_due() {
  const uint64_t number = taken_++;
  if (load_.requests && number >= *load_.requests) return std::nullopt;
  Instant due = clock_.now();
  std::unique_lock lock(mutex_);
  if (load_.rate) {
    due = begun_ + Duration(static_cast<int64_t>(static_cast<double>(number) * 1e9 /
                                                 static_cast<double>(*load_.rate)));
    changed_.wait_for(lock, due - clock_.now(), [this] { return stops_; });
  }
  if (stops_) return std::nullopt;
  return due;
}

Measured Run::work(Caller& caller) {
  Measured own;
  int failures = 0;
  while (const std::optional<Instant> due = next_due()) {
    const Result<uint64_t> bytes = caller.call();
    const Duration took = clock_.now() - *due;
    ++done_;
    if (!bytes) {
      ++own.errors;
      if (!own.first_error) own.first_error = bytes.error();
      if (++failures == failures_max) break;
      continue;
    }
    failures = 0;
    own.latency.add(took);
    own.longest = std::max(own.longest, took);
    own.records += load_.batch;
    own.bytes += *bytes;
  }
  return own;
}

void Run::client() {
  Measured own;
  const Result<std::unique_ptr<rpc::Client>> made =
      rpc::Client::create({.endpoints = endpoints_, .patience = patience_, .verbose = {}});
  if (made) {
    own = work(*make_caller(**made, load_));
  } else {
    own.errors = 1;
    own.first_error = made.error();
  }
  const std::lock_guard lock(mutex_);
  all_.latency.add(own.latency);
  all_.longest = std::max(all_.longest, own.longest);
  all_.records += own.records;
  all_.bytes += own.bytes;
  all_.errors += own.errors;
  if (!all_.first_error) all_.first_error = own.first_error;
  --working_;
  changed_.notify_all();
}

void Run::wait_for_end(Report& report) {
  const auto seconds = [](Duration duration) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  };
  std::unique_lock lock(mutex_);
  while (working_ > 0) {
    changed_.wait_for(lock, std::chrono::milliseconds(100));
    const Duration passed = clock_.now() - begun_;
    const bool over = !load_.requests && passed >= load_.duration;
    if ((over || stop_signal() != 0) && !stops_) {
      stops_ = true;
      changed_.notify_all();
    }
    lock.unlock();
    report.progress(
        load_.requests
            ? Report::Progress{.job = "bench", .done = done_, .total = *load_.requests}
            : Report::Progress{.job = "bench",
                               .name = "seconds",
                               .done = std::min(seconds(passed), seconds(load_.duration)),
                               .total = seconds(load_.duration)},
        0);
    lock.lock();
  }
}

Checked<Measured> Run::go(Report& report) {
  begun_ = clock_.now();
  working_ = load_.clients;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < load_.clients; ++i) threads.emplace_back([this] { client(); });
  wait_for_end(report);
  all_.elapsed = clock_.now() - begun_;
  for (std::thread& thread : threads) thread.join();
  report.end_progress();
  if (all_.records == 0 && all_.first_error) return tl::unexpected<Failure>(*all_.first_error);
  return std::move(all_);
}

Checked<void> prepare_accounts(rpc::Client& client) {
  IdMaker ids;
  std::vector<rpc::Command> commands;
  const auto defined = TRY(asked(client, client.assets({}))).value;
  if (std::ranges::none_of(defined, [](const auto& row) { return row.code == asset_code; })) {
    commands.push_back({.id = ids.make(), .body = book::Asset{asset_code, 2}});
  }
  const auto open = TRY(asked(client, client.accounts("liabilities:bench", false, {}))).value;
  if (open.size() < account_count) {
    for (size_t i = 0; i < account_count; ++i) {
      book::Account account;
      account.account = account_id(i);
      account.name = fmt::format("liabilities:bench:{}", i);
      account.asset = asset_code;
      account.kind = book::AccountKind::liability;
      commands.push_back({.id = account.account, .body = std::move(account)});
    }
  }
  if (commands.empty()) return {};
  const rpc::Posted posted = TRY(asked(client, client.post(std::move(commands))));
  if (posted.refused) return tl::unexpected(request_failure(posted.refused->error));
  return {};
}

/// Records to read, where there are fewer.
Checked<void> prepare_records(const Load& load, rpc::Client& client) {
  const Offset end = TRY(asked(client, client.end({})));
  const uint64_t wanted = std::max<uint64_t>(read_records, load.batch);
  Load filling = load;
  filling.batch = std::min<size_t>(100, std::max<size_t>(1, (1 << 19) / (load.size + 64)));
  AppendCaller caller(client, filling);
  for (uint64_t count = end.value; count < wanted; count += filling.batch) {
    TRY(asked(client, caller.call()));
  }
  return {};
}

}  // namespace

Checked<void> prepare(const Load& load, rpc::Client& client) {
  switch (load.kind) {
    case Load::Kind::append:
      TRY(asked(client, client.leader()));
      return {};
    case Load::Kind::tx:
      return prepare_accounts(client);
    case Load::Kind::read:
      break;
  }
  return prepare_records(load, client);
}

Checked<Measured> measure(Context& context, const Load& load,
                          const std::vector<std::string>& endpoints,
                          const rpc::Patience& patience) {
  return Run(load, endpoints, patience).go(context.report);
}

}  // namespace ledger::cli
