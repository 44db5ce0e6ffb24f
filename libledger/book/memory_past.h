// The past in memory: ids, verdicts and, where wanted, the records themselves.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <vector>

#include "book/book.h"

namespace ledger::book {

/// Ids and verdicts in memory; the records come from elsewhere. About 30 bytes an id and one byte a
/// record.
class MemoryIndex : public Past {
 public:
  std::optional<Offset> find(const Id& id) override;
  void insert(const Id& id, Offset offset) override;
  void prefetch(std::span<const Id> ids) override;
  Verdict verdict(Offset offset) override;

  /// Makes room for so many ids.
  void reserve(size_t ids) { ids_.reserve(ids); }

  /// Keeps what was decided about the record at the next offset.
  void add(const Verdict& verdict);

  /// The byte of the table of verdicts: a Code, or duplicate_mark.
  uint8_t code(Offset offset) const;
  /// The offset that the record at `offset` repeats or conflicts with; else its own.
  Offset first(Offset offset) const;
  Offset next_offset() const { return Offset(codes_.size()); }
  size_t id_count() const { return ids_.size(); }

 private:
  absl::flat_hash_map<Id, Offset> ids_;
  std::vector<uint8_t> codes_;
  absl::flat_hash_map<Offset, Detail> details_;  ///< Of refusals.
  absl::flat_hash_map<Offset, Offset> repeats_;  ///< Of duplicates.
};

/// All of the past in memory, for tests and small books.
class MemoryPast : public MemoryIndex {
 public:
  RecordView record(Offset offset) override;

  /// Keeps the record at the next offset and what was decided about it.
  void add(const RecordView& record, const Verdict& verdict);

 private:
  std::vector<std::string> records_;
};

}  // namespace ledger::book
