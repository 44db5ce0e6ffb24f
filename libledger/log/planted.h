// Mistakes that the tests of this room must catch, each the absence of one rule of
// ledger-segment(5) or one slip that logs are known to have made.
//
// Only the build of log_planted_test can make them; in every other build `planted` is false and
// the compiler drops what depends on it.
#pragma once

namespace ledger::log {

enum class Mistake {
  none,
  directory_not_synced,      ///< A new segment's name is not made durable.
  sync_retried,              ///< A failed sync is tried again, and its success believed.
  sync_error_ignored,        ///< A failed sync is taken for done.
  cut_anywhere,              ///< The log is cut at the first bad entry, wherever that is.
  watermark_ignored,         ///< What vote copies and entries testify is not looked at.
  watermark_of_written,      ///< The watermark claims what is only written.
  crc_without_position,      ///< An entry is believed at another place of its segment.
  crc_without_identity,      ///< An entry of another segment is believed.
  crc_without_length,        ///< The payload's length is outside the checksums.
  payload_unchecked,         ///< Only the fixed part's checksum is compared.
  length_unchecked,          ///< Memory is taken by a length that was just read.
  image_accepted,            ///< The search takes an entry's image in a payload for an entry.
  missing_segment_is_end,    ///< A gap in the chain is taken for its beginning or end.
  only_zeros_are_torn,       ///< A bad entry of other bytes than zeros is always damage.
  next_before_sync,          ///< A segment begins before the old one is synced.
  single_vote_copy,          ///< One copy of term and vote is written, always in the same place.
  damaged_vote_is_zero,      ///< Two damaged vote copies are taken for term 0.
  vote_error_ignored,        ///< A vote copy that can't be written is taken for written.
  full_disk_skips,           ///< A batch refused for space is taken as appended.
  cut_not_synced,            ///< A truncation is reported before it is durable.
  not_written_again,         ///< What may be in the page cache only is believed at start.
  votes_not_written_again,   ///< The same for the vote copies.
  dead_entries_read,         ///< What lies beyond a truncation is read again.
  newest_unchecked,          ///< A lost newest segment is taken for the end of the log.
  begin_not_saved,           ///< The watermark is not saved after a segment has begun.
  no_search,                 ///< Nothing behind the first bad entry testifies.
  cut_in_place,              ///< A torn tail is overwritten instead of left behind.
  removed_before_directory,  ///< Dead files go before their successor's name is durable.
  commit_before_cut,         ///< An entry that a cut will replace is stored as committed.
  older_vote_first,          ///< At start the older vote copy is overwritten first.
  headless_trusted,          ///< Below a lost header entries are believed beyond what is committed.
  short_end_believed,        ///< The end of a segment that lost its own is taken for the log's.
  fence_ignores_term,        ///< A leader's commit index is enough, even in our own last term.
  fence_ignores_end,         ///< The last entry that is known is taken for the last there was.
  mend_takes_any_term,       ///< A hole is closed without a look at the anchor.
  mend_takes_uncommitted,    ///< What is not committed may replace what was lost.
  mend_not_synced,           ///< A mended segment gets its name before it is synced.
  mend_directory_not_synced,  ///< A mended segment's name is not made durable.
  mend_not_read_again,        ///< What was written is not read before it gets its name.
  mend_forgets_witness,       ///< Entries from peers don't testify for W.
  mend_ends_early,            ///< A replacement gets its name before it reaches far enough.
  mend_index_kept,            ///< The old .idx file stays beside a segment that was written anew.
};

#ifdef LEDGER_PLANTED
/// The mistake of the moment. Tests set it.
inline Mistake planted_mistake = Mistake::none;
inline bool planted(Mistake mistake) {
  return planted_mistake == mistake;
}
#else
constexpr bool planted(Mistake) {
  return false;
}
#endif

}  // namespace ledger::log
