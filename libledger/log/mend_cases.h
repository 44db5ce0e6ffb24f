// Cases of damage and repair that a story meets too rarely: each sets one trap and says what went
// wrong, or nothing. For the tests of this room, with and without planted mistakes.
#pragma once

#include <string>

namespace ledger::log {

/// A dead segment that comes back is not taken for the log when its successor is lost.
std::string dead_segment_stays_dead();

/// A newest segment that lost its end may have held more than anything that is left testifies.
std::string short_end_is_no_end();

/// While a leader may still count what we acknowledged, its commit index is not enough.
std::string leader_of_our_term_must_commit_more();

/// Where the end is not known, the last entry that is known is not it.
std::string unknown_end_needs_a_leader();

/// An old segment goes only when the new one was read again and found to be what it should be.
std::string bad_copy_replaces_nothing();

/// After it was mended, a log testifies as before for the entries that were missing.
std::string mended_entries_testify();

/// An .idx file goes with the segment whose entries have moved.
std::string moved_entries_are_found();

}  // namespace ledger::log
