// A small world of accounts for tests.
#pragma once

#include <vector>

#include "names.h"

namespace ledger::cli {

inline Id test_id(uint8_t last) {
  Id id;
  id.bytes.fill(0x10);
  id.bytes[15] = last;
  return id;
}

/// assets:bank (1), liabilities:alice (2), liabilities:bob (3), expenses:rent (4) in USD;
/// liabilities:alice-jpy (5) in JPY.
class FakeNames : public Names {
 public:
  Checked<const Known*> find(const Id& id) override {
    for (const Known& known : all_) {
      if (known.id == id) return &known;
    }
    return nullptr;
  }
  Checked<const Known*> find(std::string_view name) override {
    for (const Known& known : all_) {
      if (known.name == name) return &known;
    }
    return nullptr;
  }

 private:
  using Kind = book::AccountKind;
  std::vector<Known> all_ = {
      {test_id(1), "assets:bank", "USD", Kind::asset, 2},
      {test_id(2), "liabilities:alice", "USD", Kind::liability, 2},
      {test_id(3), "liabilities:bob", "USD", Kind::liability, 2},
      {test_id(4), "expenses:rent", "USD", Kind::expense, 2},
      {test_id(5), "liabilities:alice-jpy", "JPY", Kind::liability, 0},
  };
};

}  // namespace ledger::cli
