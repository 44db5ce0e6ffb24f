#include "node/mender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "log/repair.h"

namespace ledger::node {
namespace {

bool same(const std::optional<log::Mend::Need>& one, const log::Mend::Need& other) {
  return one && one->from == other.from && one->end == other.end && one->term == other.term &&
         one->confirmation == other.confirmation;
}

/// A node that takes the log before the damage for all there was.
Result<void> forget_damage(io::Disk& disk, io::Random& random, const log::Remains& remains) {
  if (remains.holes().empty() || !remains.holes().front().offset) return {};
  const log::RepairPlan plan = TRY(log::plan_repair(disk, remains.holes().front().offset));
  return log::repair(disk, random, plan);
}

}  // namespace

Result<Mender> Mender::begin(io::Disk& disk, io::Random& random, uint64_t segment_bytes,
                             MemberId self) {
  if (planted(Mistake::voted_while_damaged)) {
    const log::Remains remains = TRY(log::Remains::look(disk));
    TRY(forget_damage(disk, random, remains));
  }
  log::Mend mend = TRY(log::Mend::begin(disk, random, segment_bytes));
  return Mender(disk, random, segment_bytes, self, std::move(mend));
}

Mender::Mender(io::Disk& disk, io::Random& random, uint64_t segment_bytes, MemberId self,
               log::Mend mend)
    : disk_(&disk),
      random_(&random),
      segment_bytes_(segment_bytes),
      self_(self),
      mend_(std::make_unique<log::Mend>(std::move(mend))) {
  const auto configuration = raft::Configuration::decode(remains()->configuration());
  if (configuration) know(configuration->members);
}

void Mender::know(const std::vector<raft::Member>& others) {
  for (const raft::Member& other : others) {
    if (other.id == self_ || other.id == MemberId()) continue;
    const auto found = std::ranges::find(members_, other.id, &raft::Member::id);
    if (found != members_.end()) {
      *found = other;
    } else {
      members_.push_back(other);
      said_.emplace_back();
    }
  }
}

Result<Mender::Step> Mender::next() {
  if (stuck_) {
    asked_ = refused_ = 0;
    return Wait{*std::exchange(stuck_, std::nullopt)};
  }
  const Result<std::optional<log::Mend::Need>> need = mend_->next();
  if (!need) {
    TRY(take(tl::unexpected(need.error())));
    return next();
  }
  if (!*need) return Done{};
  if (!same(need_, **need)) {
    need_ = **need;
    asked_ = 0;
    for (std::string& said : said_) said.clear();
  }
  const size_t count = members_.size();
  for (; asked_ < 2 * count; ++asked_) {
    const bool entries = asked_ < count;
    if (entries ? need_->from >= need_->end : !confirmation_helps()) continue;
    current_ = (helped_ + asked_++) % count;
    Question question{members_[current_], {}};
    if (entries) question.entries = rpc::EntriesAsked{need_->from, need_->end, need_->term};
    return question;
  }
  asked_ = refused_ = 0;
  return Wait{why()};
}

/// A leader's word is of no use for what is known to be committed.
bool Mender::confirmation_helps() const {
  return need_->confirmation || need_->end - 1 > remains()->committed();
}

Result<void> Mender::hear(const Result<rpc::EntriesGiven>& given) {
  if (!given) {
    say(given.error().message);
    return {};
  }
  const bool useless = given->entries.empty() && given->match != Match::differs;
  if (useless) {
    say("has nothing of it");
    return {};
  }
  const Result<void> supplied = mend_->supply({given->entries, given->committed, given->match});
  if (supplied) {
    helped_ = current_;
    return {};
  }
  return take(supplied);
}

Result<void> Mender::hear(const Result<rpc::Leading>& leading) {
  if (!leading) {
    // That it does not lead says nothing about what it has.
    if (leading.error().code != Code::no_leader) say(leading.error().message);
    return {};
  }
  return take(mend_->confirm({leading->term, leading->committed, leading->last}));
}

/// Goes on after what can be borne.
Result<void> Mender::take(const Result<void>& done) {
  if (done) return {};
  switch (done.error().code) {
    case Code::refused:
      say(done.error().message);
      // Two who contradict each other could go on like that for ever.
      if (++refused_ > 2 * members_.size()) stuck_ = why();
      return {};
    case Code::no_space:
      stuck_ = done.error().message;
      return {};
    case Code::corrupt_segment:
    case Code::offset_gap:
      return begin_again(done.error());
    default:
      return done;
  }
}

/// More was damaged meanwhile.
Result<void> Mender::begin_again(const Error& why) {
  mended_ = mended();
  replaced_from_ = replaced_from();
  log::Mend mend = TRY(log::Mend::begin(*disk_, *random_, segment_bytes_));
  mend_ = std::make_unique<log::Mend>(std::move(mend));
  need_.reset();
  stuck_ = why.message;
  return {};
}

void Mender::say(std::string what) {
  said_[current_] = std::move(what);
}

std::string Mender::why() const {
  std::string text = "nobody has " + missing();
  for (size_t i = 0; i < members_.size(); ++i) {
    if (said_[i].empty()) continue;
    text += fmt::format("; {}: {}", members_[i].name, said_[i]);
  }
  return text;
}

std::vector<std::string> Mender::damages() const {
  std::vector<std::string> texts;
  for (const log::Damage& damage : remains()->damages()) texts.push_back(damage.error.message);
  return texts;
}

std::string Mender::missing() const {
  const std::vector<log::Hole>& holes = remains()->holes();
  if (holes.empty()) {
    return remains()->end() ? "" : "a leader's word for where the log ended";
  }
  std::string text = log::describe(holes.front());
  if (holes.size() > 1) text += fmt::format(", and {} more", holes.size() - 1);
  return text;
}

std::optional<Error> Mender::first_damage() const {
  if (remains()->damages().empty()) return std::nullopt;
  return remains()->damages().front().error;
}

}  // namespace ledger::node
