#include "history/verdicts.h"

#include <cassert>

namespace ledger::history {

void Verdicts::add(Offset offset, const book::Verdict& verdict) {
  if (verdict.code == book::Code::ok && !verdict.duplicate) return;
  const std::unique_lock lock(mutex_);
  assert(not_ok_.empty() || not_ok_.rbegin()->first < offset);
  not_ok_.emplace_hint(not_ok_.end(), offset, verdict);
}

book::Verdict Verdicts::at(Offset offset) const {
  const std::shared_lock lock(mutex_);
  const auto found = not_ok_.find(offset);
  if (found != not_ok_.end()) return found->second;
  return book::Verdict{.first = offset};
}

void Verdicts::list(Offset from, Offset end, std::string& codes,
                    std::vector<book::Detail>& details) const {
  const size_t start = codes.size();
  codes.append(end - from, static_cast<char>(book::Code::ok));
  const std::shared_lock lock(mutex_);
  const auto last = not_ok_.lower_bound(end);
  for (auto it = not_ok_.lower_bound(from); it != last; ++it) {
    const auto& [offset, verdict] = *it;
    char& code = codes[start + (offset - from)];
    if (verdict.duplicate) {
      code = static_cast<char>(book::duplicate_mark);
    } else {
      code = static_cast<char>(verdict.code);
      details.push_back(verdict.detail);
    }
  }
}

}  // namespace ledger::history
