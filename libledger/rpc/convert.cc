#include "rpc/convert.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/int128.h"

namespace ledger::rpc {
namespace {

namespace logv1 = ::logpb::v1;

constexpr std::string_view error_type = "type.googleapis.com/log.v1.Error";

grpc::StatusCode status_code(const Failure& failure) {
  switch (failure.error.code) {
    case Code::out_of_range:
      return grpc::StatusCode::OUT_OF_RANGE;
    case Code::timeout:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Code::no_leader:  // A caller that only tries again must not stay here if it can go there.
      return failure.leader.empty() ? grpc::StatusCode::UNAVAILABLE
                                    : grpc::StatusCode::FAILED_PRECONDITION;
    case Code::no_space:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    default:
      break;
  }
  switch (exit_code(failure.error.code)) {
    case 64:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case 65:
      return grpc::StatusCode::DATA_LOSS;
    case 66:
      return grpc::StatusCode::NOT_FOUND;
    case 69:
      return grpc::StatusCode::UNAVAILABLE;
    case 75:
      return grpc::StatusCode::UNKNOWN;
    case 77:
      return grpc::StatusCode::PERMISSION_DENIED;
    case 1:
    case 73:
    case 78:
      return grpc::StatusCode::FAILED_PRECONDITION;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

/// What a status number means when it comes from gRPC itself, or from somebody who is no ledger.
Error foreign_error(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::UNAVAILABLE:
      return {Code::unreachable, "the connection was lost"};
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {Code::timeout, "no answer in time"};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return {Code::too_large, "a message is larger than the other side takes"};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {Code::protocol_mismatch, "the other side does not know this call"};
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return {Code::denied, "the other side does not allow this call"};
    default:
      return {Code::internal, "the call failed with gRPC status " + std::to_string(code)};
  }
}

void to_message(const book::Leg& leg, v1::Leg& to) {
  to.set_debit(leg.debit.bytes.data(), leg.debit.bytes.size());
  to.set_credit(leg.credit.bytes.data(), leg.credit.bytes.size());
  to.set_amount(encode_int128(leg.amount));
}

void to_message(const book::Balance& balance, v1::Balance& to) {
  to.set_account(balance.account.bytes.data(), balance.account.bytes.size());
  to.set_name(balance.name);
  to.set_posted(encode_int128(balance.posted));
  to.set_available(encode_int128(balance.available));
  to.set_version(balance.version);
}

/// `book` writes the canonical bytes of the message of the same name, so they always parse.
template <class Message>
void parse_own(const std::string& bytes, Message& to) {
  const bool parsed = to.ParseFromString(bytes);
  assert(parsed);
  (void)parsed;
}

void to_message(const std::vector<book::Run>& runs,
                google::protobuf::RepeatedPtrField<logv1::Run>& to) {
  to.Reserve(static_cast<int>(runs.size()));
  for (const book::Run& run : runs) {
    logv1::Run& message = *to.Add();
    message.set_count(run.count);
    message.set_recorded(run.recorded.ns);
    message.set_term(run.term.value);
    message.set_rules(run.rules);
  }
}

tl::unexpected<Error> unreadable(std::string what) {
  return fail(Code::internal, "an answer can't be read: " + std::move(what),
              "is every node of the same version? report this");
}

Result<Id> read_id(Bytes bytes) {
  const std::optional<Id> id = id_from_bytes(bytes);
  if (!id) return unreadable("an id of " + std::to_string(bytes.size()) + " bytes");
  return *id;
}

Result<Int128> read_int128(Bytes bytes) {
  const std::optional<Int128> value = decode_int128(bytes);
  if (!value) return unreadable("a number of " + std::to_string(bytes.size()) + " bytes");
  return *value;
}

/// One of an account's four totals.
Result<Uint128> read_total(Bytes bytes) {
  const Int128 value = TRY(read_int128(bytes));
  if (value < 0) return unreadable("a total below zero");
  return static_cast<Uint128>(value);
}

Result<book::Balance> from_message(const v1::Balance& from) {
  book::Balance balance;
  balance.account = TRY(read_id(from.account()));
  balance.name = from.name();
  balance.posted = TRY(read_int128(from.posted()));
  balance.available = TRY(read_int128(from.available()));
  balance.version = from.version();
  return balance;
}

Result<book::Leg> from_message(const v1::Leg& from) {
  book::Leg leg;
  leg.debit = TRY(read_id(from.debit()));
  leg.credit = TRY(read_id(from.credit()));
  leg.amount = TRY(read_int128(from.amount()));
  return leg;
}

Result<book::Detail> from_message(const v1::Detail& from) {
  std::optional<book::Detail> detail = book::decode_detail(from.SerializeAsString());
  if (!detail) return unreadable("the detail of a verdict");
  return *std::move(detail);
}

/// Runs and verdicts of a batch, held against its records.
Result<void> read_runs(const google::protobuf::RepeatedPtrField<logv1::Run>& from,
                       book::Decided& decided) {
  uint64_t count = 0;
  decided.runs.reserve(static_cast<size_t>(from.size()));
  for (const logv1::Run& run : from) {
    if (run.count() == 0 || run.rules() > 255) return unreadable("a run of records");
    count += run.count();
    decided.runs.push_back(
        {run.count(), Time{run.recorded()}, Term(run.term()), static_cast<uint8_t>(run.rules())});
  }
  const std::optional<uint32_t> records = count_records(decided.records);
  if (!records) return unreadable("records that do not fit their bytes");
  if (*records != count || *records != decided.verdicts.size()) {
    return unreadable("runs of " + std::to_string(count) + " and verdicts of " +
                      std::to_string(decided.verdicts.size()) + " records for " +
                      std::to_string(*records));
  }
  return {};
}

}  // namespace

grpc::Status to_status(const Failure& failure, std::optional<grpc::StatusCode> code) {
  const Error& error = failure.error;
  const grpc::StatusCode number = code.value_or(status_code(failure));
  logv1::Error own;
  own.set_code(std::string(name(error.code)));
  own.set_message(error.message);
  own.set_hint(error.hint);
  own.set_leader(failure.leader);
  logv1::ErrorDetails details;
  details.set_code(number);
  details.set_message(error.message);
  google::protobuf::Any& any = *details.add_details();
  any.set_type_url(std::string(error_type));
  own.SerializeToString(any.mutable_value());
  return {number, error.message, details.SerializeAsString()};
}

grpc::Status to_status(const Error& error) {
  return to_status(Failure{.error = error});
}

Failed from_status(const grpc::Status& status) {
  logv1::ErrorDetails details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      logv1::Error own;
      if (any.type_url() != error_type || !own.ParseFromString(any.value())) continue;
      const std::optional<Code> code = code_named(own.code());  // Unknown: of a newer version.
      Error error{code.value_or(foreign_error(status.error_code()).code), own.message(),
                  own.hint()};
      return {{std::move(error), own.leader()}, true, {}};
    }
  }
  return {{foreign_error(status.error_code()), {}}, false, status.error_message()};
}

