#include "log/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/survey.h"

namespace ledger::log {
namespace {

constexpr int steps_max = 60;
constexpr int lives_max = 6;
constexpr uint64_t sector_bytes = 512;

bool same_state(const std::vector<Entry>& a, const std::vector<Entry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

/// How many entries the two begin with in common.
uint64_t common(const std::vector<Entry>& a, const std::vector<Entry>& b) {
  const size_t size = std::min(a.size(), b.size());
  return static_cast<uint64_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(size), b.begin(), same).first -
      a.begin());
}

std::string describe(const std::vector<Entry>& state) {
  std::string text = fmt::format("{} entries, terms", state.size());
  uint64_t term = 0;
  for (const Entry& entry : state) {
    if (entry.term.value != term)
      text += fmt::format(" {}@{}", entry.term.value, entry.index.value);
    term = entry.term.value;
  }
  return text;
}

}  // namespace

History::History(uint64_t seed, Kind kind, HistoryCounts& counts)
    : kind_(kind), counts_(counts), random_(seed), log_random_(seed ^ 0x5eed) {
  options_.segment_bytes = (8 + below(3) * 6) << 10;
  options_.cache_bytes = below(2) * 2000;
}

std::string History::run() {
  base_ = planned_ = {founding_entry()};
  vote_ = {Term(1), MemberId()};
  if (!Log::create(disk_, log_random_, test_cluster(), options_, founding_entry())) {
    return "the log could not be founded";
  }
  recover();
  for (int life = 0; life < lives_max && !over_ && broken_.empty(); ++life) {
    plan_fault();
    const int steps = static_cast<int>(1 + below(steps_max));
    if (!lost_.empty() && chance(50)) append_in_place_of_lost();
    for (int i = 0; i < steps && log_ && broken_.empty(); ++i) step();
    if (!broken_.empty()) break;
    end_life();
    if (kind_ == Kind::damage && chance(60)) {
      damage_and_check();
      break;
    }
    recover();
  }
  return broken_;
}

void History::step() {
  switch (below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return append();
    case 4:
      return append_again();
    case 5:
      return cut();
    case 6:
      return vote();
    case 7:
      return commit();
    case 8:
      return log_->save_idle();
    case 9:
      return read_some();
    case 10:
      if (chance(20)) toggle_quota();
      return;
    default:
      return drain();
  }
}

void History::append(const State& entries) {
  const Result<void> appended = log_->append(entries);
  if (!appended && disk_.stopped()) return log_.reset();
  if (!appended) {
    if (appended.error().code != Code::no_space) {
      broken("append: " + appended.error().message);
    }
    return;
  }
  for (const Entry& entry : entries) {
    if (entry.index.value <= planned_.size() &&
        planned_[entry.index.value - 1].term == entry.term) {
      continue;
    }
    planned_.resize(entry.index.value - 1);
    planned_.push_back(entry);
    queued_.push_back(entry);
  }
  if (log_->last_index().value != planned_.size()) broken("a batch was half appended");
  if (!log_->waits_for_room()) check_synced();
}

void History::append() {
  Maker maker(*log_);
  State entries;
  const uint64_t count = 1 + below(4);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t what = below(20);
    if (what == 0) maker.term = maker.term + 1;
    if (what < 2) {
      entries.push_back(maker.noop());
    } else if (what == 2) {
      entries.push_back(maker.membership(fmt::format("members of {}", ++salt_)));
    } else {
      // Few sizes, so that what comes after a cut often has the size of what was there before.
      const size_t body = what == 3 ? 3000 : below(2) * 300 + below(3) * 40;
      entries.push_back(maker.records(static_cast<uint32_t>(1 + below(2)), body, ++salt_));
    }
  }
  append(entries);
}

/// A leader sends what we have already, and perhaps some more.
void History::append_again() {
  const uint64_t from = below(planned_.size());
  State entries(planned_.begin() + static_cast<ptrdiff_t>(from), planned_.end());
  if (chance(50)) {
    Maker maker(*log_);
    entries.push_back(maker.records(1, below(100), ++salt_));
  } else {
    entries.resize(1 + below(entries.size()));
  }
  append(entries);
}

