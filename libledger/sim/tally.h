// The book once more, as small as the simulated clients need it: what it says, the nodes must say.
#pragma once

#include <map>
#include <optional>

#include "base/id.h"
#include "base/record.h"
#include "book/verdict.h"

namespace ledger::sim {

/// Follows the records that simulated clients write: one asset, accounts on the credit side, with a
/// floor of zero or none, transfers of one leg, and raw records.
class Tally {
 public:
  /// What became of a record.
  struct Booked {
    book::Code code = book::Code::ok;
    std::map<Id, int64_t> balances;  ///< Of the accounts that an accepted transfer moved.
  };

  /// The next record of the log.
  Booked apply(const RecordView& record);

  const std::map<Id, int64_t>& balances() const { return balances_; }

 private:
  Booked transfer(Bytes body);

  bool asset_ = false;
  std::map<Id, int64_t> balances_;
  std::map<Id, bool> floored_;
};

}  // namespace ledger::sim