Result<Freshness> freshness(std::optional<uint64_t> at_least, bool stale) {
  if (at_least && stale) {
    return fail(Code::invalid_value, "at_least and stale exclude each other", "set one of them");
  }
  if (at_least) return Freshness{Freshness::Kind::at_least, Offset(*at_least)};
  if (stale) return Freshness{Freshness::Kind::stale, {}};
  return Freshness{};
}

Result<Freshness> freshness(const v1::As& as) {
  if (as.when_case() != v1::As::WHEN_NOT_SET || as.has_effective()) {
    return fail(Code::not_built,
                "answers as of a past offset, time or date are not in this version",
                "leave at_offset, at_recorded and effective out");
  }
  return freshness(as.has_at_least() ? std::optional(as.at_least()) : std::nullopt, as.stale());
}

void to_message(const book::Decision& decision, v1::Decision& to) {
  to.set_id(decision.id.bytes.data(), decision.id.bytes.size());
  to.set_offset(decision.offset.value);
  to.set_recorded(decision.recorded.ns);
  to.set_verdict(static_cast<v1::Verdict>(decision.verdict.code));
  to.set_duplicate(decision.verdict.duplicate);
  if (decision.verdict.code != book::Code::ok) {
    parse_own(book::encode(decision.verdict.detail), *to.mutable_detail());
  }
  if (decision.effective) to.set_effective(decision.effective->ns);
  for (const book::Leg& leg : decision.legs) to_message(leg, *to.add_legs());
  for (const book::Balance& balance : decision.balances) to_message(balance, *to.add_balances());
}