/// After a torn tail: an entry that ends just where a lost one did.
void History::append_in_place_of_lost() {
  Entry entry = lost_.front();
  if (entry.kind != EntryKind::records) return;
  std::string payload(entry.bytes());
  payload.back() = static_cast<char>(payload.back() ^ 1);  // A byte of a body, if it has one.
  if (count_records(payload) != entry.record_count) return;
  entry.payload = std::make_shared<const std::string>(std::move(payload));
  append(State{entry});
  if (log_) drain();
}

/// A new leader has other entries from some place on.
void History::cut() {
  if (committed_.value >= planned_.size()) return;
  const Index first = committed_ + 1 + below(planned_.size() - committed_.value);
  if (first == Index(1)) return;
  ++counts_.cuts;
  Maker maker(*log_);
  const Entry& before = planned_[first.value - 2];
  maker.index = first;
  maker.term = planned_.back().term + 1;
  maker.offset = before.next_offset();
  maker.time = Time{};
  for (uint64_t i = 0; i + 1 < first.value; ++i) {
    if (planned_[i].record_count != 0) maker.time = planned_[i].last_recorded();
  }
  State entries;
  const uint64_t count = 1 + below(3);
  for (uint64_t i = 0; i < count; ++i) {
    entries.push_back(i == 0 && chance(50) ? maker.noop()
                                           : maker.records(static_cast<uint32_t>(1 + below(3)),
                                                           below(300), ++salt_));
  }
  append(entries);
}

void History::vote() {
  const Vote last = queued_votes_.empty() ? vote_ : queued_votes_.back();
  const Vote vote{last.term + 1 + below(3), MemberId(below(4))};
  queued_votes_.push_back(vote);
  log_->save_vote(vote);
}

void History::commit() {
  if (committed_.value >= planned_.size()) return;
  committed_ = committed_ + 1 + below(planned_.size() - committed_.value);
  log_->set_committed(committed_);
}

void History::drain() {
  // The loop goes on while the disk works: sometimes it appends or cuts in the middle of a drain.
  const size_t queued_before = queued_.size();
  const State at_start = planned_;
  bool meanwhile = chance(30);
  disk_.before_call([&](io::Call call, const std::string&) {
    if (call != io::Call::sync || !std::exchange(meanwhile, false)) return;
    chance(50) ? append() : cut();
  });
  const Result<Synced> synced = log_->drain();
  disk_.before_call(nullptr);
  if (!synced) {
    ++counts_.failed_calls;
    log_.reset();
    return;
  }
  if (log_->waits_for_room()) {
    // Votes were written nevertheless, entries in part.
    if (!queued_votes_.empty()) vote_ = queued_votes_.back();
    queued_votes_.clear();
    if (!full_) broken("a segment waits for room on a disk that has some");
    return;
  }
  const State written(queued_.begin(), queued_.begin() + static_cast<ptrdiff_t>(queued_before));
  queued_.erase(queued_.begin(), queued_.begin() + static_cast<ptrdiff_t>(queued_before));
  base_ = at_start;
  if (!queued_votes_.empty()) vote_ = queued_votes_.back();
  queued_votes_.clear();

  const uint64_t safe = common(base_, planned_);
  Index lowest = Index(UINT64_MAX);
  for (const Entry& entry : written) lowest = std::min(lowest, entry.index);
  const Index expected = safe < lowest.value ? Index() : Index(safe);
  if (synced->index != expected ||
      (expected != Index() && synced->term != planned_[safe - 1].term)) {
    broken(fmt::format("drain reports entry {}, not {}", synced->index.value, expected.value));
  }
  check_synced();
}

/// What is called durable is, and nothing in the queue will replace it.
void History::check_synced() {
  if (log_ && log_->synced_index().value > common(base_, planned_)) {
    broken(fmt::format("entry {} is called synced", log_->synced_index().value));
  }
}

void History::read_some() {
  const Index from(1 + below(planned_.size()));
  const Index end = from + 1 + below(5);
  const Result<std::vector<Entry>> read = log_->read(from, end, 1 + below(2000));
  if (!read) {
    if (!disk_.stopped() && kind_ == Kind::crashes) broken("read: " + read.error().message);
    return;
  }
  if (read->empty()) return broken("read finds nothing");
  for (size_t i = 0; i < read->size(); ++i) {
    if (!same((*read)[i], planned_[from.value - 1 + i])) return broken("read finds another entry");
  }
}

