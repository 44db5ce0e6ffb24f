// Mistakes that the whole-cluster simulator must catch: each the absence of one rule that the
// rooms above the log keep. Those of the log itself stand in log/planted.h.
//
// Only the build of ledger-sim-planted can make them; in every other build `planted` is false and
// the compiler drops what depends on it.
#pragma once

#include <array>
#include <string_view>

namespace ledger {

/// The names are those that `ledger-sim --planted` prints; after each its number in the list of
/// planted mistakes, where it has one, and what goes wrong.
#define LEDGER_MISTAKES(MISTAKE)                                                           \
  MISTAKE(ack_before_sync)          /* 1: applied and answered when committed elsewhere */ \
  MISTAKE(ack_after_own_sync)       /* 2: answered when our own disk has it */             \
  MISTAKE(vote_after_reply)         /* 20: a vote is written, and nobody waits for it */   \
  MISTAKE(vote_not_stored)          /* 20: a vote is not written at all */                 \
  MISTAKE(equal_entries_cut)        /* 29, 30: what comes again replaces what is there */  \
  MISTAKE(commit_beyond_match)      /* 28: one entry more is committed than was said */    \
  MISTAKE(synced_too_far)           /* 31: what is queued is acknowledged to consensus */  \
  MISTAKE(read_at_once)             /* 41: a leader reads by its own belief */             \
  MISTAKE(follower_reads_stale)     /* 41: a follower reads by its own commit index */     \
  MISTAKE(read_before_applied)      /* 43: a read does not wait for its index */           \
  MISTAKE(at_least_too_early)       /* 43: a read waits for the record before */           \
  MISTAKE(wiped_keeps_identity)     /* 40: an empty disk votes as who it was */            \
  MISTAKE(quorum_not_asked)         /* 51: a member goes though no majority is left */     \
  MISTAKE(second_record)            /* 57: an id that is in the log is written again */    \
  MISTAKE(other_body_accepted)      /* 58: one id, two bodies: a duplicate */              \
  MISTAKE(held_answered_early)      /* 59: a repetition in flight is answered at once */   \
  MISTAKE(unknown_said_unwritten)   /* 60: a deposed leader denies what is on its way */   \
  MISTAKE(abandon_said_unwritten)   /* 60: a node that stops denies what is on its way */  \
  MISTAKE(full_disk_said_unwritten) /* 60: a full disk denies what is on its way */        \
  MISTAKE(deposed_keeps_waiting)    /* 60: answers from the entries of another leader */   \
  MISTAKE(writes_before_own_term)   /* 84: a new leader takes writes at once */            \
  MISTAKE(taken_while_transferring) /* 57: a refusal forgets what is in flight */          \
  MISTAKE(answers_first_offset)     /* 57: all records of a batch get one offset */        \
  MISTAKE(clock_orders)             /* 44: a record is as late as the clock says */        \
  MISTAKE(stalled_follower_blocks)  /* 68: the leader waits for all */                     \
  MISTAKE(voted_while_damaged)      /* 38: a damaged log is cut, and goes on */            \
  MISTAKE(mend_given_uncommitted)   /* 36: all that a peer has is said to be committed */  \
  MISTAKE(mend_any_confirms)        /* 39: whoever is asked says that it leads */          \
  MISTAKE(floor_ignored)            /* 62: more is taken than there is */                  \
  MISTAKE(one_leg_only)             /* 62: a debit without its credit */                   \
  MISTAKE(place_decides)            /* 61: the state depends on where it lies in memory */

enum class Mistake {
  none,
#define LEDGER_MISTAKE_NAME(name) name,
  LEDGER_MISTAKES(LEDGER_MISTAKE_NAME)
#undef LEDGER_MISTAKE_NAME
};

#ifdef LEDGER_PLANTED
inline constexpr std::array mistake_names = {std::string_view("none"),
#define LEDGER_MISTAKE_TEXT(name) std::string_view(#name),
                                             LEDGER_MISTAKES(LEDGER_MISTAKE_TEXT)
#undef LEDGER_MISTAKE_TEXT
};

/// The mistake of the moment. The simulator sets it.
inline Mistake planted_mistake = Mistake::none;
inline bool planted(Mistake mistake) {
  return planted_mistake == mistake;
}
#else
constexpr bool planted(Mistake) {
  return false;
}
#endif

}  // namespace ledger
