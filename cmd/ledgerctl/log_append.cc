// ledgerctl log append: raw records from the line or from stdin.
#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "book/book.h"
#include "book/detail_text.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cluster.h"
#include "decided.h"
#include "log_commands.h"

namespace ledger::cli {
namespace {

/// A message of about this size is the fastest; none is held back to reach it.
constexpr size_t message_bytes = 128 << 10;
constexpr uint64_t window_max = 65536;
/// JSON may take six bytes for one, as in \u0000.
constexpr size_t line_bytes_max = 8 << 20;

enum class Form : uint8_t { lines, nul, json, whole };

Form form_named(std::string_view name) {
  return name == "nul"     ? Form::nul
         : name == "json"  ? Form::json
         : name == "whole" ? Form::whole
                           : Form::lines;
}

/// One record of the input.
struct Record {
  std::optional<Id> id;
  std::string value;
};

/// A line of `--input json`. Nothing for a record that the ledger had refused.
Result<std::optional<Record>> read_record(std::string_view line) {
  Record record;
  bool has_value = false;
  for (const json::Member& member : TRY(json::members(line))) {
    const bool is_text = member.value.is_string();
    if (member.name == "value" || member.name == "value_b64") {
      if (!is_text || has_value) {
        return fail(Code::invalid_message, "needs one value or value_b64, a string");
      }
      has_value = true;
      record.value = member.value.string();
      if (member.name == "value") continue;
      const std::optional<std::string> bytes = json::from_base64(record.value);
      if (!bytes) return fail(Code::invalid_message, "'value_b64' is no base64");
      record.value = *bytes;
    } else if (member.name == "id") {
      const std::optional<Id> id = is_text ? parse_id(member.value.string()) : std::nullopt;
      if (!id || !id->valid()) return fail(Code::invalid_id, "'id' is no UUID");
      record.id = *id;
    } else if (member.name == "type" && (!is_text || member.value.string() != "raw")) {
      return fail(Code::invalid_message,
                  "only raw records can be appended: money enters by asset, account and tx");
    } else if (member.name == "verdict" && (!is_text || member.value.string() != "ok")) {
      return std::nullopt;
    }
  }
  if (!has_value) return fail(Code::invalid_message, "needs value or value_b64");
  return record;
}

/// A submission that waits for its answer.
struct Sent {
  std::vector<Id> ids;
  std::optional<Time> valid_until;
  uint64_t first_line = 0;
};

/// Appends many records: one thread reads and hands over, the caller's takes answers and prints.
class Batch {
 public:
  Batch(Context& context, rpc::Client& client, Form form, size_t window, ValidUntil valid_until)
      : context_(context),
        client_(client),
        form_(form),
        valid_until_(valid_until),
        appender_(client.append(window)),
        input_(form == Form::nul ? '\0' : '\n',
               form == Form::json ? line_bytes_max : raw_body_bytes_max) {}

  Outcome run();

 private:
  // The reading thread's.
  void read_all();
  Result<void> take(std::string_view piece);
  Result<void> append(const Record& record);
  void submit();

  // The answering thread's.
  Checked<void> print_answers();
  Checked<void> print(const Sent& sent, const rpc::Appended& answer);
  Sent oldest();
  Outcome ended(Failure failure);
  Outcome finish();

  Context& context_;
  rpc::Client& client_;
  const Form form_;
  ValidUntil valid_until_;
  IdMaker ids_;
  const std::unique_ptr<rpc::Appender> appender_;
  Input input_;

  rpc::Packed packed_;
  Sent sending_;
  std::optional<Time> deadline_;
  uint64_t line_ = 0;     ///< Of the piece at hand, from 1.
  uint64_t skipped_ = 0;  ///< Refused records of another ledger.
  std::optional<Failure> bad_input_;
  std::atomic<uint64_t> read_ = 0;  ///< Records handed over.

  std::mutex mutex_;
  std::deque<Sent> sent_;

