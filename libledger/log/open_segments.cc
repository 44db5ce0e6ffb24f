#include "log/open_segments.h"

#include <algorithm>

namespace ledger::log {
namespace {

constexpr size_t held_max = 16;

}  // namespace

Result<std::shared_ptr<const OpenSegments::Segment>> OpenSegments::get(
    const SegmentHeader& header, const std::optional<Tip>& last) {
  const Index last_index = last ? last->index : Index();
  if (auto held = find(header.identity, last_index)) return held;

  // Without the lock: another thread may do the same, and one of the two wins.
  auto segment = std::make_shared<Segment>();
  segment->file = TRY(disk_.open(segment_path(header.number), io::Access::read));
  if (last) segment->points = TRY(load_points(disk_, header, *last));

  const std::lock_guard lock(mutex_);
  held_.push_front({header.identity, last_index, segment});
  if (held_.size() > held_max) held_.pop_back();
  return segment;
}

std::shared_ptr<const OpenSegments::Segment> OpenSegments::find(uint64_t identity, Index last) {
  const std::lock_guard lock(mutex_);
  const auto held = std::find_if(held_.begin(), held_.end(), [&](const Held& one) {
    return one.identity == identity && one.last == last;
  });
  if (held == held_.end()) return nullptr;
  held_.splice(held_.begin(), held_, held);
  return held_.front().segment;
}

}  // namespace ledger::log
