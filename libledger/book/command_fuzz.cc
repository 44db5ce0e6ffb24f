// Bytes that clients chose: read as bodies, details and meta, and decided as records.
#include <cassert>

#include "book/book.h"
#include "book/detail_text.h"
#include "book/examples.h"
#include "book/memory_past.h"
#include "book/meta.h"

namespace ledger::book {
namespace {

/// Bytes that are read are those that would be written.
template <class Message>
void read_again(Bytes input) {
  Message message;
  if (read(input, message) == Readable::yes) assert(encode(message) == input);
}

/// As a record after the setup of the examples: whatever it is, it gets a verdict, its repetition
/// gets the same, and a refusal changes no balance.
void decide_record(Bytes input) {
  Book book;
  MemoryPast past;
  const auto apply = [&](Bytes bytes) {
    const RecordView record = view_record(bytes);
    const Offset offset = book.next_offset();
    const Verdict verdict = book.apply({offset, examples::recorded(offset.value)}, record, past);
    past.add(record, verdict);
    return verdict;
  };
  std::vector<examples::Example> setup;
  examples::add_setup(setup);
  for (const examples::Example& example : setup) apply(example.record);

  const Digest before = book.digest();
  const RecordView record = view_record(input);
  const Verdict first = apply(input);
  if (first.code != Code::ok) assert(book.digest() == before);
  const std::string text = encode(first.detail);
  assert(decode_detail(text) == first.detail);
  assert(sentence(record.id, static_cast<Kind>(record.kind), first, style_of(book)).empty() ==
         (first.code == Code::ok));
  const Digest after = book.digest();
  const Verdict second = apply(input);
  if (record.readable && first.code != Code::id_conflict) {
    assert(second.duplicate && second.code == first.code && second.detail == first.detail);
  }
  assert(book.digest() == after);
}

}  // namespace
}  // namespace ledger::book

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ledger::book;
  const ledger::Bytes input(reinterpret_cast<const char*>(data), size);
  read_again<Asset>(input);
  read_again<Account>(input);
  read_again<Transact>(input);
  if (const auto detail = decode_detail(input)) assert(encode(*detail) == input);
  meta_fault(input);
  decide_record(input);
  return 0;
}
