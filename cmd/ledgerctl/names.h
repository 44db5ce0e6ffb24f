// Who is who: accounts by name and by id, with the scale of their money.
#pragma once

#include <string>
#include <string_view>

#include "base/id.h"
#include "book/command.h"
#include "book/detail_text.h"
#include "cli/failure.h"

namespace ledger::cli {

struct Known {
  Id id;
  std::string name;
  std::string asset;
  book::AccountKind kind = book::AccountKind::asset;
  unsigned scale = 0;
};

/// Where a command learns of accounts: from a cluster, or from the records it has read.
class Names {
 public:
  virtual ~Names() = default;
  /// Null where there is no such account; else valid as long as this lives.
  virtual Checked<const Known*> find(const Id& id) = 0;
  virtual Checked<const Known*> find(std::string_view name) = 0;
};

/// For details of verdicts. An account that can't be asked for is one that is not known.
inline book::DetailStyle style_of(Names& names, bool minor) {
  return {.find = [&names](const Id& id) -> std::optional<book::AccountFacts> {
            const Checked<const Known*> known = names.find(id);
            if (!known || *known == nullptr) return std::nullopt;
            return book::AccountFacts{(*known)->name, (*known)->scale};
          },
          .minor = minor};
}

}  // namespace ledger::cli
