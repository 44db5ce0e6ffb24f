#include "serf/core/broadcasts.h"

#include <cmath>

namespace serf {

size_t retransmit_limit(int mult, size_t n) {
  return static_cast<size_t>(mult) *
         static_cast<size_t>(std::ceil(std::log10(static_cast<double>(n) + 1.0)));
}

bool Broadcasts::Before::operator()(const Rank& one, const Rank& other) const {
  if (one.transmits != other.transmits) return one.transmits < other.transmits;
  if (one.bytes != other.bytes) return one.bytes > other.bytes;
  return one.number > other.number;
}

void Broadcasts::erase(Entries::iterator at) {
  places_.erase(at->number);
  if (!at->about.empty()) about_.erase(at->about);
  entries_.erase(at);
}

uint64_t Broadcasts::push(std::string message, std::string about) {
  const uint64_t number = ++last_;
  if (!about.empty()) {
    if (auto old = about_.find(about); old != about_.end()) erase(places_.at(old->second));
    about_[about] = number;
  }
  const Rank rank{0, message.size(), number};
  places_[number] = entries_.insert({rank, std::move(message), std::move(about)}).first;
  if (entries_.size() > count_max_) erase(std::prev(entries_.end()));
  return number;
}

void Broadcasts::take(size_t& budget, size_t overhead, size_t limit, size_t count_max,
                      std::vector<std::string>& out) {
  std::vector<Entries::iterator> taken;
  for (auto at = entries_.begin(); at != entries_.end() && out.size() < count_max;) {
    if (budget <= overhead) break;
    const size_t room = budget - overhead;
    if (at->bytes > room) {  // On to the first that fits, past all that are longer.
      at = entries_.lower_bound(Rank{at->transmits, room, UINT64_MAX});
      continue;
    }
    budget -= at->bytes + overhead;
    out.push_back(at->message);
    taken.push_back(at++);
  }
  for (auto at : taken) {
    if (at->transmits + 1 >= limit) {
      erase(at);
      continue;
    }
    auto node = entries_.extract(at);
    ++node.value().transmits;
    const uint64_t number = node.value().number;
    places_[number] = entries_.insert(std::move(node)).position;
  }
}

}  // namespace serf
