#include "rpc/peer_codec.h"

#include <doctest/doctest.h>

#include "base/crc32c.h"
#include "rpc/memory_peer.h"

using namespace ledger;
using namespace ledger::rpc;
namespace peerv1 = ::peer::v1;

namespace {

const MemberId from(0xfedcba9876543210);
const MemberId to(7);

template <class Body>
raft::Message message(Body body) {
  return {from, to, Term(uint64_t{1} << 60), 255, 65535, 40000, std::move(body)};
}

/// The only message that comes out when it alone goes in; its head has been compared.
template <class Body>
Body through(const Body& body) {
  const raft::Message sent = message(body);
  const std::vector<std::string> frames = encode_messages({&sent, 1});
  REQUIRE(frames.size() == 1);
  const auto got = decode_messages(frames[0], from, to);
  REQUIRE(got);
  REQUIRE(got->size() == 1);
  const raft::Message& one = got->front();
  CHECK(one.from == sent.from);
  CHECK(one.to == sent.to);
  CHECK(one.term == sent.term);
  CHECK(one.version == sent.version);
  CHECK(one.features == sent.features);
  CHECK(one.capacity == sent.capacity);
  REQUIRE(std::holds_alternative<Body>(one.body));
  return std::get<Body>(one.body);
}

void check_same(const Entry& a, const Entry& b) {
  CHECK(a.index == b.index);
  CHECK(a.term == b.term);
  CHECK(a.kind == b.kind);
  CHECK(a.base_offset == b.base_offset);
  CHECK(a.record_count == b.record_count);
  CHECK(a.recorded == b.recorded);
  CHECK(a.rules == b.rules);
  CHECK(a.bytes() == b.bytes());
}

Entry membership(Index index) {
  raft::Configuration configuration;
  configuration.members = {{MemberId(3), raft::Standing::voter, "n3", "127.0.0.1:1"}};
  return {index,
          Term(2),
          EntryKind::membership,
          Offset(offset_max),
          0,
          Time{-5},
          255,
          std::make_shared<const std::string>(configuration.encode())};
}

/// The body of a frame with this one message in it, whatever it says.
std::string body_of(const peerv1::Message& said, const std::string& entries = {}) {
  std::string body;
  put_varint(body, said.ByteSizeLong());
  return body + said.SerializeAsString() + entries;
}

bool refuses(const std::string& body) {
  const auto messages = decode_messages(body, from, to);
  return !messages && messages.error().code == Code::bad_input;
}

}  // namespace

TEST_CASE("every kind of message comes back as it went") {
  const auto vote = through(raft::RequestVote{Index(5), Term(6), true, false});
  CHECK(vote.last_index == Index(5));
  CHECK(vote.last_term == Term(6));
  CHECK((vote.disrupt_leader && !vote.pre_vote));
  CHECK(through(raft::RequestVote{Index(), Term(), false, true}).pre_vote);

  CHECK(through(raft::RequestVoteResult{true, false}).granted);
  CHECK(through(raft::RequestVoteResult{false, true}).pre_vote);

  const auto result = through(raft::AppendEntriesResult{Index(8), Index(9)});
  CHECK(result.rejected == Index(8));
  CHECK(result.last_index == Index(9));

  const auto now = through(raft::TimeoutNow{Index(10), Term(11)});
  CHECK(now.last_index == Index(10));
  CHECK(now.last_term == Term(11));

  CHECK(through(raft::ReadProbe{12}).round == 12);
  CHECK(through(raft::ReadProbeResult{13}).round == 13);
  CHECK(through(raft::ReadIndexAsk{14}).round == 14);
  const auto answer = through(raft::ReadIndexAnswer{15, Index(16)});
  CHECK(answer.round == 15);
  CHECK(answer.index == Index(16));

  raft::InstallSnapshot install{Index(20), Term(3), Index(15), {}};
  install.configuration.members = {{MemberId(1), raft::Standing::voter, "n1", "127.0.0.1:1"},
                                   {MemberId(2), raft::Standing::standby, "n2", "[::1]:2"}};
  const auto installed = through(install);
  CHECK(installed.last_index == install.last_index);
  CHECK(installed.last_term == install.last_term);
  CHECK(installed.configuration_index == install.configuration_index);
  CHECK(installed.configuration == install.configuration);
}

