#include "serf/core/coalescer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace serf {

using Kind = MemberNotice::Kind;

void Coalescer::Batch::extend(Instant now, const Coalescing& when) {
  quiet = now + when.quiet;
  if (most == never) most = now + when.most;
}

bool Coalescer::hold(Instant now, Notice& notice) {
  if (auto* change = std::get_if<MemberNotice>(&notice); change != nullptr && members_when_.on()) {
    members_batch_.extend(now, members_when_);
    members_.insert_or_assign(change->member.name, std::move(*change));
    return true;
  }
  auto* event = std::get_if<UserEventNotice>(&notice);
  if (event == nullptr || !event->coalesce || !events_when_.on()) return false;
  if (events_count_ >= events_max_) return false;
  events_batch_.extend(now, events_when_);
  std::vector<UserEventNotice>& newest = events_[event->name];
  if (!newest.empty() && event->ltime < newest.front().ltime) return true;
  if (!newest.empty() && event->ltime > newest.front().ltime) {
    events_count_ -= newest.size();
    newest.clear();
  }
  newest.push_back(std::move(*event));
  ++events_count_;
  return true;
}

void Coalescer::tell_members(std::vector<Notice>& notices) {
  for (auto& [name, change] : std::exchange(members_, {})) {
    const auto last = told_.find(name);
    const bool same = last != told_.end() && last->second == change.kind;
    if (same && change.kind != Kind::update) continue;
    if (change.kind == Kind::reap) {
      told_.erase(name);
    } else {
      told_[name] = change.kind;
    }
    notices.emplace_back(std::move(change));
  }
  members_batch_ = {};
}

void Coalescer::tell_events(std::vector<Notice>& notices) {
  for (auto& [name, events] : std::exchange(events_, {})) {
    for (UserEventNotice& event : events) notices.emplace_back(std::move(event));
  }
  events_count_ = 0;
  events_batch_ = {};
}

void Coalescer::pass(Instant now, bool last, std::vector<Notice>& notices) {
  if (!members_when_.on() && !events_when_.on()) return;
  std::vector<Notice> passed;
  for (Notice& notice : notices) {
    if (!hold(now, notice)) passed.push_back(std::move(notice));
  }
  std::vector<Notice> due;
  if (last || now >= members_batch_.due()) tell_members(due);
  if (last || now >= events_batch_.due()) tell_events(due);
  // Who is told of the end expects nothing after it.
  const auto end = std::ranges::find_if(
      passed, [](const Notice& notice) { return std::holds_alternative<Stopped>(notice); });
  passed.insert(end, std::make_move_iterator(due.begin()), std::make_move_iterator(due.end()));
  notices = std::move(passed);
}

Instant Coalescer::wake() const {
  return std::min(members_batch_.due(), events_batch_.due());
}

}  // namespace serf