/// Prepares the misfortune that will end this life, or none.
void History::plan_fault() {
  const uint64_t nth = 1 + below(60);
  constexpr uint64_t torn[] = {1, 13, 511, 700};
  switch (below(8)) {
    case 0:
    case 1:
      return disk_.stop_at({.nth = nth,
                            .when = static_cast<io::Stop::When>(below(3)),
                            .written_bytes = torn[below(4)]});
    case 2:
      return disk_.fail({.call = io::Call::sync, .nth = 1 + nth / 4, .forget = chance(40)});
    case 3:
      return fail_call(nth);
    case 4:
      return disk_.fail({.call = io::Call::sync_directory, .nth = 1 + below(3), .forget = false});
    case 5:
    case 6:
      // Written and not synced: what a power cut likes best.
      return disk_.fail({.call = io::Call::sync,
                         .path = segment_path(newest_segment()),
                         .nth = 1 + below(6),
                         .forget = chance(20)});
    default:
      return;
  }
}

uint64_t History::newest_segment() const {
  uint64_t newest = 1;
  for (const std::string& path : disk_.files()) {
    if (!path.starts_with("segments/")) continue;
    newest = std::max(newest, number_of(path.substr(9), ".seg").value_or(0));
  }
  return newest;
}

/// Some call fails. A directory whose sync fails is not forgotten: a file system whose journal
/// can't be written stops, and no later sync of it succeeds.
void History::fail_call(uint64_t nth) {
  constexpr io::Call calls[] = {io::Call::create,         io::Call::rename, io::Call::remove,
                                io::Call::sync_directory, io::Call::write,  io::Call::sync};
  const io::Call call = calls[below(std::size(calls))];
  disk_.fail({.call = call,
              .nth = call == io::Call::write || call == io::Call::sync ? nth : 1 + nth / 16,
              .written_bytes = below(700),
              .forget = call == io::Call::sync && chance(80)});
}

/// The disk fills up, or is given room again. A full disk is no reason to stop.
void History::toggle_quota() {
  full_ = !full_;
  disk_.set_quota(std::nullopt);
  if (!full_) return;
  ++counts_.full_disks;
  uint64_t used = 0;
  for (const std::string& path : disk_.files()) used += disk_.bytes(path).size();
  disk_.set_quota(used + below(2 * options_.segment_bytes));
}

io::Crash History::drawn_crash() {
  io::Crash crash;
  crash.seed = random_.next();
  crash.writes = static_cast<io::Writes>(below(4));
  if (chance(50)) {
    constexpr uint64_t torn[] = {1, 13, 511};
    crash.torn_bytes = torn[below(3)];
  }
  crash.rest = io::Rest::drawn;
  crash.names = static_cast<io::Names>(below(3));
  return crash;
}

void History::end_life() {
  log_.reset();
  if (chance(60)) {
    ++counts_.crashes;
    disk_.crash(drawn_crash());
  } else {
    ++counts_.restarts;
    disk_.restart();
    if (chance(30)) disk_.evict();
  }
}

void History::recover() {
  constexpr int attempts = 4;
  for (int i = 0; i < attempts; ++i) {
    const bool last = i + 1 == attempts;
    if (!last && chance(40)) {
      if (chance(70)) {
        disk_.stop_at({.nth = 1 + below(16),
                       .when = static_cast<io::Stop::When>(below(3)),
                       .written_bytes = below(600)});
      } else {
        fail_call(1 + below(8));
      }
    }
    Result<std::unique_ptr<Log>> log = Log::open(disk_, log_random_, test_cluster(), options_);
    ++counts_.opens;
    if (log && !disk_.stopped()) {
      disk_.drop_plans();
      log_ = *std::move(log);
      return check_recovered();
    }
    if (!log && log.error().code == Code::no_space && full_) {
      full_ = false;
      disk_.set_quota(std::nullopt);
      disk_.drop_plans();
      continue;
    }
    if (!log && (last || log.error().code != Code::io)) {
      return broken("after crashes only: " + log.error().message);
    }
    ++counts_.recovery_crashes;
    end_life();
  }
}

