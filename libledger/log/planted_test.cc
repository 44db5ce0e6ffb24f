// The tests of this room are tested: each mistake of planted.h must be caught, within 500 histories
// or by the one case that was made for it.
#include "log/planted.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include "log/cases.h"
#include "log/history.h"
#include "log/mend_cases.h"
#include "log/mend_history.h"

using namespace ledger;
using namespace ledger::log;

namespace {

constexpr uint64_t histories_max = 500;

/// The first history that breaks a promise; 0: none does.
uint64_t caught_by_history() {
  HistoryCounts counts;
  for (uint64_t seed = 1; seed <= histories_max; ++seed) {
    for (const History::Kind kind : {History::Kind::crashes, History::Kind::damage}) {
      if (!History(seed, kind, counts).run().empty()) return seed;
    }
  }
  return 0;
}

/// The first story of a damaged log that breaks a promise; 0: none does.
uint64_t caught_by_story() {
  MendCounts counts;
  for (uint64_t seed = 1; seed <= histories_max; ++seed) {
    if (!MendHistory(seed, counts).run().empty()) return seed;
  }
  return 0;
}

/// Runs `check` in a child, for a mistake may also end in an assertion or worse. Its value, or 1.
uint64_t in_child(const std::function<uint64_t()>& check) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Quietly: how it ends is told by the value, or by its absence.
    std::signal(SIGABRT, SIG_DFL);
    std::signal(SIGSEGV, SIG_DFL);
    close(STDERR_FILENO);
    const uint64_t value = check();
    const ssize_t written = write(ends[1], &value, sizeof value);
    _exit(written == sizeof value ? 0 : 1);
  }
  close(ends[1]);
  uint64_t value = 1;
  const ssize_t got = read(ends[0], &value, sizeof value);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return got == sizeof value ? value : 1;
}

struct Case {
  Mistake mistake;
  std::string name;
};

#define MISTAKE(name)    \
  Case {                 \
    Mistake::name, #name \
  }

const Case by_history[] = {
    MISTAKE(directory_not_synced),
    MISTAKE(sync_retried),
    MISTAKE(sync_error_ignored),
    MISTAKE(cut_anywhere),
    MISTAKE(watermark_ignored),
    MISTAKE(watermark_of_written),
    MISTAKE(payload_unchecked),
    MISTAKE(missing_segment_is_end),
    MISTAKE(only_zeros_are_torn),
    MISTAKE(next_before_sync),
    MISTAKE(single_vote_copy),
    MISTAKE(damaged_vote_is_zero),
    MISTAKE(vote_error_ignored),
    MISTAKE(full_disk_skips),
    MISTAKE(cut_not_synced),
    MISTAKE(not_written_again),
    MISTAKE(votes_not_written_again),
    MISTAKE(dead_entries_read),
    MISTAKE(newest_unchecked),
    MISTAKE(begin_not_saved),
    MISTAKE(no_search),
    MISTAKE(removed_before_directory),
    MISTAKE(commit_before_cut),
    MISTAKE(older_vote_first),
};

const Case by_story[] = {
    MISTAKE(mend_takes_any_term),       MISTAKE(mend_takes_uncommitted), MISTAKE(mend_not_synced),
    MISTAKE(mend_directory_not_synced), MISTAKE(mend_ends_early),
};

struct SingleCase {
  Mistake mistake;
  std::string name;
  std::string (*check)();
};

const SingleCase by_case[] = {
    {Mistake::cut_in_place, "cut_in_place", torn_tail_stays_cut},
    {Mistake::crc_without_identity, "crc_without_identity", entry_of_another_segment_is_refused},
    {Mistake::crc_without_position, "crc_without_position", entry_of_another_place_is_refused},
    {Mistake::length_unchecked, "length_unchecked", impossible_length_takes_no_memory},
    {Mistake::image_accepted, "image_accepted", image_in_a_payload_is_no_witness},
    {Mistake::headless_trusted, "headless_trusted", dead_segment_stays_dead},
    {Mistake::short_end_believed, "short_end_believed", short_end_is_no_end},
    {Mistake::fence_ignores_term, "fence_ignores_term", leader_of_our_term_must_commit_more},
    {Mistake::fence_ignores_end, "fence_ignores_end", unknown_end_needs_a_leader},
    {Mistake::mend_not_read_again, "mend_not_read_again", bad_copy_replaces_nothing},
    {Mistake::mend_forgets_witness, "mend_forgets_witness", mended_entries_testify},
    {Mistake::mend_index_kept, "mend_index_kept", moved_entries_are_found},
};

}  // namespace

TEST_CASE("without a mistake the histories keep every promise") {
  planted_mistake = Mistake::none;
  CHECK(in_child(caught_by_history) == 0);
}

TEST_CASE("every planted mistake breaks a promise within 500 histories") {
  for (const Case& one : by_history) {
    planted_mistake = one.mistake;
    const uint64_t seed = in_child(caught_by_history);
    CAPTURE(one.name);
    CHECK(seed != 0);
    MESSAGE(fmt::format("{}: caught by history {}", one.name, seed));
  }
  planted_mistake = Mistake::none;
}

TEST_CASE("every planted mistake of repair breaks a promise within 500 stories") {
  planted_mistake = Mistake::none;
  CHECK(in_child(caught_by_story) == 0);
  for (const Case& one : by_story) {
    planted_mistake = one.mistake;
    const uint64_t seed = in_child(caught_by_story);
    CAPTURE(one.name);
    CHECK(seed != 0);
    MESSAGE(fmt::format("{}: caught by story {}", one.name, seed));
  }
  planted_mistake = Mistake::none;
}

TEST_CASE("a planted mistake that a history meets too rarely falls into its trap") {
  for (const SingleCase& one : by_case) {
    CAPTURE(one.name);
    planted_mistake = Mistake::none;
    CHECK(one.check() == "");
    planted_mistake = one.mistake;
    CHECK(in_child([&]() -> uint64_t { return one.check().empty() ? 0 : 1; }) == 1);
  }
  planted_mistake = Mistake::none;
}
