#include "rpc/feed.h"

#include <algorithm>

namespace ledger::rpc {

book::Decided empty_at(Offset first, Offset as_of) {
  book::Decided decided;
  decided.first = first;
  decided.as_of = as_of;
  return decided;
}

Result<void> FeedWindow::check() const {
  if (range_.to && *range_.to < range_.from) {
    return fail(Code::invalid_value,
                "the range ends at " + std::to_string(range_.to->value) + ", before it begins at " +
                    std::to_string(range_.from.value),
                "`to` is exclusive and not below `from`");
  }
  return {};
}

Result<void> FeedWindow::applied(Offset end) {
  end_ = std::max(end_, end);
  if (begun_) return {};
  begun_ = true;
  const Offset needed = range_.follow ? range_.from : range_.to.value_or(range_.from);
  if (needed > end_ && !range_.from_future) {
    return fail(Code::out_of_range,
                "offset " + std::to_string(needed.value) + " is past the end (next is " +
                    std::to_string(end_.value) + ")",
                "the valid range is 0 to " + std::to_string(end_.value));
  }
  if (!range_.follow && !range_.to) range_.to = end_;
  return {};
}

Offset FeedWindow::limit() const {
  return std::min(range_.to.value_or(end_), end_);
}

bool FeedWindow::complete() const {
  return begun_ && range_.to && next_ >= *range_.to;
}

}  // namespace ledger::rpc