std::vector<History::State> History::possible() const {
  std::vector<State> states = {base_};
  State state = base_;
  for (const Entry& entry : queued_) {
    if (entry.index.value <= state.size()) {
      state.resize(entry.index.value - 1);
      states.push_back(state);
    }
    state.push_back(entry);
    states.push_back(state);
  }
  return states;
}

bool History::may_be(const State& state) const {
  const std::vector<State> states = possible();
  return std::any_of(states.begin(), states.end(),
                     [&](const State& one) { return same_state(one, state); });
}

void History::check_recovered() {
  if (log_->recovered().torn) ++counts_.torn_tails;
  const Result<std::vector<Entry>> found =
      log_->read(Index(1), log_->last_index() + 1, SIZE_MAX / 4);
  if (!found) return broken("after recovery: " + found.error().message);
  if (!may_be(*found)) {
    return broken(fmt::format("recovered {}, durable {}, queued {}", describe(*found),
                              describe(base_), describe(planned_)));
  }
  const Recovered& recovered = log_->recovered();
  const bool voted =
      recovered.vote == vote_ ||
      std::count(queued_votes_.begin(), queued_votes_.end(), recovered.vote) > 0 ||
      // The stored term is never below that of the last entry.
      (recovered.vote == Vote{found->back().term, MemberId()} && vote_.term < found->back().term);
  if (!voted) broken(fmt::format("recovered vote of term {}", recovered.vote.term.value));
  if (recovered.committed > committed_ || recovered.committed.value > found->size() ||
      recovered.checkpoint > recovered.committed) {
    broken("recovered a commit that was none");
  }
  std::string configuration;
  for (uint64_t i = 0; i < recovered.checkpoint.value; ++i) {
    if ((*found)[i].kind == EntryKind::membership) configuration = (*found)[i].bytes();
  }
  if (recovered.configuration != configuration) broken("recovered another configuration");
  if (recovered.checkpoint.value + recovered.entries.size() != found->size()) {
    broken("recovered entries do not reach from checkpoint to end");
  }
  lost_.clear();
  if (recovered.torn && planned_.size() > found->size() &&
      common(*found, planned_) == found->size()) {
    lost_.assign(planned_.begin() + static_cast<ptrdiff_t>(found->size()), planned_.end());
  }
  base_ = planned_ = *found;
  queued_.clear();
  vote_ = recovered.vote;
  queued_votes_.clear();
  committed_ = std::min(committed_, Index(found->size()));
  // The leader says again what is committed.
  log_->set_committed(committed_);
}

/// The furthest watermark that some vote copy or entry testifies whose bytes are as in `healthy`.
Watermark History::testified(const io::MemoryDisk& healthy) const {
  io::MemoryDisk before = healthy;
  Watermark mark;
  const auto untouched = [&](const std::string& path, uint64_t at, uint64_t count) {
    const std::vector<std::string> files = disk_.files();
    if (!std::binary_search(files.begin(), files.end(), path)) return false;
    const std::string now = disk_.bytes(path);
    return now.size() >= at + count &&
           Bytes(now).substr(at, count) == Bytes(before.bytes(path)).substr(at, count);
  };
  const Result<Survey> look = survey(before, [&](const SegmentReader::Item& item, const Tip&) {
    const Frame& frame = item.frame;
    for (const std::string& path : before.files()) {
      if (!path.ends_with(".seg") || number_of(path.substr(9), ".seg") == 0) continue;
      if (before.bytes(path).size() < frame.end()) continue;
      // Identities are unique, so only its own file holds these bytes here.
      if (load<uint64_t>(before.bytes(path).data() + frame.position + 8) != frame.identity)
        continue;
      if (untouched(path, frame.position, frame_bytes)) mark = std::max(mark, frame.synced);
    }
    return true;
  });
  if (!look) return mark;
  for (size_t i = 0; i < vote_paths.size(); ++i) {
    const auto& copy = look->votes.copies[i].whole;
    if (copy && untouched(vote_paths[i], 0, vote_copy_bytes)) mark = std::max(mark, copy->synced);
  }
  return mark;
}

