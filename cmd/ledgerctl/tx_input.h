// A transaction as people write it: by flags, or as a line of JSON; and the record it becomes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/types.h"
#include "book/command.h"
#include "cli/failure.h"
#include "names.h"

namespace ledger::cli {

/// Accounts are names or ids, amounts decimal text in major units.
struct TxInput {
  struct Leg {
    std::string debit;
    std::string credit;
    std::string amount;
    bool from_to = false;    ///< `debit` is what `from` said and `credit` what `to` did.
    std::string asset = {};  ///< Only asserts; empty: asserts nothing.
  };
  struct Condition {
    std::string account;
    book::Condition::What what = book::Condition::What::version;
    book::Condition::Op op = book::Condition::Op::eq;
    std::string value;
  };

  std::optional<Id> id = {};
  std::vector<Leg> legs = {};
  std::vector<Condition> conditions = {};
  std::string memo = {};
  std::string meta = {};  ///< Empty or a JSON object without blanks.
  std::optional<Time> effective = {};
  std::optional<Offset> expect_offset = {};
  std::optional<Time> valid_until = {};
};

/// Reads one line of `tx post -`. Errors: names of a request that can't enter the log
/// (`invalid_message`, `invalid_amount` …), ready to follow `line 3: invalid_amount: `.
Result<TxInput> read_tx(std::string_view line);

/// `text` as meta: a JSON object with the blanks outside strings taken out.
Result<std::string> read_meta(std::string_view text);

/// Ids for names, integers for amounts, sides for from and to. With `minor` amounts are integers in
/// minor units.
///
/// Errors: `no_such_account` for a name nobody has, `side_required`, `invalid_amount`,
/// `invalid_name`, `invalid_value`; those of `names`.
Checked<book::Transact> resolve(const TxInput& input, Names& names, bool minor);

/// Appends the record to `packed`, with `id` and the guards of `input`; `valid_until` where the
/// input has none. Errors: those of `book::check`; then nothing is appended.
Result<void> append_record(std::string& packed, const TxInput& input, const Id& id,
                           const book::Transact& transact, std::optional<Time> valid_until);

}  // namespace ledger::cli
