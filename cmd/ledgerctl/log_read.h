// What `log read`, `log tail` and `tx list` share: ranges of decided records.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "cluster.h"
#include "decided.h"

namespace ledger::cli {

/// Which records are wanted, by flags `--from`, `--to`, `-n`, `--last`, `-f`, READ.
struct Wanted {
  std::optional<Position> from;
  std::optional<Position> to;
  std::optional<uint64_t> count_max;
  std::optional<uint64_t> last;
  bool follow = false;
  rpc::Freshness freshness;
};

/// Errors: `usage` for flags that exclude each other.
Checked<Wanted> read_wanted(const Context& context, bool may_follow);

/// Turns a record into what is printed of it; nothing where it is left out. What is printed counts.
using Render = std::function<Checked<std::optional<std::string>>(const DecidedRecord&)>;

/// Prints what `render` makes of the records, as they come; `details` of refusals only if asked
/// for.
Outcome stream_records(Context& context, rpc::Client& client, const Wanted& wanted, bool details,
                       const Render& render);

/// The same in a list, of records that are there now.
Checked<std::deque<std::string>> collect_records(rpc::Client& client, const Wanted& wanted,
                                                 bool details, const Render& render);

}  // namespace ledger::cli