std::string History::damage_something() {
  if (chance(3)) {
    for (const char* path : vote_paths) disk_.flip(path, below(vote_copy_bytes));
    return "both votes flipped";
  }
  if (chance(5)) {
    const std::string path = segment_path(newest_segment());
    disk_.lose(path);
    return path + " lost";
  }
  std::vector<std::string> paths = disk_.files();
  const std::string path = paths[below(paths.size())];
  const uint64_t size = disk_.bytes(path).size();
  const auto sector = [&](uint64_t bytes) { return below(bytes / sector_bytes) * sector_bytes; };
  if (size < sector_bytes || chance(10)) {
    disk_.lose(path);
    return path + " lost";
  }
  const uint64_t at = chance(70) ? std::min(size - 1, below(6000)) : below(size);
  switch (below(6)) {
    case 0:
    case 1:
      disk_.flip(path, at, static_cast<uint8_t>(1 << below(8)));
      return fmt::format("{} flipped at {}", path, at);
    case 2:
      disk_.zero(path, sector(size), sector_bytes);
      return path + " has a zeroed sector";
    case 3:
      disk_.garble(path, sector(size), sector_bytes, random_.next());
      return path + " has a garbled sector";
    case 4: {
      const std::string other = paths[below(paths.size())];
      if (disk_.bytes(other).size() < sector_bytes) return "nothing";
      disk_.swap(path, sector(size), other, sector(disk_.bytes(other).size()), sector_bytes);
      return path + " and " + other + " swapped sectors";
    }
    default:
      disk_.cut(path, at);
      return fmt::format("{} cut at {}", path, at);
  }
}

void History::damage_and_check() {
  over_ = true;
  // First a whole log, as a recovery leaves it; sometimes with entries that only the last drain
  // saw.
  disk_.drop_plans();
  disk_.set_quota(std::nullopt);
  full_ = false;
  recover();
  if (!broken_.empty()) return;
  for (uint64_t i = below(8); i > 0; --i) {
    append();
    drain();
    if (chance(20)) log_->save_idle();
  }
  if (!broken_.empty()) return;
  log_.reset();
  disk_.crash();

  const io::MemoryDisk healthy = disk_;
  const std::string what = damage_something();
  ++counts_.damages;
  const Watermark mark = testified(healthy);
  const Result<std::unique_ptr<Log>> log = Log::open(disk_, log_random_, test_cluster(), options_);
  if (log && what == "both votes flipped") return broken(what + ": not noticed");
  if (!log) {
    const Code code = log.error().code;
    if (code != Code::corrupt_segment && code != Code::offset_gap) {
      return broken(what + ": " + log.error().message);
    }
    if (what.find(".idx") < what.find(' ') || what.find("next.tmp") < what.find(' ')) {
      if (what.find("swapped") == std::string::npos) {
        return broken(what + " is called damage: " + log.error().message);
      }
    }
    ++counts_.damages_noticed;
    return;
  }
  bool noticed = false;
  const uint64_t last = (*log)->last_index().value;
  if (last > base_.size()) return broken(what + ": more entries than were written");
  for (Index index(1); index.value <= last; ++index) {
    const Result<std::vector<Entry>> read = (*log)->read(index, index + 1, 1);
    if (!read) {
      noticed = true;
    } else if (read->size() != 1 || !same(read->front(), base_[index.value - 1])) {
      return broken(fmt::format("{}: entry {} is another", what, index.value));
    }
  }
  const Vote raised{(*log)->last_term(), MemberId()};
  if ((*log)->recovered().vote != (vote_.term < raised.term ? raised : vote_)) {
    return broken(what + ": another vote");
  }
  if (last < base_.size()) {
    const bool file_lost = what.find(".seg lost") != std::string::npos;
    if (last < mark.index.value || file_lost) {
      return broken(fmt::format("{}: entries {} to {} are lost unnoticed, up to {} testified", what,
                                last + 1, base_.size(), mark.index.value));
    }
    ++counts_.damages_in_window;
  } else if (noticed) {
    ++counts_.damages_noticed;
  } else {
    ++counts_.damages_harmless;
  }
}

void History::broken(std::string what) {
  if (broken_.empty()) broken_ = std::move(what);
}

}  // namespace ledger::log
