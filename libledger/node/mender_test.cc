// Whom a node with a damaged log asks, and that its log is whole again afterwards.
#include "node/mender.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/test_entries.h"
#include "node/answers.h"

using namespace ledger;
using namespace ledger::node;

namespace {

constexpr uint64_t entries_count = 60;

raft::Configuration members() {
  raft::Configuration configuration;
  for (const uint64_t id : {1, 2, 3}) {
    configuration.members.push_back({MemberId(id), raft::Standing::voter, "n" + std::to_string(id),
                                     "127.0.0.1:" + std::to_string(id)});
  }
  return configuration;
}

/// Three disks with equal logs over several segments; the first is to be damaged.
struct Three {
  std::map<uint64_t, io::MemoryDisk> disks;
  std::map<uint64_t, std::unique_ptr<log::Log>> logs;               ///< Of those that are whole.
  std::map<uint64_t, std::shared_ptr<const log::Remains>> remains;  ///< Of the others.
  std::vector<Entry> entries;
  Index committed{50};
  io::SeededRandom random{1};
  const log::Options options;

  explicit Three(uint64_t segment_bytes = 8 << 10, size_t body_bytes = 300)
      : options{.segment_bytes = segment_bytes} {
    Entry founding = log::founding_entry();
    founding.payload = std::make_shared<const std::string>(members().encode());
    entries.push_back(founding);
    for (const uint64_t id : {1, 2, 3}) {
      REQUIRE(log::Log::create(disks[id], random, log::test_cluster(), options, founding));
      auto log = open(id);
      log::Maker maker(*log);
      if (id == 1) {
        while (entries.size() < entries_count) entries.push_back(maker.records(2, body_bytes));
      }
      for (size_t i = 1; i < entries.size(); ++i) {
        REQUIRE(log->append({&entries[i], 1}));
        REQUIRE(log->drain());
        log->set_committed(std::min(Index(i), committed));
      }
      log->set_committed(committed);
      log->save_idle();
      REQUIRE(log->drain());
      logs[id] = std::move(log);
    }
  }

  std::unique_ptr<log::Log> open(uint64_t id) {
    auto log = log::Log::open(disks[id], random, log::test_cluster(), options);
    return log ? *std::move(log) : nullptr;
  }
  void stop(uint64_t id) { logs.erase(id); }
  void damage(uint64_t id, uint64_t segment, uint64_t at) {
    stop(id);
    disks[id].flip("segments/000000000000000" + std::to_string(segment) + ".seg", at);
  }
  Mender mender(uint64_t id) {
    auto begun = Mender::begin(disks[id], random, options.segment_bytes, MemberId(id));
    REQUIRE(begun);
    remains[id] = begun->remains();
    return *std::move(begun);
  }

  Result<rpc::EntriesGiven> answer(const Mender::Question& question) const {
    const uint64_t id = question.to.id.value;
    if (logs.contains(id)) return give(*logs.at(id), committed, *question.entries, 2000);
    if (remains.contains(id)) return give(*remains.at(id), *question.entries, 2000);
    return fail(Code::unreachable, "no answer");
  }

  /// Until it is done, or waits. How often somebody was asked.
  std::string mend(Mender& mender, const std::optional<rpc::Leading>& leader = {}) {
    for (int i = 0; i < 1000; ++i) {
      const Result<Mender::Step> step = mender.next();
      REQUIRE(step);
      if (std::holds_alternative<Mender::Done>(*step)) return "done";
      if (const auto* wait = std::get_if<Mender::Wait>(&*step)) return wait->why;
      const auto& question = std::get<Mender::Question>(*step);
      asked += question.to.name + (question.entries ? "e " : "c ");
      if (question.entries) {
        REQUIRE(mender.hear(answer(question)));
      } else if (leader && question.to.id == MemberId(3)) {
        REQUIRE(mender.hear(Result<rpc::Leading>(*leader)));
      } else {
        REQUIRE(mender.hear(Result<rpc::Leading>(fail(Code::no_leader, "it does not lead"))));
      }
    }
    return "endless";
  }

  bool whole(uint64_t id) {
    const auto log = open(id);
    if (log == nullptr || log->last_index().value < entries.size()) return false;
    const auto read = log->read(Index(1), Index(entries.size() + 1), 64 << 20);
    if (!read || read->size() != entries.size()) return false;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!log::same((*read)[i], entries[i])) return false;
    }
    return true;
  }

  std::string asked;
};

}  // namespace

