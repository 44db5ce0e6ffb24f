// Verdicts as people, scripts and databases read them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/record.h"
#include "book/book.h"
#include "book/verdict.h"

namespace ledger::book {

/// What a text about an account needs and a Detail, which has ids and minor units, does not say.
struct AccountFacts {
  std::string name;
  unsigned scale = 0;  ///< Of the account's asset.
};

/// How to write details: whoever does knows the accounts by a Book, a database or an RPC.
struct DetailStyle {
  /// Nothing for an account that is not known: its id and minor units are written then.
  std::function<std::optional<AccountFacts>(const Id&)> find;
  bool minor = false;  ///< Amounts as integers in minor units.
};

/// The accounts of `book`, which must outlive the style.
DetailStyle style_of(const Book& book);

/// A detail as one JSON object, its names those of ledger.v1.Detail in a fixed order for each
/// verdict: an `account` is the account's name (in account_not_found its id), amounts are decimal
/// strings in major units, times RFC 3339 with 9 decimals, offsets and versions numbers. This is
/// `detail` in the output of every command and in the table `rejections`.
///
///     {"leg":0,"account":"liabilities:alice","available":"60.00","floor":"0.00","needed":"75.00"}
std::string detail_json(Code code, const Detail& detail, const DetailStyle& style);

/// Why a record was refused, as one line ready to follow `error: `; empty for ok. `id` and `kind`
/// are the refused record's.
///
///     account liabilities:alice has 60.00 available, needs 75.00 (floor 0.00)
std::string sentence(const Id& id, Kind kind, const Verdict& verdict, const DetailStyle& style);

}  // namespace ledger::book
