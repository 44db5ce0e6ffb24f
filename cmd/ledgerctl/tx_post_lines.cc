// ledgerctl tx post -: one transaction a line from stdin.
#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "cli/input.h"
#include "cli/json.h"
#include "cli/signals.h"
#include "cluster.h"
#include "tx_commands.h"
#include "tx_input.h"
#include "tx_row.h"

namespace ledger::cli {
namespace {

constexpr size_t line_bytes_max = 1 << 20;
constexpr uint64_t window_max = 65536;

/// A line that was sent, with what its answer is printed with.
struct Sent {
  Id id;
  uint64_t line = 0;
  std::optional<Time> valid_until;
  book::Transact transact;
  std::string meta;
};

/// Posts many transactions: one thread reads, resolves and hands over, the caller's takes answers
/// and prints. Lines are decided in input order, whatever the window.
class Batch {
 public:
  Batch(Context& context, rpc::Client& client, size_t window, bool stop_on_refusal,
        ValidUntil valid_until)
      : context_(context),
        client_(client),
        minor_(context.args.has("--minor")),
        window_(stop_on_refusal ? 1 : window),
        stop_on_refusal_(stop_on_refusal),
        valid_until_(valid_until),
        names_(client, {}),
        poster_(client.post(window_)),
        input_('\n', line_bytes_max) {}

  Outcome run();

 private:
  void read_all();
  Checked<void> take(std::string_view text);
  void submit();
  void refuse(const Failure& failure);

  Checked<void> print_answers();
  Checked<void> print(const Sent& sent, const book::Decision& decision);
  Sent oldest();
  Outcome ended(Failure failure) const;
  Outcome finish();

  Context& context_;
  rpc::Client& client_;
  const bool minor_;
  const size_t window_;
  const bool stop_on_refusal_;
  ValidUntil valid_until_;
  ClusterNames names_;
  IdMaker ids_;
  const std::unique_ptr<rpc::Poster> poster_;
  Input input_;

  std::vector<rpc::Command> commands_;
  std::deque<Sent> sending_;
  uint64_t line_ = 0;
  std::optional<Failure> bad_input_;
  std::atomic<bool> stopped_ = false;  ///< By a refusal.
  std::atomic<uint64_t> read_ = 0;

