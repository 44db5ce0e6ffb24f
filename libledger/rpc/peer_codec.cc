#include "rpc/peer_codec.h"

#include <cassert>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace ledger::rpc {
namespace {

namespace peerv1 = ::peer::v1;

/// A new kind of message gets a line in `fill`, one in `read_body` and its number in peer.proto.
static_assert(std::variant_size_v<decltype(raft::Message::body)> == 10);

/// What stands around a payload or a message, and more.
constexpr size_t head_bytes_max = 128;
constexpr size_t version_bytes_max = 64;

tl::unexpected<Error> bad(std::string what) {
  return fail(Code::bad_input, std::move(what), "is every node of the same version? report this");
}

// ---- Writing. ----

void fill(peerv1::Message& to, const raft::RequestVote& body) {
  peerv1::RequestVote& out = *to.mutable_request_vote();
  out.set_last_index(body.last_index.value);
  out.set_last_term(body.last_term.value);
  out.set_disrupt_leader(body.disrupt_leader);
  out.set_pre_vote(body.pre_vote);
}

void fill(peerv1::Message& to, const raft::RequestVoteResult& body) {
  peerv1::RequestVoteResult& out = *to.mutable_request_vote_result();
  out.set_granted(body.granted);
  out.set_pre_vote(body.pre_vote);
}

void fill(peerv1::Message& to, const raft::AppendEntries& body) {
  assert(body.count == body.entries.size());  // Whoever sends it has read them from the log.
  peerv1::AppendEntries& out = *to.mutable_append_entries();
  out.set_previous_index(body.previous_index.value);
  out.set_previous_term(body.previous_term.value);
  out.set_commit(body.commit.value);
  out.set_count(body.count);
}

void fill(peerv1::Message& to, const raft::AppendEntriesResult& body) {
  peerv1::AppendEntriesResult& out = *to.mutable_append_entries_result();
  out.set_rejected(body.rejected.value);
  out.set_last_index(body.last_index.value);
}

void fill(peerv1::Message& to, const raft::InstallSnapshot& body) {
  peerv1::InstallSnapshot& out = *to.mutable_install_snapshot();
  out.set_last_index(body.last_index.value);
  out.set_last_term(body.last_term.value);
  out.set_configuration_index(body.configuration_index.value);
  out.set_configuration(body.configuration.encode());
}

void fill(peerv1::Message& to, const raft::TimeoutNow& body) {
  peerv1::TimeoutNow& out = *to.mutable_timeout_now();
  out.set_last_index(body.last_index.value);
  out.set_last_term(body.last_term.value);
}

void fill(peerv1::Message& to, const raft::ReadProbe& body) {
  to.mutable_read_probe()->set_round(body.round);
}

void fill(peerv1::Message& to, const raft::ReadProbeResult& body) {
  to.mutable_read_probe_result()->set_round(body.round);
}

void fill(peerv1::Message& to, const raft::ReadIndexAsk& body) {
  to.mutable_read_index_ask()->set_round(body.round);
}

void fill(peerv1::Message& to, const raft::ReadIndexAnswer& body) {
  peerv1::ReadIndexAnswer& out = *to.mutable_read_index_answer();
  out.set_round(body.round);
  out.set_index(body.index.value);
}

std::span<const Entry> entries_of(const raft::Message& message) {
  const auto* body = std::get_if<raft::AppendEntries>(&message.body);
  return body != nullptr ? std::span<const Entry>(body->entries) : std::span<const Entry>();
}

/// At least what `append` of the entries will take.
size_t bytes_bound(std::span<const Entry> entries) {
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += head_bytes_max + entry.bytes().size();
  return bytes;
}

void append_sized(std::string& out, const google::protobuf::MessageLite& message) {
  put_varint(out, message.ByteSizeLong());
  const bool written = message.AppendToString(&out);
  assert(written);
  (void)written;
}

void append(std::string& out, const Entry& entry) {
  assert(entry.bytes().size() <= entry_bytes_max);
  peerv1::Entry head;
  head.set_index(entry.index.value);
  head.set_term(entry.term.value);
  head.set_kind(static_cast<uint32_t>(entry.kind));
  head.set_base_offset(entry.base_offset.value);
  head.set_record_count(entry.record_count);
  head.set_recorded(entry.recorded.ns);
  head.set_rules(entry.rules);
  append_sized(out, head);
  put_varint(out, entry.bytes().size());
  out += entry.bytes();
}

/// A message in its frame: itself, then its entries.
std::string head_of(const raft::Message& message) {
  peerv1::Message head;
  head.set_term(message.term.value);
  head.set_version(message.version);
  head.set_features(message.features);
  head.set_capacity(message.capacity);
  std::visit([&](const auto& body) { fill(head, body); }, message.body);
  std::string out;
  append_sized(out, head);
  return out;
}

// ---- Reading. ----

/// The next item's own bytes: a size, then as many.
std::optional<Bytes> take_sized(Cursor& cursor, size_t bytes_max) {
  const std::optional<uint64_t> size = cursor.take_varint();
  if (!size || *size > bytes_max) return std::nullopt;
  return cursor.take_bytes(*size);
}

bool parse(Bytes bytes, google::protobuf::MessageLite& to) {
  return to.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <class T>
bool fits(uint64_t value) {
  return value <= std::numeric_limits<T>::max();
}

Result<Entry> take_entry(Cursor& cursor) {
  const std::optional<Bytes> bytes = take_sized(cursor, head_bytes_max);
  peerv1::Entry head;
  if (!bytes || !parse(*bytes, head)) return bad("an entry can't be read");
  const std::optional<Bytes> payload = take_sized(cursor, entry_bytes_max);
  if (!payload) return bad("entry " + std::to_string(head.index()) + " does not fit its bytes");
  const bool records = head.kind() == static_cast<uint32_t>(EntryKind::records);
  if (head.index() == 0 || head.term() == 0 || head.kind() == 0 ||
      head.kind() > static_cast<uint32_t>(EntryKind::membership) || !fits<uint8_t>(head.rules()) ||
      records != (head.record_count() > 0) || head.base_offset() > offset_max + 1 ||
      head.record_count() > offset_max + 1 - head.base_offset()) {
    return bad("entry " + std::to_string(head.index()) + " is none");
  }
  return Entry{Index(head.index()),
               Term(head.term()),
               static_cast<EntryKind>(head.kind()),
               Offset(head.base_offset()),
               head.record_count(),
               Time{head.recorded()},
               static_cast<uint8_t>(head.rules()),
               payload->empty() ? nullptr : std::make_shared<const std::string>(*payload)};
}

Result<void> follows(const Entry& entry, Index previous) {
  if (entry.index == previous + 1) return {};
  return bad("entry " + std::to_string(entry.index.value) + " stands after entry " +
             std::to_string(previous.value));
}

/// A message's entries, of which `left` may still come in this frame.
Result<raft::AppendEntries> read(const peerv1::AppendEntries& from, Cursor& cursor, size_t& left) {
  raft::AppendEntries body{Index(from.previous_index()),
                           Term(from.previous_term()),
                           Index(from.commit()),
                           from.count(),
                           {}};
  if (from.count() > left || from.count() > cursor.rest().size()) {
    return bad("a message of " + std::to_string(from.count()) + " entries does not hold them");
  }
  left -= from.count();
  body.entries.reserve(from.count());
  Index previous = body.previous_index;
  for (uint32_t i = 0; i < from.count(); ++i) {
    Entry entry = TRY(take_entry(cursor));
    TRY(follows(entry, previous));
    previous = entry.index;
    body.entries.push_back(std::move(entry));
  }
  return body;
}

Result<raft::InstallSnapshot> read(const peerv1::InstallSnapshot& from) {
  auto configuration = raft::Configuration::decode(from.configuration());
  if (!configuration) return bad("a configuration can't be read");
  return raft::InstallSnapshot{Index(from.last_index()), Term(from.last_term()),
                               Index(from.configuration_index()), *std::move(configuration)};
}

/// Whether the body is of a kind that is known here.
Result<bool> read_body(const peerv1::Message& from, Cursor& cursor, size_t& entries_left,
                       decltype(raft::Message::body)& to) {
  switch (from.body_case()) {
    case peerv1::Message::kRequestVote: {
      const peerv1::RequestVote& body = from.request_vote();
      to = raft::RequestVote{Index(body.last_index()), Term(body.last_term()),
                             body.disrupt_leader(), body.pre_vote()};
      return true;
    }
    case peerv1::Message::kRequestVoteResult:
      to = raft::RequestVoteResult{from.request_vote_result().granted(),
                                   from.request_vote_result().pre_vote()};
      return true;
    case peerv1::Message::kAppendEntries:
      to = TRY(read(from.append_entries(), cursor, entries_left));
      return true;
    case peerv1::Message::kAppendEntriesResult:
      to = raft::AppendEntriesResult{Index(from.append_entries_result().rejected()),
                                     Index(from.append_entries_result().last_index())};
      return true;
    case peerv1::Message::kInstallSnapshot:
      to = TRY(read(from.install_snapshot()));
      return true;
    case peerv1::Message::kTimeoutNow:
      to = raft::TimeoutNow{Index(from.timeout_now().last_index()),
                            Term(from.timeout_now().last_term())};
      return true;
    case peerv1::Message::kReadProbe:
      to = raft::ReadProbe{from.read_probe().round()};
      return true;
    case peerv1::Message::kReadProbeResult:
      to = raft::ReadProbeResult{from.read_probe_result().round()};
      return true;
    case peerv1::Message::kReadIndexAsk:
      to = raft::ReadIndexAsk{from.read_index_ask().round()};
      return true;
    case peerv1::Message::kReadIndexAnswer:
      to = raft::ReadIndexAnswer{from.read_index_answer().round(),
                                 Index(from.read_index_answer().index())};
      return true;
    case peerv1::Message::BODY_NOT_SET:
      break;
  }
  return false;
}

Result<Id> read_cluster(Bytes bytes) {
  const std::optional<Id> id = id_from_bytes(bytes);
  if (!id) return bad("a cluster id of " + std::to_string(bytes.size()) + " bytes");
  return *id;
}

}  // namespace

std::vector<std::string> encode_messages(std::span<const raft::Message> messages) {
  std::vector<std::string> frames;
  size_t in_frame = 0;
  size_t entries_in_frame = 0;
  for (const raft::Message& message : messages) {
    const std::span<const Entry> entries = entries_of(message);
    const std::string head = head_of(message);
    const size_t bytes = head.size() + bytes_bound(entries);
    assert(bytes <= frame_body_bytes_max && entries.size() <= frame_entries_max);
    if (frames.empty() || in_frame == frame_messages_max ||
        entries_in_frame + entries.size() > frame_entries_max ||
        frames.back().size() + bytes > frame_body_bytes_max) {
      frames.emplace_back();
      in_frame = 0;
      entries_in_frame = 0;
    }
    std::string& body = frames.back();
    if (bytes > head_bytes_max) body.reserve(body.size() + bytes);
    body += head;
    for (const Entry& entry : entries) append(body, entry);
    ++in_frame;
    entries_in_frame += entries.size();
  }
  return frames;
}

std::string encode_entries(std::span<const Entry> entries) {
  assert(!entries.empty() && entries.size() <= frame_entries_max);
  std::string body;
  body.reserve(bytes_bound(entries));
  for (const Entry& entry : entries) append(body, entry);
  assert(body.size() <= frame_body_bytes_max);
  return body;
}

void seal(std::string body, peerv1::Frame& to) {
  to.set_crc32c(crc32c(body));
  to.set_body(std::move(body));
}

void to_message(const Route& route, peerv1::Route& to) {
  to.set_cluster_id(route.cluster.bytes.data(), route.cluster.bytes.size());
  to.set_from(route.from.value);
  to.set_to(route.to.value);
}

void to_message(const Introduction& introduction, peerv1::HelloResponse& to) {
  to.set_name(introduction.name);
  to.set_member(introduction.member.value);
  to.set_address(introduction.address);
  to.set_version(introduction.version);
  if (introduction.cluster != Id()) {
    to.set_cluster_id(introduction.cluster.bytes.data(), introduction.cluster.bytes.size());
  }
  if (introduction.founding) {
    seal(encode_entries({&*introduction.founding, 1}), *to.mutable_founding());
  }
  to.set_expects(introduction.expects);
}

void to_message(const EntriesAsked& asked, peerv1::EntriesRequest& to) {
  to.set_from(asked.from.value);
  to.set_end(asked.end.value);
  if (asked.term) to.set_term(asked.term->value);
}

void to_message(const EntriesGiven& given, peerv1::EntriesResponse& to) {
  to.clear_frame();
  if (!given.entries.empty()) seal(encode_entries(given.entries), *to.mutable_frame());
  to.set_committed(given.committed.value);
  to.set_match(static_cast<uint32_t>(given.match));
}

void to_message(const Leading& leading, peerv1::ConfirmResponse& to) {
  to.set_term(leading.term.value);
  to.set_committed(leading.committed.value);
  to.set_last_index(leading.last.value);
}

Result<Bytes> open(const peerv1::Frame& frame) {
  if (frame.body().size() > frame_body_bytes_max) {
    return bad("a frame of " + std::to_string(frame.body().size()) + " bytes");
  }
  if (crc32c(frame.body()) != frame.crc32c()) return bad("a frame with a wrong checksum");
  return Bytes(frame.body());
}

Result<std::vector<raft::Message>> decode_messages(Bytes body, MemberId from, MemberId to) {
  std::vector<raft::Message> messages;
  size_t entries_left = frame_entries_max;
  Cursor cursor(body);
  for (size_t i = 0; !cursor.empty(); ++i) {
    const std::optional<Bytes> bytes = take_sized(cursor, frame_body_bytes_max);
    peerv1::Message head;
    if (!bytes || !parse(*bytes, head)) return bad("a message can't be read");
    if (i == frame_messages_max || !fits<uint8_t>(head.version()) ||
        !fits<uint16_t>(head.features()) || !fits<uint16_t>(head.capacity())) {
      return bad("a message is none");
    }
    raft::Message message{from,
                          to,
                          Term(head.term()),
                          static_cast<uint8_t>(head.version()),
                          static_cast<uint16_t>(head.features()),
                          static_cast<uint16_t>(head.capacity()),
                          {}};
    const bool known = TRY(read_body(head, cursor, entries_left, message.body));
    if (known) messages.push_back(std::move(message));
  }
  return messages;
}

Result<std::vector<Entry>> decode_entries(Bytes body) {
  std::vector<Entry> entries;
  Cursor cursor(body);
  do {
    Entry entry = TRY(take_entry(cursor));
    if (!entries.empty()) TRY(follows(entry, entries.back().index));
    if (entries.size() == frame_entries_max) return bad("a frame of too many entries");
    entries.push_back(std::move(entry));
  } while (!cursor.empty());
  return entries;
}

Result<Route> from_message(const peerv1::Route& from) {
  const Id cluster = TRY(read_cluster(from.cluster_id()));
  return Route{cluster, MemberId(from.from()), MemberId(from.to())};
}

Result<Introduction> from_message(const peerv1::HelloResponse& from) {
  if (from.name().size() > raft::member_name_bytes_max ||
      from.address().size() > raft::member_address_bytes_max ||
      from.version().size() > version_bytes_max) {
    return bad("an introduction is too long");
  }
  Introduction introduction;
  introduction.name = from.name();
  introduction.member = MemberId(from.member());
  introduction.address = from.address();
  introduction.version = from.version();
  if (!from.cluster_id().empty()) introduction.cluster = TRY(read_cluster(from.cluster_id()));
  if (from.has_founding()) {
    const Bytes body = TRY(open(from.founding()));
    std::vector<Entry> entries = TRY(decode_entries(body));
    if (entries.size() != 1 || entries[0].index != Index(1)) return bad("a founding entry is none");
    introduction.founding = std::move(entries[0]);
  }
  introduction.expects = from.expects();
  return introduction;
}

Result<EntriesAsked> from_message(const peerv1::EntriesRequest& from) {
  EntriesAsked asked{Index(from.from()), Index(from.end()), {}};
  if (from.has_term()) asked.term = Term(from.term());
  if (asked.from == Index() || asked.from >= asked.end) {
    return bad("entries from " + std::to_string(from.from()) + " to " + std::to_string(from.end()));
  }
  return asked;
}

Result<EntriesGiven> from_message(const peerv1::EntriesResponse& from, const EntriesAsked& asked) {
  EntriesGiven given;
  if (from.has_frame()) {
    const Bytes body = TRY(open(from.frame()));
    given.entries = TRY(decode_entries(body));
    const Index first = given.entries.front().index;
    const Index last = given.entries.back().index;
    if (first != asked.from || last >= asked.end) {
      return bad("entries " + std::to_string(first.value) + " to " + std::to_string(last.value) +
                 ", expected from " + std::to_string(asked.from.value) + " to below " +
                 std::to_string(asked.end.value));
    }
  }
  if (from.match() > static_cast<uint32_t>(Match::differs)) return bad("an unknown kind of match");
  given.committed = Index(from.committed());
  given.match = static_cast<Match>(from.match());
  return given;
}

Result<Leading> from_message(const peerv1::ConfirmResponse& from) {
  const Leading leading{Term(from.term()), Index(from.committed()), Index(from.last_index())};
  if (leading.term == Term() || leading.committed == Index() || leading.committed > leading.last) {
    return bad("a leader that is none");
  }
  return leading;
}

}  // namespace ledger::rpc
