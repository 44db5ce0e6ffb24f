#include "node/answers.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"

namespace ledger::node {
namespace {

/// What a log does not have yet is no error here.
Result<std::vector<Entry>> read_there(const log::Log& log, Index from, Index end,
                                      size_t bytes_max) {
  Result<std::vector<Entry>> read = log.read(from, end, bytes_max);
  if (!read && read.error().code == Code::out_of_range) return std::vector<Entry>();
  return read;
}

}  // namespace

Result<rpc::EntriesGiven> give(const log::Log& log, Index committed, const rpc::EntriesAsked& asked,
                               size_t bytes_max) {
  rpc::EntriesGiven given;
  given.committed = committed;
  if (planted(Mistake::mend_given_uncommitted)) given.committed = committed = log.last_index();
  if (!asked.term) {
    const Index end = std::min(asked.end, committed + 1);
    if (asked.from < end) given.entries = TRY(log.read(asked.from, end, bytes_max));
    return given;
  }
  // First the entries, then the one that vouches for them: what was cut in between never gets that
  // term again.
  given.entries = TRY(read_there(log, asked.from, asked.end, bytes_max));
  const std::vector<Entry> last = TRY(read_there(log, asked.end - 1, asked.end, 0));
  if (!last.empty() && last.front().term == *asked.term) {
    given.match = Match::holds;
    return given;
  }
  if (!last.empty() && last.front().index <= committed) given.match = Match::differs;
  std::erase_if(given.entries, [&](const Entry& entry) { return entry.index > committed; });
  return given;
}

Result<rpc::EntriesGiven> give(const log::Remains& remains, const rpc::EntriesAsked& asked,
                               size_t bytes_max) {
  rpc::EntriesGiven given;
  given.committed = remains.committed();
  if (asked.term) given.match = remains.match({asked.end - 1, *asked.term});
  const Term term = asked.term.value_or(Term());
  given.entries = TRY(remains.read(asked.from, asked.end, term, bytes_max));
  return given;
}

void confirm(Replica& replica, const log::Log& log, Now now, rpc::Reply<rpc::Leading> reply) {
  const auto refuse = [](const rpc::Reply<rpc::Leading>& to) {
    to(tl::unexpected(rpc::Failure{{Code::no_leader, "it does not lead", "ask another"}}));
  };
  const auto leading = [&replica, &log] {
    return rpc::Leading{replica.term(), replica.committed(), log.last_index()};
  };
  if (planted(Mistake::mend_any_confirms)) return reply(leading());
  if (!replica.leads()) return refuse(reply);
  const auto confirmed =
      [&replica, leading, refuse, term = replica.term(),
       reply = std::move(reply)](const rpc::Answer<std::reference_wrapper<const rpc::View>>& view) {
        if (!view) return reply(tl::unexpected(view.error()));
        // Who leads in the same term has led in between.
        if (!replica.leads() || replica.term() != term) return refuse(reply);
        reply(leading());
      };
  replica.read(now, {.kind = rpc::Freshness::Kind::linearizable, .at_least = {}}, confirmed);
}

}  // namespace ledger::node
