#include "raft/convert.h"

#include <cassert>
#include <new>
#include <type_traits>

namespace ledger::raft {
namespace {

void fill(raft_message& out, const Message& message, const RequestVote& body) {
  out.type = RAFT_REQUEST_VOTE;
  out.request_vote = {.version = message.version,
                      .term = message.term.value,
                      .candidate_id = message.from.value,
                      .last_log_index = body.last_index.value,
                      .last_log_term = body.last_term.value,
                      .disrupt_leader = body.disrupt_leader,
                      .pre_vote = body.pre_vote};
}

void fill(raft_message& out, const Message& message, const RequestVoteResult& body) {
  out.type = RAFT_REQUEST_VOTE_RESULT;
  out.request_vote_result = {.version = message.version,
                             .term = message.term.value,
                             .vote_granted = body.granted,
                             .pre_vote = body.pre_vote,
                             .features = message.features,
                             .capacity = message.capacity};
}

void fill(raft_message& out, const Message& message, const AppendEntries& body) {
  out.type = RAFT_APPEND_ENTRIES;
  out.append_entries = {.version = message.version,
                        .term = message.term.value,
                        .prev_log_index = body.previous_index.value,
                        .prev_log_term = body.previous_term.value,
                        .leader_commit = body.commit.value,
                        .entries = nullptr,
                        .n_entries = 0};
}

void fill(raft_message& out, const Message& message, const AppendEntriesResult& body) {
  out.type = RAFT_APPEND_ENTRIES_RESULT;
  out.append_entries_result = {.version = message.version,
                               .term = message.term.value,
                               .rejected = body.rejected.value,
                               .last_log_index = body.last_index.value,
                               .features = message.features,
                               .capacity = message.capacity};
}

void fill(raft_message& out, const Message& message, const InstallSnapshot& body) {
  out.type = RAFT_INSTALL_SNAPSHOT;
  out.install_snapshot = {.version = message.version,
                          .term = message.term.value,
                          .last_index = body.last_index.value,
                          .last_term = body.last_term.value,
                          .conf = {},
                          .conf_index = body.configuration_index.value,
                          .data = {}};
}

void fill(raft_message& out, const Message& message, const TimeoutNow& body) {
  out.type = RAFT_TIMEOUT_NOW;
  out.timeout_now = {.version = message.version,
                     .term = message.term.value,
                     .last_log_index = body.last_index.value,
                     .last_log_term = body.last_term.value};
}

template <class Read>
void fill(raft_message&, const Message&, const Read&) {
  static_assert(std::is_same_v<Read, ReadProbe> || std::is_same_v<Read, ReadProbeResult> ||
                std::is_same_v<Read, ReadIndexAsk> || std::is_same_v<Read, ReadIndexAnswer>);
  assert(!"the library knows no reads");
}

}  // namespace

std::string library_address(MemberId id) {
  constexpr char digits[] = "0123456789abcdef";
  std::string address(16, '0');
  for (size_t i = 0; i < 16; ++i) address[i] = digits[(id.value >> (60 - 4 * i)) & 15];
  return address;
}

raft_configuration library_configuration(const Configuration& configuration) {
  raft_configuration library;
  raft_configuration_init(&library);
  for (const Member& member : configuration.members) {
    const int role = member.standing == Standing::voter ? RAFT_VOTER : RAFT_STANDBY;
    const int failed =
        raft_configuration_add(&library, member.id.value, library_address(member.id).c_str(), role);
    assert(failed == 0);
  }
  return library;
}

std::string library_encoding(const Configuration& configuration) {
  assert(!configuration.members.empty());
  raft_configuration library = library_configuration(configuration);
  raft_buffer buffer = {};
  const int failed = raft_configuration_encode(&library, &buffer);
  assert(failed == 0);
  std::string encoding(static_cast<const char*>(buffer.base), buffer.len);
  raft_free(buffer.base);
  raft_configuration_close(&library);
  return encoding;
}

void* library_batch() {
  void* batch = raft_malloc(1);
  if (batch == nullptr) throw std::bad_alloc();
  return batch;
}

raft_entry library_entry(Term term, void* batch) {
  return {.term = term.value, .type = RAFT_COMMAND, .buf = {batch, 1}, .batch = batch};
}

raft_entry library_entry(Term term, void* batch, const std::string& encoding) {
  return {.term = term.value,
          .type = RAFT_CHANGE,
          .buf = {const_cast<char*>(encoding.data()), encoding.size()},  // libraft only reads it.
          .batch = batch};
}

Message from_library(const raft_message& message, MemberId self) {
  Message out{.from = self, .to = MemberId(message.server_id), .term = {}, .body = {}};
  switch (message.type) {
    case RAFT_REQUEST_VOTE: {
      const raft_request_vote& from = message.request_vote;
      out.term = Term(from.term);
      out.version = from.version;
      out.body = RequestVote{Index(from.last_log_index), Term(from.last_log_term),
                             from.disrupt_leader, from.pre_vote};
      break;
    }
    case RAFT_REQUEST_VOTE_RESULT: {
      const raft_request_vote_result& from = message.request_vote_result;
      out.term = Term(from.term);
      out.version = from.version;
      out.features = from.features;
      out.capacity = from.capacity;
      out.body = RequestVoteResult{from.vote_granted, from.pre_vote};
      break;
    }
    case RAFT_APPEND_ENTRIES: {
      const raft_append_entries& from = message.append_entries;
      out.term = Term(from.term);
      out.version = from.version;
      out.body = AppendEntries{Index(from.prev_log_index),
                               Term(from.prev_log_term),
                               Index(from.leader_commit),
                               from.n_entries,
                               {}};
      break;
    }
    case RAFT_APPEND_ENTRIES_RESULT: {
      const raft_append_entries_result& from = message.append_entries_result;
      out.term = Term(from.term);
      out.version = from.version;
      out.features = from.features;
      out.capacity = from.capacity;
      out.body = AppendEntriesResult{Index(from.rejected), Index(from.last_log_index)};
      break;
    }
    case RAFT_INSTALL_SNAPSHOT: {
      const raft_install_snapshot& from = message.install_snapshot;
      out.term = Term(from.term);
      out.version = from.version;
      out.body =
          InstallSnapshot{Index(from.last_index), Term(from.last_term), Index(from.conf_index), {}};
      break;
    }
    case RAFT_TIMEOUT_NOW: {
      const raft_timeout_now& from = message.timeout_now;
      out.term = Term(from.term);
      out.version = from.version;
      out.body = TimeoutNow{Index(from.last_log_index), Term(from.last_log_term)};
      break;
    }
  }
  return out;
}

raft_message to_library(const Message& message, const std::string& address) {
  raft_message out = {};
  out.server_id = message.from.value;
  out.server_address = address.c_str();
  std::visit([&](const auto& body) { fill(out, message, body); }, message.body);
  return out;
}

}  // namespace ledger::raft