void to_message(const book::AccountRow& row, v1::GetAccountResponse& to) {
  v1::AccountRow& message = *to.mutable_row();
  parse_own(book::encode(row.account), *message.mutable_account());
  message.set_closed(row.closed);
  message.set_debits_posted(encode_int128(static_cast<Int128>(row.debits_posted)));
  message.set_credits_posted(encode_int128(static_cast<Int128>(row.credits_posted)));
  message.set_debits_pending(encode_int128(static_cast<Int128>(row.debits_pending)));
  message.set_credits_pending(encode_int128(static_cast<Int128>(row.credits_pending)));
  message.set_version(row.version);
  message.set_opened_offset(row.opened.value);
  message.set_last_offset(row.last_offset.value);
  message.set_opened(row.opened_at.ns);
  to_message(book::Balance{row.account.account, row.account.name, row.posted(), row.available(),
                           row.version},
             *to.mutable_balance());
}

void to_message(const book::AssetRow& row, v1::AssetRow& to) {
  to.set_code(row.code);
  to.set_scale(row.scale);
  to.set_offset(row.offset.value);
}

void to_message(const NodeStatus& status, logv1::StatusResponse& to) {
  to.set_node(status.node);
  to.set_role(status.role);
  to.set_leader(status.leader);
  to.set_term(status.term.value);
  to.set_first_offset(status.first_offset.value);
  to.set_next_offset(status.next_offset.value);
  to.set_committed(status.committed.value);
  to.set_applied(status.applied.value);
  to.set_segments(status.segments);
  to.set_bytes(status.bytes);
  if (status.digest) to.set_state_digest(status.digest->data(), status.digest->size());
  to.set_clock(status.clock.ns);
  to.set_cluster_id(status.cluster.bytes.data(), status.cluster.bytes.size());
  to.set_version(status.version);
  to.set_no_space(status.no_space);
  to.set_mending(status.mending);
  to.set_member(status.member.value);
  to.set_http(status.http);
}

void to_message(const Outcome& outcome, logv1::AppendResponse& to) {
  to.mutable_offsets()->Reserve(static_cast<int>(outcome.offsets.size()));
  for (const Offset offset : outcome.offsets) to.add_offsets(offset.value);
  *to.mutable_duplicates() = {outcome.duplicates.begin(), outcome.duplicates.end()};
  *to.mutable_refused() = {outcome.refused.begin(), outcome.refused.end()};
  to.set_term(outcome.term.value);
  to.set_recorded(outcome.recorded.ns);
}

void to_message(const Outcome& outcome, logv1::ProduceResponse& to) {
  assert(outcome.decisions.size() == 1);
  const book::Decision& decision = outcome.decisions.front();
  to.set_offset(decision.offset.value);
  to.set_term(outcome.term.value);
  to.set_duplicate(decision.verdict.duplicate);
  to.set_verdict(static_cast<uint32_t>(decision.verdict.code));
}

void to_message(book::Decided&& decided, logv1::ReadResponse& to) {
  to.set_crc32c(crc32c(decided.records));
  to.set_first_offset(decided.first.value);
  to.set_count(static_cast<uint32_t>(decided.verdicts.size()));
  to_message(decided.runs, *to.mutable_runs());
  to.set_as_of_offset(decided.as_of.value);
  to.set_packed(std::move(decided.records));
  to.set_verdicts(std::move(decided.verdicts));
}

void to_message(book::Decided&& decided, v1::DecisionsResponse& to) {
  to.set_first_offset(decided.first.value);
  to_message(decided.runs, *to.mutable_runs());
  for (const book::Detail& detail : decided.details) {
    parse_own(book::encode(detail), *to.add_details());
  }
  to.set_as_of_offset(decided.as_of.value);
  to.set_records(std::move(decided.records));
  to.set_verdicts(std::move(decided.verdicts));
}

void to_message(const Position& position, const RecordView& record, logv1::Record& to) {
  to.set_value(record.body.data(), record.body.size());
  to.set_offset(position.offset.value);
  to.set_term(position.term.value);
  to.set_type(record.kind);
  to.set_id(record.id.bytes.data(), record.id.bytes.size());
  to.set_verdict(position.verdict);
  to.set_recorded(position.recorded.ns);
  to.set_meta(record.meta.data(), record.meta.size());
}

void to_message(const Freshness& freshness, v1::As& to) {
  if (freshness.kind == Freshness::Kind::at_least) to.set_at_least(freshness.at_least.value);
  if (freshness.kind == Freshness::Kind::stale) to.set_stale(true);
}