  uint64_t acknowledged_ = 0;
  uint64_t refused_ = 0;
  std::optional<Offset> last_offset_;
};

Result<void> Batch::append(const Record& record) {
  if (record.value.size() > raw_body_bytes_max) {
    return fail(Code::too_large, fmt::format("longer than {} bytes", raw_body_bytes_max));
  }
  const RecordFields fields{
      .id = record.id ? *record.id : ids_.make(), .valid_until = deadline_, .body = record.value};
  if (packed_.count > 0 && packed_.records.size() + record_bytes(fields) > message_bytes) submit();
  if (packed_.count == 0) sending_.first_line = line_;
  encode_record(packed_.records, fields);
  ++packed_.count;
  sending_.ids.push_back(fields.id);
  return {};
}

void Batch::submit() {
  if (packed_.count == 0) return;
  sending_.valid_until = deadline_;
  read_ += packed_.count;
  {
    const std::lock_guard lock(mutex_);
    sent_.push_back(std::move(sending_));
  }
  appender_->submit(std::move(packed_));
  packed_ = {};
  sending_ = {};
}

Result<void> Batch::take(std::string_view piece) {
  if (form_ != Form::json) return append({std::nullopt, std::string(piece)});
  const std::optional<Record> record = TRY(read_record(piece));
  if (record) return append(*record);
  ++skipped_;
  return {};
}

void Batch::read_all() {
  const auto refuse = [this](const Error& error) {
    Failure failure =
        error.code == Code::io
            ? error
            : Error{Code::bad_input,
                    fmt::format("line {}: {}: {}", line_, name(error.code), error.message),
                    "fix the line; what precedes it was answered"};
    if (error.code != Code::io) {
      failure.members = fmt::format(",\"line\":{},\"cause\":\"{}\"", line_, name(error.code));
    }
    bad_input_ = std::move(failure);
  };
  while (!bad_input_) {
    const Result<std::vector<std::string_view>> pieces = input_.next();
    if (!pieces) {
      line_ = input_.pieces_read() + 1;
      refuse(pieces.error());
      break;
    }
    if (pieces->empty()) break;
    deadline_ = valid_until_.now();
    for (std::string_view piece : *pieces) {
      ++line_;
      if (const Result<void> taken = take(piece); !taken) {
        refuse(taken.error());
        break;
      }
    }
    submit();  // Whoever wrote less than a message's worth is waiting for the answer.
  }
  submit();
  appender_->close();
}

Sent Batch::oldest() {
  const std::lock_guard lock(mutex_);
  Sent sent = std::move(sent_.front());
  sent_.pop_front();
  return sent;
}

Checked<void> Batch::print(const Sent& sent, const rpc::Appended& answer) {
  size_t duplicate = 0;
  size_t refused = 0;
  for (uint32_t i = 0; i < answer.offsets.size(); ++i) {
    const bool is_duplicate =
        duplicate < answer.duplicates.size() && answer.duplicates[duplicate] == i;
    const bool is_refused = refused < answer.refused.size() && answer.refused[refused] == i;
    duplicate += is_duplicate;
    refused += is_refused;
    if (is_refused) {
      ++refused_;
      context_.report.note(fmt::format("record with id {} was refused (offset {})",
                                       sent.ids[i].text(), answer.offsets[i].value));
      continue;
    }
    ++acknowledged_;
    last_offset_ = answer.offsets[i];
    if (context_.json()) {
      TRY(context_.out.line(json::Object("appended")
                                .add("offset", answer.offsets[i])
                                .add("term", answer.term)
                                .add("id", sent.ids[i])
                                .add("duplicate", is_duplicate)
                                .text()));
    } else {
      TRY(context_.out.line(fmt::format_int(answer.offsets[i].value).c_str()));
    }
  }
  return {};
}

Checked<void> Batch::print_answers() {
  while (true) {
    Result<std::optional<rpc::Appended>> answer = appender_->next();
    if (!answer) {
      Failure failure = with_tried(std::move(answer).error(), client_);
      const std::lock_guard lock(mutex_);
      if (sent_.empty()) return tl::unexpected(std::move(failure));
      const Sent& first = sent_.front();
      return tl::unexpected(with_retry(
          std::move(failure), first.ids[0], first.valid_until,
          fmt::format("look for id {} in 'ledgerctl log read'; a repeat under the same ids "
                      "(--input json) is safe",
                      first.ids[0].text())));
    }
    if (!*answer) return {};
    TRY(print(oldest(), **answer));
    if (!appender_->has_answer()) TRY(context_.out.flush());
  }
}

/// Says how far it came, so that a script can go on from there.
Outcome Batch::ended(Failure failure) {
  std::string members = fmt::format(",\"acknowledged\":{}", acknowledged_);
  if (last_offset_) members += fmt::format(",\"last_offset\":{}", last_offset_->value);
  failure.members += members;
  const std::string last =
      last_offset_ ? fmt::format(" (last offset {})", last_offset_->value) : "";
  const uint64_t handed_over = std::max(read_.load(), acknowledged_ + refused_);
  failure.message = fmt::format(
      "acknowledged {} of {} input records{}; {}{}", acknowledged_, handed_over, last,
      failure.code == Code::bad_input ? ""
                                      : fmt::format("record {}: ", acknowledged_ + refused_ + 1),
      failure.message);
  return tl::unexpected(std::move(failure));
}

Outcome Batch::finish() {
  if (skipped_ > 0) {
    context_.report.note(fmt::format("skipped {} records that had been refused", skipped_));
  }
  if (bad_input_) return ended(*std::move(bad_input_));
  if (stop_signal() != 0) {
    context_.report.note(fmt::format("interrupted after {} records", acknowledged_));
    return 128 + stop_signal();
  }
  if (refused_ == 0) return 0;
  Failure failure =
      Error{Code::refused,
            fmt::format("{} of {} records were refused", refused_, refused_ + acknowledged_),
            "an id that was used for other bytes needs a new one"};
  failure.members = fmt::format(",\"acknowledged\":{}", acknowledged_);
  return tl::unexpected(std::move(failure));
}

Outcome Batch::run() {
  catch_stop_signals();
  std::thread reader([this] { read_all(); });
  const Checked<void> printed = print_answers();
  input_.stop();
  reader.join();
  if (!printed) return ended(printed.error());
  return finish();
}

// ---- One record. ----

/// Why the ledger refused a record, which the answer to an append does not say.
Failure refusal_of(rpc::Client& client, const RecordFields& fields, Offset offset) {
  book::Verdict verdict{.code = book::Code::id_conflict, .first = offset};
  verdict.detail.first_offset = offset;
  std::string ours;
  encode_record(ours, fields);
  Cursor cursor(ours);
  const RecordView mine = view_record(*take_record(cursor));
  const auto reader = client.decisions({.from = offset, .to = offset + 1}, "");
  while (const Result<std::optional<book::Decided>> decided = reader->next(std::chrono::hours(1))) {
    if (!*decided) break;
    const auto visited = each_record(**decided, [&](const DecidedRecord& record) -> Checked<bool> {
      const RecordView first = view_record(record.bytes);
      verdict.detail.field = book::difference(first, mine);
      if (first.id != mine.id || verdict.detail.field) return true;
      verdict.code = record.code;
      if (record.detail) verdict.detail = *record.detail;
      return true;
    });
    if (!visited) break;
  }
  const book::DetailStyle style;
  Failure failure = Error{Code::refused, sentence(fields.id, Kind::raw, verdict, style),
                          verdict.code == book::Code::offset_mismatch
                              ? "read what was appended since, then try again with the next offset"
                              : "use a new id for a new record"};
  failure.verdict = name(verdict.code);
  failure.members = fmt::format(",\"offset\":{},\"detail\":{}", offset.value,
                                detail_json(verdict.code, verdict.detail, style));
  return failure;
}

Outcome append_one(Context& context, const std::string& value) {
  const Args& args = context.args;
  if (value.size() > raw_body_bytes_max) {
    return fail(Code::too_large,
                fmt::format("record of {} bytes, at most {}", value.size(), raw_body_bytes_max),
                "split it");
  }
  const std::optional<std::string> id_text = args.value("--id");
  RecordFields fields{.id = id_text ? TRY(parse_uuid("--id", *id_text)) : IdMaker().make(),
                      .body = value};
  if (const auto text = args.value("--expect-offset")) {
    fields.expect_offset = TRY(parse_offset("--expect-offset", *text));
  }
  const auto client = TRY(connect(context, Deadline::ordinary));
  fields.valid_until = TRY(ValidUntil::ask(context, *client, Deadline::ordinary)).now();

  rpc::Packed packed{{}, 1};
  encode_record(packed.records, fields);
  const auto appender = client->append(1);
  appender->submit(std::move(packed));
  appender->close();
  Result<std::optional<rpc::Appended>> answer = appender->next();
  if (!answer || !*answer) {
    Error error = answer ? Error{Code::internal, "no answer to a record", "report this"}
                         : std::move(answer).error();
    return tl::unexpected(
        with_retry(with_tried(std::move(error), *client), fields.id, fields.valid_until));
  }
  const Offset offset = (*answer)->offsets.at(0);
  if (!(*answer)->refused.empty()) return tl::unexpected(refusal_of(*client, fields, offset));
  const bool duplicate = !(*answer)->duplicates.empty();
  if (duplicate) note_duplicate(context, offset);
  TRY(context.out.line(context.json() ? json::Object("appended")
                                            .add("offset", offset)
                                            .add("term", (*answer)->term)
                                            .add("id", fields.id)
                                            .add("duplicate", duplicate)
                                            .text()
                                      : std::to_string(offset.value)));
  return 0;
}

Result<std::string> value_of_stdin() {
  return Input::read_all(raw_body_bytes_max);
}

}  // namespace

Outcome log_append(Context& context) {
  const Args& args = context.args;
  const Form form = form_named(TRY(
      parse_choice("--input", args.value("--input").value_or("lines"), "lines|nul|json|whole")));
  const uint64_t window =
      TRY(parse_count("--window", args.value("--window").value_or("16384"), window_max));
  const bool from_stdin = args.arguments().empty() || args.arguments()[0] == "-";
  if (!from_stdin) {
    if (args.has("--input")) {
      return fail(Code::usage, "--input is about standard input, but a VALUE is given",
                  "leave one of them out");
    }
    return append_one(context, args.arguments()[0]);
  }
  if (args.arguments().empty() && stdin_is_terminal()) {
    return fail(Code::stdin_is_terminal, "no input: stdin is a terminal",
                "pipe data in, or give a value");
  }
  if (form == Form::whole) return append_one(context, TRY(value_of_stdin()));
  for (const char* flag : {"--id", "--expect-offset"}) {
    if (!args.has(flag)) continue;
    return fail(Code::usage, fmt::format("{} needs a single record", flag),
                "give a VALUE, or use --input whole");
  }
  const auto client = TRY(connect(context, Deadline::streaming));
  ValidUntil valid_until = TRY(ValidUntil::ask(context, *client, Deadline::streaming));
  return Batch(context, *client, form, std::max<uint64_t>(window, 1), valid_until).run();
}

}  // namespace ledger::cli
