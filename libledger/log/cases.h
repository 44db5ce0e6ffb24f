// Single cases that a history meets too rarely: each sets one trap and says what went wrong, or
// nothing. For the tests of this room, with and without planted mistakes.
#pragma once

#include <string>

namespace ledger::log {

/// A whole entry behind a torn one does not come back when others of the same size follow the cut.
std::string torn_tail_stays_cut();

/// A block of a segment that was cut away, written into its successor, is no entry there.
std::string entry_of_another_segment_is_refused();

/// An entry read at another place of its own segment is refused.
std::string entry_of_another_place_is_refused();

/// A length far above the limit takes no memory.
std::string impossible_length_takes_no_memory();

/// A client that sends the image of an entry as its payload can't make a torn tail look like
/// damage.
std::string image_in_a_payload_is_no_witness();

}  // namespace ledger::log
