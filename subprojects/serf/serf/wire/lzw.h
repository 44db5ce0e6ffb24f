#pragma once

#include <string>

#include "serf/result.h"

namespace serf::wire {

/// Packs `plain` exactly as a stock node does: the LZW of GIF with 8-bit literals, least
/// significant bit first, codes of 9 to 12 bits. (Spec 2.3; the idea: Welch, "A Technique for
/// High-Performance Data Compression", IEEE Computer 1984.)
std::string lzw_encode(View plain);

/// Unpacks one stream; bytes behind its end code are ignored.
///
/// A few bytes can announce megabytes, so the output is bounded while it grows: one byte more than
/// `bytes_max` is an error, and no more than twice that is ever allocated.
///
/// Errors: `incomplete` without an end code; `invalid` for a code without entry or above the bound.
Result<std::string> lzw_decode(View packed, size_t bytes_max);

}  // namespace serf::wire