TEST_CASE("what was lost comes from whoever has it, and who helped is asked first") {
  Three three;
  three.stop(2);  // It does not answer at all.
  three.damage(1, 2, 5000);
  three.damage(1, 3, 5000);
  CHECK(three.open(1) != nullptr);  // A start does not look at old segments.
  Mender mender = three.mender(1);
  CHECK(mender.damages().size() == 2);
  CHECK_FALSE(mender.alone());
  CHECK(three.mend(mender) == "done");
  CHECK(mender.mended() > 0);
  CHECK(mender.replaced_from() == Index());
  CHECK(three.asked.starts_with("n2e n3e "));
  CHECK(three.asked.find("n2", 3) == std::string::npos);
  CHECK(three.whole(1));
}

TEST_CASE("what is whole behind a hole is found, also where it is long") {
  Three three(1 << 20, 20'000);
  three.damage(1, 1, 300'000);
  three.damage(1, 2, 500'000);
  Mender mender = three.mender(1);
  CHECK(three.mend(mender) == "done");
  CHECK(mender.mended() == 2);
  CHECK(three.whole(1));
}

TEST_CASE("two that lost different entries help each other, without a third") {
  Three three;
  three.stop(3);
  three.damage(1, 2, 5000);
  three.damage(2, 3, 5000);
  Mender one = three.mender(1);
  Mender two = three.mender(2);
  CHECK(three.mend(one) == "done");
  CHECK(three.mend(two) == "done");
  CHECK(three.whole(1));
  CHECK(three.whole(2));
}

TEST_CASE("where nobody has it, it waits, and says why in the same words each time") {
  Three three;
  three.stop(2);
  three.stop(3);
  three.damage(1, 2, 5000);
  Mender mender = three.mender(1);
  const std::string why = three.mend(mender);
  CHECK(why.starts_with("nobody has entries "));
  CHECK(why.find("n2: no answer") != std::string::npos);
  CHECK(why.find("n3: no answer") != std::string::npos);
  CHECK(three.mend(mender) == why);
  three.logs[3] = three.open(3);
  CHECK(three.mend(mender) == "done");
  CHECK(three.whole(1));
}

TEST_CASE("a leader is asked to confirm itself only where that is of use") {
  Three three;
  three.logs[2].reset();
  three.stop(2);
  three.stop(3);
  three.damage(1, 2, 5000);  // Committed all through.
  Mender mender = three.mender(1);
  three.mend(mender);
  CHECK(three.asked == "n2e n3e ");

  // The newest segment is gone, and with it the end of the log.
  Three other;
  other.stop(1);
  std::string newest;
  for (const std::string& path : other.disks[1].files()) {
    if (path.ends_with(".seg")) newest = path;
  }
  other.disks[1].lose(newest);
  Mender second = other.mender(1);
  const std::string why = other.mend(second);
  CHECK(why.find("nobody has") == 0);
  CHECK(other.asked.find("c ") != std::string::npos);
  other.committed = Index(entries_count);
  CHECK(other.mend(second, rpc::Leading{Term(2), Index(entries_count), Index(entries_count)}) ==
        "done");
  CHECK(second.replaced_from() > Index());
  CHECK(other.whole(1));
}

TEST_CASE("a peer without the entry that vouches gives what is committed, and says so") {
  Three three;
  const log::Log& log = *three.logs[2];
  const auto ask = [&](uint64_t from, uint64_t end, std::optional<Term> term) {
    return give(log, Index(50), {Index(from), Index(end), term}, 1 << 20).value();
  };
  CHECK(ask(40, 58, {}).entries.size() == 11);
  CHECK(ask(40, 58, {}).match == Match::unknown);
  CHECK(ask(40, 58, Term(1)).entries.size() == 18);
  CHECK(ask(40, 58, Term(1)).match == Match::holds);
  CHECK(ask(40, 58, Term(2)).entries.size() == 11);
  CHECK(ask(40, 58, Term(2)).match == Match::unknown);
  CHECK(ask(40, 45, Term(2)).match == Match::differs);
  CHECK(ask(70, 80, Term(2)).entries.empty());
  CHECK(ask(40, 80, Term(1)).match == Match::unknown);
  CHECK(ask(40, 80, Term(1)).entries.size() == 11);
}