Result<book::Decision> from_message(const v1::Decision& from) {
  book::Decision decision;
  decision.id = TRY(read_id(from.id()));
  decision.offset = Offset(from.offset());
  decision.recorded = Time{from.recorded()};
  const auto number = static_cast<uint8_t>(from.verdict());
  const std::optional<book::Code> code = book::code_numbered(number);
  if (!code || from.verdict() != number) {
    return unreadable("verdict " + std::to_string(from.verdict()));
  }
  decision.verdict.code = *code;
  decision.verdict.duplicate = from.duplicate();
  decision.verdict.first = decision.offset;
  if (from.has_detail()) decision.verdict.detail = TRY(from_message(from.detail()));
  if (from.has_effective()) decision.effective = Time{from.effective()};
  for (const v1::Leg& leg : from.legs()) decision.legs.push_back(TRY(from_message(leg)));
  for (const v1::Balance& balance : from.balances()) {
    decision.balances.push_back(TRY(from_message(balance)));
  }
  return decision;
}

Result<book::AccountRow> from_message(const v1::GetAccountResponse& from) {
  const v1::AccountRow& message = from.row();
  std::optional<book::Account> account =
      book::decode_account(message.account().SerializeAsString());
  if (!account) return unreadable("an account");
  book::AccountRow row;
  row.account = *std::move(account);
  row.closed = message.closed();
  row.debits_posted = TRY(read_total(message.debits_posted()));
  row.credits_posted = TRY(read_total(message.credits_posted()));
  row.debits_pending = TRY(read_total(message.debits_pending()));
  row.credits_pending = TRY(read_total(message.credits_pending()));
  row.version = message.version();
  row.opened = Offset(message.opened_offset());
  row.opened_at = Time{message.opened()};
  row.last_offset = Offset(message.last_offset());
  return row;
}

Result<book::AssetRow> from_message(const v1::AssetRow& from) {
  if (from.scale() > book::scale_max) return unreadable("an asset");
  return book::AssetRow{from.code(), from.scale(), Offset(from.offset())};
}

Result<NodeStatus> from_message(const logv1::StatusResponse& from) {
  NodeStatus status;
  status.node = from.node();
  status.role = from.role();
  status.leader = from.leader();
  status.term = Term(from.term());
  status.first_offset = Offset(from.first_offset());
  status.next_offset = Offset(from.next_offset());
  status.committed = Offset(from.committed());
  status.applied = Offset(from.applied());
  status.segments = from.segments();
  status.bytes = from.bytes();
  if (from.has_state_digest()) {
    book::Digest digest;
    if (from.state_digest().size() != digest.size()) return unreadable("a state digest");
    std::copy(from.state_digest().begin(), from.state_digest().end(), digest.begin());
    status.digest = digest;
  }
  status.clock = Time{from.clock()};
  status.cluster = TRY(read_id(from.cluster_id()));
  status.version = from.version();
  status.no_space = from.no_space();
  status.mending = from.mending();
  status.member = MemberId(from.member());
  status.http = from.http();
  return status;
}

Result<book::Decided> from_message(logv1::ReadResponse&& from) {
  book::Decided decided;
  decided.first = Offset(from.first_offset());
  decided.records = std::move(*from.mutable_packed());
  decided.verdicts = std::move(*from.mutable_verdicts());
  decided.as_of = Offset(from.as_of_offset());
  if (crc32c(decided.records) != from.crc32c()) return unreadable("records with a wrong checksum");
  TRY(read_runs(from.runs(), decided));
  if (from.count() != decided.verdicts.size()) return unreadable("a wrong count of records");
  return decided;
}

Result<book::Decided> from_message(v1::DecisionsResponse&& from) {
  book::Decided decided;
  decided.first = Offset(from.first_offset());
  decided.records = std::move(*from.mutable_records());
  decided.verdicts = std::move(*from.mutable_verdicts());
  decided.as_of = Offset(from.as_of_offset());
  TRY(read_runs(from.runs(), decided));
  const auto refusals =
      std::count_if(decided.verdicts.begin(), decided.verdicts.end(), [](char verdict) {
        return verdict != 0 && static_cast<uint8_t>(verdict) != book::duplicate_mark;
      });
  if (from.details_size() != refusals) return unreadable("a wrong count of details");
  for (const v1::Detail& detail : from.details()) {
    decided.details.push_back(TRY(from_message(detail)));
  }
  return decided;
}

}  // namespace ledger::rpc
