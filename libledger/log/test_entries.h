// For the tests of this room: entries that follow on a log, and what they hold.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/record.h"
#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/log.h"

namespace ledger::log {

inline Id test_cluster() {
  Id id;
  id.bytes.fill(7);
  return id;
}

inline Entry founding_entry() {
  Entry entry;
  entry.index = Index(1);
  entry.term = Term(1);
  entry.kind = EntryKind::membership;
  entry.payload = std::make_shared<const std::string>("the first members");
  return entry;
}

/// Makes entries that follow each other.
class Maker {
 public:
  /// Goes on where `log` ends.
  explicit Maker(const Log& log)
      : index(log.last_index() + 1),
        term(log.last_term()),
        offset(log.next_offset()),
        time(log.last_recorded()) {}

  /// A batch of `count` records with bodies of `body_bytes`; `salt` makes their bytes different.
  Entry records(uint32_t count, size_t body_bytes, uint64_t salt = 0) {
    Entry entry = next(EntryKind::records);
    std::string payload;
    for (uint32_t i = 0; i < count; ++i) {
      RecordFields fields;
      const uint64_t name[2] = {index.value * 1000 + i, salt + 1};
      std::memcpy(fields.id.bytes.data(), name, sizeof name);
      const std::string body(body_bytes, static_cast<char>('a' + (index.value + salt) % 26));
      fields.body = body;
      encode_record(payload, fields);
    }
    entry.record_count = count;
    entry.recorded = Time{time.ns + 1000};
    entry.payload = std::make_shared<const std::string>(std::move(payload));
    take(entry);
    return entry;
  }

  Entry noop() {
    Entry entry = next(EntryKind::noop);
    take(entry);
    return entry;
  }

  Entry membership(std::string encoded) {
    Entry entry = next(EntryKind::membership);
    entry.payload = std::make_shared<const std::string>(std::move(encoded));
    take(entry);
    return entry;
  }

  Index index;
  Term term;
  Offset offset;
  Time time;

 private:
  Entry next(EntryKind kind) const {
    Entry entry;
    entry.index = index;
    entry.term = term;
    entry.kind = kind;
    entry.base_offset = offset;
    return entry;
  }
  void take(const Entry& entry) {
    index = index + 1;
    offset = entry.next_offset();
    if (entry.record_count != 0) time = entry.last_recorded();
  }
};

inline bool same(const Entry& a, const Entry& b) {
  return a.index == b.index && a.term == b.term && a.kind == b.kind &&
         a.base_offset == b.base_offset && a.record_count == b.record_count &&
         a.recorded == b.recorded && a.rules == b.rules && a.bytes() == b.bytes();
}

}  // namespace ledger::log
