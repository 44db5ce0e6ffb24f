#include "rpc/intake.h"

#include "base/crc32c.h"
#include "book/check.h"

namespace ledger::rpc {
namespace {

using enum Code;

/// The version that the entries will carry.
constexpr uint8_t rules = book::rules_newest;

tl::unexpected<Unfit> unfit(uint32_t index, Code code, std::string message) {
  return tl::unexpected<Unfit>(Unfit{index, {code, std::move(message)}});
}

/// Record kind and body of a command; nothing where it has none.
template <class Visit>
bool visit_body(const v1::Command& command, Visit visit) {
  switch (command.body_case()) {
    case v1::Command::kAsset:
      visit(Kind::asset, command.asset());
      return true;
    case v1::Command::kAccount:
      visit(Kind::account, command.account());
      return true;
    case v1::Command::kTransact:
      visit(Kind::transact, command.transact());
      return true;
    case v1::Command::kSettle:
      visit(Kind::settle, command.settle());
      return true;
    case v1::Command::kReverse:
      visit(Kind::reverse, command.reverse());
      return true;
    case v1::Command::kAmend:
      visit(Kind::amend, command.amend());
      return true;
    case v1::Command::kAnnotate:
      visit(Kind::annotate, command.annotate());
      return true;
    case v1::Command::kPeriod:
      visit(Kind::period, command.period());
      return true;
    case v1::Command::kRedact:
      visit(Kind::redact, command.redact());
      return true;
    case v1::Command::kRaw:
    case v1::Command::BODY_NOT_SET:
      return false;
  }
  return false;
}

/// The fields of a record before they are one.
struct Draft {
  Bytes id;
  RecordFields fields;
};

/// Where checked records gather.
struct Gathering {
  Proposal proposal;
  book::Body body;  ///< Of the record at hand: one set of buffers for all.
};

/// Appends the record, checked.
Fit<void> append(const Draft& draft, Gathering& to) {
  std::string& packed = to.proposal.packed;
  const uint32_t index = to.proposal.count;
  RecordFields fields = draft.fields;
  if (fields.meta.size() > meta_bytes_max) {
    return unfit(index, too_large,
                 "meta of " + std::to_string(fields.meta.size()) + " bytes, at most " +
                     std::to_string(meta_bytes_max));
  }
  // What has no place in a record's frame stands in it as something that fails the same rule, so
  // that the first rule broken is still the one named.
  const std::optional<Id> id = id_from_bytes(draft.id);
  fields.id = id.value_or(Id{});
  if (fields.meta.size() == 1) fields.meta = "  ";

  const size_t before = packed.size();
  encode_record(packed, fields);
  Cursor cursor(Bytes(packed).substr(before));
  const std::optional<Bytes> record = take_record(cursor);
  assert(record && cursor.empty());
  std::optional<book::RequestError> error = book::check(view_record(*record), rules, to.body);
  if (!error) {
    ++to.proposal.count;
    return {};
  }
  packed.resize(before);
  if (error->code == invalid_id && !id) {
    error->message = "the id has " + std::to_string(draft.id.size()) + " bytes, not 16";
  }
  return tl::unexpected<Unfit>(Unfit{index, *std::move(error)});
}

/// Guards, id and meta of a command, with `kind` and `body`.
Draft draft(const v1::Command& command, Kind kind, Bytes body) {
  Draft draft{.id = command.id(),
              .fields = {.id = {}, .kind = kind, .body = body, .meta = command.meta()}};
  if (command.has_expect_offset()) draft.fields.expect_offset = Offset(command.expect_offset());
  if (command.has_valid_until()) draft.fields.valid_until = Time{command.valid_until()};
  return draft;
}

Fit<void> append(const v1::Command& command, Gathering& to) {
  if (command.body_case() == v1::Command::kRaw) {
    return append(draft(command, Kind::raw, command.raw()), to);
  }
  Fit<void> result = unfit(to.proposal.count, invalid_message, "the command has no body");
  visit_body(command, [&](Kind kind, const auto& body) {
    const std::string bytes = body.SerializeAsString();
    result = append(draft(command, kind, bytes), to);
    if (result || result.error().error.code != invalid_message) return;
    // Perhaps only a field that we do not know: once more without.
    auto known = body;
    known.DiscardUnknownFields();
    const std::string known_bytes = known.SerializeAsString();
    if (known_bytes != bytes) result = append(draft(command, kind, known_bytes), to);
  });
  return result;
}

Fit<void> check_total(size_t bytes, uint32_t index) {
  if (bytes <= entry_bytes_max) return {};
  return unfit(
      index, too_large,
      "the records of one request are larger than " + std::to_string(entry_bytes_max) + " bytes");
}

}  // namespace

Fit<Proposal> take(::logpb::v1::AppendRequest&& request) {
  if (Fit<void> fits = check_total(request.packed().size(), 0); !fits) {
    return tl::unexpected<Unfit>(std::move(fits).error());
  }
  if (crc32c(request.packed()) != request.crc32c()) {
    return unfit(0, invalid_message, "the checksum of the records is wrong");
  }
  uint32_t count = 0;
  book::Body body;
  Cursor cursor(request.packed());
  for (; !cursor.empty(); ++count) {
    const std::optional<Bytes> bytes = take_record(cursor);
    if (!bytes) {
      return unfit(count, invalid_message,
                   "a record's size is not canonical or beyond the request");
    }
    const RecordView record = view_record(*bytes);
    if (record.readable && record.kind != static_cast<uint8_t>(Kind::raw)) {
      return unfit(count, invalid_message,
                   "a record of kind " + std::to_string(record.kind) +
                       ", and only raw ones (0) are "
                       "appended here");
    }
    if (std::optional<book::RequestError> error = book::check(record, rules, body)) {
      return tl::unexpected<Unfit>(Unfit{count, *std::move(error)});
    }
  }
  if (count != request.count()) {
    return unfit(count, invalid_message,
                 "the request holds " + std::to_string(count) + " records and says " +
                     std::to_string(request.count()));
  }
  return Proposal{.packed = std::move(*request.mutable_packed()), .count = count};
}

Fit<Proposal> take(const ::logpb::v1::ProduceRequest& request, const IdSource& ids) {
  const ::logpb::v1::Record& record = request.record();
  if (record.type() != static_cast<uint32_t>(Kind::raw)) {
    return unfit(0, invalid_message,
                 "a record of type " + std::to_string(record.type()) +
                     ", and only raw ones (0) are "
                     "produced");
  }
  const Id made = record.id().empty() ? ids() : Id{};
  Draft draft{.id = record.id().empty() ? made.view() : Bytes(record.id()),
              .fields = {.id = {}, .body = record.value(), .meta = record.meta()}};
  if (request.has_expect_offset()) draft.fields.expect_offset = Offset(request.expect_offset());
  if (request.has_valid_until()) draft.fields.valid_until = Time{request.valid_until()};
  Gathering gathering{.proposal = {.packed = {}, .count = 0, .decisions = true}, .body = {}};
  if (Fit<void> fits = append(draft, gathering); !fits) {
    return tl::unexpected<Unfit>(std::move(fits).error());
  }
  return std::move(gathering.proposal);
}

Fit<Proposal> take(const v1::PostRequest& request) {
  Gathering gathering{.proposal = {.packed = {}, .count = 0, .decisions = true}, .body = {}};
  uint32_t index = 0;
  for (const v1::Command& command : request.commands()) {
    Fit<void> fits = append(command, gathering);
    if (fits) fits = check_total(gathering.proposal.packed.size(), index++);
    if (!fits) return tl::unexpected<Unfit>(std::move(fits).error());
  }
  return std::move(gathering.proposal);
}

Error to_error(const Unfit& unfit, std::string_view what) {
  return {unfit.error.code,
          std::string(what) + " " + std::to_string(unfit.index) + ": " + unfit.error.message,
          "the request was not written: correct it"};
}

}  // namespace ledger::rpc