TEST_CASE("a message of entries carries them whole") {
  raft::AppendEntries body{Index(4), Term(1), Index(3), 0, {}};
  body.entries.push_back({Index(5), Term(2), EntryKind::noop, Offset(17), 0, Time{}, 1, nullptr});
  body.entries.push_back(membership(Index(6)));
  body.entries.push_back({Index(7), Term(2), EntryKind::records, Offset(17), 3, Time{1 << 30}, 1,
                          std::make_shared<const std::string>(entry_bytes_max, 'x')});
  body.count = 3;
  const auto got = through(body);
  CHECK(got.previous_index == body.previous_index);
  CHECK(got.previous_term == body.previous_term);
  CHECK(got.commit == body.commit);
  CHECK(got.count == 3);
  REQUIRE(got.entries.size() == 3);
  for (size_t i = 0; i < 3; ++i) check_same(got.entries[i], body.entries[i]);
  CHECK(through(raft::AppendEntries{}).entries.empty());
}

TEST_CASE("messages that do not fit one frame go into several, in order") {
  std::vector<raft::Message> sent;
  for (uint64_t i = 0; i < 20'000; ++i) sent.push_back(message(raft::ReadProbe{i}));
  for (uint64_t i = 0; i < 4; ++i) {
    sent.push_back(
        message(raft::AppendEntries{Index(), Term(), Index(), 1, test_entries(1, 700'000)}));
  }
  const std::vector<std::string> frames = encode_messages(sent);
  CHECK(frames.size() == 4);
  std::vector<raft::Message> got;
  for (const std::string& frame : frames) {
    CHECK(frame.size() <= frame_body_bytes_max);
    const auto part = decode_messages(frame, from, to);
    REQUIRE(part);
    got.insert(got.end(), part->begin(), part->end());
  }
  REQUIRE(got.size() == sent.size());
  for (uint64_t i = 0; i < 20'000; ++i) {
    REQUIRE(std::get<raft::ReadProbe>(got[i].body).round == i);
  }
  CHECK(encode_messages({}).empty());
}

TEST_CASE("a frame whose bytes or checksum were changed is refused") {
  peerv1::Frame frame;
  seal(encode_entries(test_entries(3, 50)), frame);
  REQUIRE(open(frame));
  CHECK(frame.crc32c() == crc32c(frame.body()));
  for (size_t i = 0; i < frame.body().size(); ++i) {
    peerv1::Frame changed = frame;
    (*changed.mutable_body())[i] = static_cast<char>(frame.body()[i] ^ 1);
    CHECK(open(changed).error().code == Code::bad_input);
  }
  frame.set_crc32c(frame.crc32c() ^ 1);
  CHECK_FALSE(open(frame));
  frame.set_body(std::string(frame_body_bytes_max + 1, '\0'));
  frame.set_crc32c(crc32c(frame.body()));
  CHECK_FALSE(open(frame));
}

TEST_CASE("a body that ends early is refused wherever it ends, and so is one with more") {
  const std::string entries = encode_entries(test_entries(1, 50));
  for (size_t size = 0; size < entries.size(); ++size) {
    CHECK_FALSE(decode_entries(Bytes(entries).substr(0, size)));
  }
  CHECK_FALSE(decode_entries(entries + '\x05'));
  const raft::Message sent =
      message(raft::AppendEntries{Index(), Term(), Index(), 1, test_entries(1, 50)});
  const std::string messages = encode_messages({&sent, 1})[0];
  for (size_t size = 1; size < messages.size(); ++size) {
    CHECK_FALSE(decode_messages(Bytes(messages).substr(0, size), from, to));
  }
  CHECK_FALSE(decode_messages(messages + '\x05', from, to));
}

TEST_CASE("counts and sizes are held against what is there before anything is made of them") {
  peerv1::Message many;
  many.mutable_append_entries()->set_count(0xffffffff);
  CHECK(refuses(body_of(many)));
  many.mutable_append_entries()->set_count(2);
  CHECK(refuses(body_of(many, encode_entries(test_entries(1, 5)))));

  std::string large;
  put_varint(large, uint64_t{1} << 40);
  CHECK(refuses(large));
  std::string entry = encode_entries({test_entries(1, 0)});
  entry.pop_back();  // The size of its payload.
  put_varint(entry, entry_bytes_max + 1);
  CHECK_FALSE(decode_entries(entry + std::string(entry_bytes_max + 1, 'x')));

  peerv1::Message small;
  small.mutable_read_probe();
  std::string body;
  for (size_t i = 0; i < frame_messages_max; ++i) body += body_of(small);
  CHECK(decode_messages(body, from, to)->size() == frame_messages_max);
  CHECK(refuses(body + body_of(small)));
}

TEST_CASE("what no member would send is refused") {
  const auto entry_refused = [](auto change) {
    std::vector<Entry> entries = test_entries(2, 5);
    change(entries[1]);
    return !decode_entries(encode_entries(entries));
  };
  CHECK(entry_refused([](Entry& entry) { entry.index = Index(3); }));
  CHECK(entry_refused([](Entry& entry) { entry.index = Index(1); }));
  CHECK(entry_refused([](Entry& entry) { entry.term = Term(); }));
  CHECK(entry_refused([](Entry& entry) { entry.kind = EntryKind(0); }));
  CHECK(entry_refused([](Entry& entry) { entry.kind = EntryKind(4); }));
  CHECK(entry_refused([](Entry& entry) { entry.kind = EntryKind::noop; }));
  CHECK(entry_refused([](Entry& entry) { entry.record_count = 0; }));
  CHECK(entry_refused([](Entry& entry) { entry.base_offset = Offset(offset_max + 1); }));
  CHECK_FALSE(entry_refused([](Entry& entry) { entry.base_offset = Offset(offset_max); }));

  peerv1::Message wide;
  wide.mutable_read_probe();
  wide.set_version(256);
  CHECK(refuses(body_of(wide)));
  wide.set_version(0);
  wide.set_features(65536);
  CHECK(refuses(body_of(wide)));
  wide.set_features(0);
  wide.set_capacity(65536);
  CHECK(refuses(body_of(wide)));

  peerv1::Message install;
  install.mutable_install_snapshot()->set_configuration("none");
  CHECK(refuses(body_of(install)));

  peerv1::Message gap;
  gap.mutable_append_entries()->set_previous_index(5);
  gap.mutable_append_entries()->set_count(1);
  CHECK(refuses(body_of(gap, encode_entries(test_entries(1, 5)))));
}

TEST_CASE("a message of a kind that is not known yet is left out") {
  peerv1::Message unknown;
  unknown.set_term(5);
  peerv1::Message known;
  known.mutable_read_probe()->set_round(4);
  const auto got = decode_messages(body_of(unknown) + body_of(known), from, to);
  REQUIRE(got);
  REQUIRE(got->size() == 1);
  CHECK(std::get<raft::ReadProbe>(got->front().body).round == 4);
}

TEST_CASE("an introduction comes back as it went, with the founding entry where there is one") {
  Introduction self{"n1", from, "127.0.0.1:17400", "0.1.0", test_id(3), membership(Index(1)), true};
  peerv1::HelloResponse response;
  to_message(self, response);
  const auto got = from_message(response);
  REQUIRE(got);
  CHECK(got->name == self.name);
  CHECK(got->member == self.member);
  CHECK(got->address == self.address);
  CHECK(got->version == self.version);
  CHECK(got->cluster == self.cluster);
  REQUIRE(got->founding);
  check_same(*got->founding, *self.founding);
  CHECK(got->expects);

  response.Clear();
  to_message(Introduction(), response);
  CHECK(from_message(response)->cluster == Id());
  CHECK_FALSE(from_message(response)->founding);

  response.set_name(std::string(33, 'n'));
  CHECK_FALSE(from_message(response));
  response.set_name("n");
  response.set_cluster_id("short");
  CHECK_FALSE(from_message(response));
  response.clear_cluster_id();
  seal(encode_entries(test_entries(2, 5)), *response.mutable_founding());
  CHECK_FALSE(from_message(response));
}

TEST_CASE("a route and a range of entries come back as they went, and bad ones are refused") {
  const Route route{test_id(4), from, to};
  peerv1::Route said;
  to_message(route, said);
  CHECK(from_message(said).value() == route);
  said.set_cluster_id("");
  CHECK_FALSE(from_message(said));

  peerv1::EntriesRequest request;
  to_message(EntriesAsked{Index(3), Index(9), Term(2)}, request);
  const auto asked = from_message(request);
  REQUIRE(asked);
  CHECK(asked->from == Index(3));
  CHECK(asked->end == Index(9));
  CHECK(asked->term == Term(2));
  request.clear_term();
  CHECK_FALSE(from_message(request)->term);
  request.set_end(3);
  CHECK_FALSE(from_message(request));
  request.set_from(0);
  CHECK_FALSE(from_message(request));
}