  std::mutex mutex_;
  std::condition_variable all_answered_;
  std::deque<Sent> sent_;
  bool over_ = false;      ///< No more answers will come.
  uint64_t answered_ = 0;  ///< Written under the mutex by the answering thread.
  uint64_t refused_ = 0;
  std::optional<Offset> last_offset_;
};

Checked<void> Batch::take(std::string_view text) {
  const TxInput input = TRY(read_tx(text));
  const book::Transact transact = TRY(resolve(input, names_, minor_));
  Sent sent{.id = input.id ? *input.id : ids_.make(),
            .line = line_,
            .valid_until = input.valid_until ? input.valid_until : valid_until_.now(),
            .transact = transact,
            .meta = input.meta};
  std::string packed;
  TRY(append_record(packed, input, sent.id, transact, std::nullopt));  // Checks it.
  commands_.push_back({.id = sent.id,
                       .expect_offset = input.expect_offset,
                       .valid_until = sent.valid_until,
                       .meta = input.meta,
                       .body = transact});
  sending_.push_back(std::move(sent));
  if (commands_.size() >= window_) submit();
  return {};
}

void Batch::submit() {
  if (commands_.empty()) return;
  read_ += commands_.size();
  {
    const std::lock_guard lock(mutex_);
    sent_.insert(sent_.end(), std::make_move_iterator(sending_.begin()),
                 std::make_move_iterator(sending_.end()));
  }
  sending_.clear();
  poster_->submit(std::exchange(commands_, {}));
  if (!stop_on_refusal_) return;
  // Nothing may be under way behind a refusal, so the next line waits for this one's answer.
  std::unique_lock lock(mutex_);
  all_answered_.wait(lock, [this] { return over_ || answered_ == read_; });
}

/// A line that can't be sent ends the run. What is the cluster's fault stays that.
void Batch::refuse(const Failure& failure) {
  const int exit = exit_code(failure.code);
  if (exit != 64 && exit != 65 && exit != 66) {
    bad_input_ = failure;
    return;
  }
  Failure bad = Error{
      Code::bad_input, fmt::format("line {}: {}: {}", line_, name(failure.code), failure.message),
      failure.code == Code::side_required ? failure.hint
                                          : "fix the line; what precedes it was answered"};
  bad.members = fmt::format(",\"line\":{},\"cause\":\"{}\"", line_, name(failure.code));
  bad_input_ = std::move(bad);
}

void Batch::read_all() {
  while (!bad_input_ && !stopped_) {
    const Result<std::vector<std::string_view>> lines = input_.next();
    if (!lines) {
      line_ = input_.pieces_read() + 1;
      refuse(lines.error());
      break;
    }
    if (lines->empty()) break;
    for (std::string_view text : *lines) {
      ++line_;
      if (stopped_) break;
      if (const Checked<void> taken = take(text); !taken) {
        refuse(taken.error());
        break;
      }
    }
    submit();
  }
  submit();
  poster_->close();
}

Sent Batch::oldest() {
  const std::lock_guard lock(mutex_);
  Sent sent = std::move(sent_.front());
  sent_.pop_front();
  return sent;
}

Checked<void> Batch::print(const Sent& sent, const book::Decision& decision) {
  const bool ok = decision.verdict.code == book::Code::ok;
  if (ok) last_offset_ = decision.offset;
  if (!ok) {
    ++refused_;
    if (stop_on_refusal_) stopped_ = true;
  }
  {
    const std::lock_guard lock(mutex_);
    ++answered_;
  }
  all_answered_.notify_all();
  if (!context_.json()) {
    TRY(context_.out.line(fmt::format("{} {} {}", sent.id.text(), decision.offset.value,
                                      name(decision.verdict.code))));
    return {};
  }
  const std::string body = encode(sent.transact);
  RecordView view;
  view.body = body;
  view.meta = sent.meta;
  TxRow row = tx_row(decision, view);
  row.written = true;
  row.line = sent.line;
  TRY(context_.out.line(tx_json(row, names_, minor_)));
  return {};
}

Checked<void> Batch::print_answers() {
  while (true) {
    Result<std::optional<rpc::Posted>> answer = poster_->next();
    if (!answer) {
      Failure failure = with_tried(std::move(answer).error(), client_);
      const std::lock_guard lock(mutex_);
      if (sent_.empty()) return tl::unexpected(std::move(failure));
      const Id id = sent_.front().id;
      return tl::unexpected(
          with_retry(std::move(failure), id, sent_.front().valid_until,
                     fmt::format("see 'ledgerctl tx show {}'; a repeat of the lines under the same "
                                 "ids is safe",
                                 id.text())));
    }
    if (!*answer) return {};
    if ((*answer)->refused) {
      // We have checked it: the node goes by other rules than we.
      return tl::unexpected(request_failure((*answer)->refused->error));
    }
    for (const book::Decision& decision : (*answer)->decisions) TRY(print(oldest(), decision));
    if (!poster_->has_answer()) TRY(context_.out.flush());
    // One at a time: the next line may be read once this answer is known.
    if (stopped_) input_.stop();
  }
}

Outcome Batch::ended(Failure failure) const {
  failure.members += fmt::format(",\"acknowledged\":{}", answered_);
  if (last_offset_) failure.members += fmt::format(",\"last_offset\":{}", last_offset_->value);
  failure.message = fmt::format("acknowledged {} of {} transactions; {}", answered_,
                                std::max(read_.load(), answered_), failure.message);
  return tl::unexpected(std::move(failure));
}

Outcome Batch::finish() {
  if (bad_input_) return ended(*std::move(bad_input_));
  if (stop_signal() != 0) {
    context_.report.note(fmt::format("interrupted after {} transactions", answered_));
    return 128 + stop_signal();
  }
  if (refused_ == 0) return 0;
  return fail(Code::refused, fmt::format("{} of {} transactions were refused", refused_, answered_),
              "the result lines have the verdicts");
}

Outcome Batch::run() {
  catch_stop_signals();
  std::thread reader([this] { read_all(); });
  const Checked<void> printed = print_answers();
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  all_answered_.notify_all();
  input_.stop();
  reader.join();
  if (!printed) return ended(printed.error());
  return finish();
}

}  // namespace

Outcome tx_post_lines(Context& context) {
  for (const char* flag : {"--from", "--to", "--debit", "--credit", "--amount", "--asset", "--memo",
                           "--meta", "--effective", "--id", "--expect-offset"}) {
    if (!context.args.has(flag)) continue;
    return fail(Code::usage, fmt::format("{} is about one transaction, but - reads many", flag),
                "write it into the lines");
  }
  const uint64_t window =
      TRY(parse_count("--window", context.args.value("--window").value_or("64"), window_max));
  if (stdin_is_terminal()) {
    return fail(Code::stdin_is_terminal, "no input: stdin is a terminal", "pipe JSON Lines in");
  }
  const auto client = TRY(connect(context, Deadline::streaming));
  const ValidUntil valid_until = TRY(ValidUntil::ask(context, *client, Deadline::streaming));
  return Batch(context, *client, std::max<uint64_t>(window, 1),
               context.args.has("--stop-on-refusal"), valid_until)
      .run();
}

}  // namespace ledger::cli
