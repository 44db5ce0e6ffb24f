// What the four kinds of a client's streams say and hear: `Kind` of WriteStream and ReadStream.
#pragma once

#include <algorithm>
#include <cassert>

#include "base/crc32c.h"
#include "ledger/v1/ledger.grpc.pb.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/client.h"
#include "rpc/convert.h"

namespace ledger::rpc {

/// Records to the log, as they are.
struct AppendKind {
  using Request = ::logpb::v1::AppendRequest;
  using Response = ::logpb::v1::AppendResponse;
  using Submission = Packed;
  using Answer = Appended;
  using Stub = ::logpb::v1::Log::Stub;
  static constexpr const char* what = "record";

  static size_t count(const Packed& packed) { return packed.count; }
  static Request encode(Packed&& packed) {
    Request request;
    request.set_crc32c(crc32c(packed.records));
    request.set_count(packed.count);
    request.set_packed(std::move(packed.records));
    return request;
  }
  static Result<Appended> decode(const Response& response, size_t count) {
    const auto out_of_place = [count](uint32_t position) { return position >= count; };
    if (static_cast<size_t>(response.offsets_size()) != count ||
        std::ranges::any_of(response.duplicates(), out_of_place) ||
        std::ranges::any_of(response.refused(), out_of_place)) {
      return fail(Code::internal, "an answer does not fit its request", "report this");
    }
    Appended appended;
    appended.term = Term(response.term());
    appended.recorded = Time{response.recorded()};
    appended.offsets.reserve(count);
    for (const uint64_t offset : response.offsets()) appended.offsets.emplace_back(offset);
    appended.duplicates.assign(response.duplicates().begin(), response.duplicates().end());
    appended.refused.assign(response.refused().begin(), response.refused().end());
    return appended;
  }
  static void open(Stub& stub, grpc::ClientContext* context,
                   grpc::ClientBidiReactor<Request, Response>* reactor) {
    stub.async()->AppendStream(context, reactor);
  }
};

/// A command as a message; it must be one that `book::decode` takes.
inline v1::Command encode(const Command& command) {
  v1::Command message;
  message.set_id(command.id.bytes.data(), command.id.bytes.size());
  if (command.expect_offset) message.set_expect_offset(command.expect_offset->value);
  if (command.valid_until) message.set_valid_until(command.valid_until->ns);
  message.set_meta(command.meta);
  // The canonical bytes of a body are its message's.
  bool parsed = false;
  if (const auto* asset = std::get_if<book::Asset>(&command.body)) {
    parsed = message.mutable_asset()->ParseFromString(book::encode(*asset));
  } else if (const auto* account = std::get_if<book::Account>(&command.body)) {
    parsed = message.mutable_account()->ParseFromString(book::encode(*account));
  } else {
    parsed = message.mutable_transact()->ParseFromString(
        book::encode(std::get<book::Transact>(command.body)));
  }
  assert(parsed);
  return message;
}

/// Commands to the book, with what it decided.
struct PostKind {
  using Request = v1::PostRequest;
  using Response = v1::PostResponse;
  using Submission = std::vector<Command>;
  using Answer = Posted;
  using Stub = v1::Ledger::Stub;
  static constexpr const char* what = "command";

  static size_t count(const std::vector<Command>& commands) { return commands.size(); }
  static Request encode(std::vector<Command>&& commands) {
    Request request;
    for (const Command& command : commands) *request.add_commands() = rpc::encode(command);
    return request;
  }
  static Result<Posted> decode(const Response& response, size_t count) {
    Posted posted;
    if (response.has_refused()) {
      const std::optional<Code> code = code_named(response.refused().error());
      posted.refused = {response.refused().index(),
                        {code.value_or(Code::invalid_message), response.refused().message()}};
      return posted;
    }
    if (static_cast<size_t>(response.decisions_size()) != count) {
      return fail(Code::internal, "an answer does not fit its request", "report this");
    }
    for (const v1::Decision& decision : response.decisions()) {
      posted.decisions.push_back(TRY(from_message(decision)));
    }
    return posted;
  }
  static void open(Stub& stub, grpc::ClientContext* context,
                   grpc::ClientBidiReactor<Request, Response>* reactor) {
    stub.async()->PostStream(context, reactor);
  }
};

/// Records of the log, in packed batches.
struct RecordsKind {
  using Request = ::logpb::v1::ReadRequest;
  using Response = ::logpb::v1::ReadResponse;
  using Stub = ::logpb::v1::Log::Stub;
  Range range;

  Request request(Offset from, std::optional<Offset> to) const {
    Request request;
    request.set_from(from.value);
    if (to) request.set_to(to->value);
    request.set_follow(range.follow);
    if (range.freshness.kind == Freshness::Kind::at_least) {
      request.set_at_least(range.freshness.at_least.value);
    }
    request.set_stale(range.freshness.kind == Freshness::Kind::stale);
    return request;
  }
  static void open(Stub& stub, grpc::ClientContext* context, const Request* request,
                   grpc::ClientReadReactor<Response>* reactor) {
    stub.async()->ReadStream(context, request, reactor);
  }
};

/// Records with what the book decided about each.
struct DecisionsKind {
  using Request = v1::DecisionsRequest;
  using Response = v1::DecisionsResponse;
  using Stub = v1::Ledger::Stub;
  Range range;
  std::string name;

  Request request(Offset from, std::optional<Offset> to) const {
    Request request;
    request.set_from(from.value);
    if (to) request.set_to(to->value);
    request.set_follow(range.follow);
    to_message(range.freshness, *request.mutable_as());
    request.set_name(name);
    return request;
  }
  static void open(Stub& stub, grpc::ClientContext* context, const Request* request,
                   grpc::ClientReadReactor<Response>* reactor) {
    stub.async()->Decisions(context, request, reactor);
  }
};

}  // namespace ledger::rpc
