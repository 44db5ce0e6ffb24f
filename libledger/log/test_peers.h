// For the tests of this room: peers that answer a damaged log, and a node that asks them.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "log/mend.h"
#include "log/test_entries.h"

namespace ledger::log {

using Peer = std::function<Mend::Answer(const Mend::Need&)>;

/// A peer whose log is whole.
inline Peer healthy_peer(std::vector<Entry> log, Index committed) {
  return [log = std::move(log), committed](const Mend::Need& need) {
    Mend::Answer answer{{}, committed, Match::unknown};
    const Index last = need.end - 1;
    const bool there = last >= Index(1) && last.value <= log.size();
    if (there && log[last.value - 1].term == need.term) {
      answer.match = Match::holds;
    } else if (there && last <= committed) {
      answer.match = Match::differs;
    }
    const Index end = answer.match == Match::holds ? need.end : std::min(need.end, committed + 1);
    constexpr size_t batch = 5;
    for (Index next = need.from; next < end && answer.entries.size() < batch; next = next + 1) {
      if (next.value <= log.size()) answer.entries.push_back(log[next.value - 1]);
    }
    return answer;
  };
}

/// A peer that is damaged itself.
inline Peer damaged_peer(std::shared_ptr<const Remains> remains) {
  return [remains](const Mend::Need& need) {
    const auto read = remains->read(need.from, need.end, need.term, 700);
    return Mend::Answer{read ? *read : std::vector<Entry>(), remains->committed(),
                        remains->match({need.end - 1, need.term})};
  };
}

/// How it ended.
struct Mended {
  bool whole = false;   ///< `next` said so.
  bool waits = false;   ///< Nobody has what is missing, nor may a leader's word replace it.
  std::string problem;  ///< Anything else.
  Index replaced_from;
};

/// Mends the log on `disk` as a node does. Peers whose entries are refused are asked again later.
inline Mended mend_with(Mend& mend, const std::vector<Peer>& peers,
                        const std::optional<Confirmed>& leader = {}) {
  bool confirmed = false;
  for (int turn = 0; turn < 100'000; ++turn) {
    const auto need = mend.next();
    if (!need) return {false, false, need.error().message, {}};
    if (!*need) return {true, false, {}, mend.replaced_from()};
    bool progress = false;
    for (const Peer& peer : peers) {
      if ((*need)->from >= (*need)->end) break;
      const Mend::Answer answer = peer(**need);
      if (answer.entries.empty() && answer.match != Match::differs) continue;
      const Result<void> supplied = mend.supply(answer);
      if (!supplied && supplied.error().code != Code::refused) {
        return {false, false, supplied.error().message, {}};
      }
      if (supplied) {
        progress = true;
        break;
      }
    }
    if (progress) continue;
    if (!leader || confirmed) return {false, true, {}, {}};
    confirmed = true;
    if (!mend.confirm(*leader)) return {false, true, {}, {}};
  }
  return {false, false, "it never ends", {}};
}

inline Mended mend_with(io::Disk& disk, const std::vector<Peer>& peers,
                        const std::optional<Confirmed>& leader = {}) {
  io::SeededRandom random(77);
  Result<Mend> mend = Mend::begin(disk, random, 6 << 10);
  if (!mend) return {false, false, mend.error().message, {}};
  return mend_with(*mend, peers, leader);
}

}  // namespace ledger::log
