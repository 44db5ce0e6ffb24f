// A record as it is shown by `log read`, `log tail` and `segment dump`.
#pragma once

#include <optional>
#include <string>

#include "base/record.h"
#include "base/types.h"
#include "book/verdict.h"
#include "cli/failure.h"

namespace ledger::cli {

struct RecordRow {
  std::optional<Offset> offset = {};  ///< Nothing for an entry of consensus itself.
  std::optional<Index> index = {};    ///< Shown offline.
  bool uncommitted = false;
  std::optional<std::string_view> verdict = {};  ///< Shown with `--refused`.
  Term term = {};
  Time recorded = {};
  Bytes record = {};  ///< The record without its size; of consensus' own entries the payload.
  std::string_view own = {};  ///< What entry of consensus it is; empty for a record.
  std::optional<std::string> path = {};
  std::optional<uint64_t> position = {};
};

/// Shows rows. How, was said by flags.
class RecordPrinter {
 public:
  enum class Form : uint8_t { text, json, values, values_zero };
  RecordPrinter(Form form, bool decode) : form_(form), decode_(decode) {}

  /// One row, with what ends it.
  std::string print(const RecordRow& row) const;

 private:
  std::string json(const RecordRow& row) const;
  std::string text(const RecordRow& row) const;

  Form form_;
  bool decode_;
};

/// A money record as a person reads it, without knowing any account: ids, minor units. Empty for a
/// record that is raw or can't be read.
///
///     account liabilities:alice USD liability floor 0 id 0192f0c4-…
std::string decoded_text(const RecordView& record);

/// The same as a JSON object.
std::string decoded_json(const RecordView& record);

}  // namespace ledger::cli
