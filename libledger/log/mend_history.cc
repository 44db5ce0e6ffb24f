#include "log/mend_history.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledger::log {
namespace {

constexpr int lives_max = 4;

Patient::Shape drawn_shape(io::SeededRandom& random) {
  Patient::Shape shape;
  shape.count = 12 + random.below(30);
  shape.committed = 2 + random.below(shape.count - 1);
  shape.segment_bytes = (5 + random.below(6)) << 10;
  shape.idle = random.below(4) != 0;
  return shape;
}

bool begins(const std::vector<Entry>& log, const std::vector<Entry>& front) {
  return front.size() <= log.size() && std::equal(front.begin(), front.end(), log.begin(), same);
}

}  // namespace

Peer careless_peer(std::vector<Entry> log, Index committed) {
  return [log = std::move(log), committed](const Mend::Need& need) {
    Mend::Answer answer{{}, committed, Match::unknown};
    for (Index next = need.from; next <= need.end && next.value <= log.size(); next = next + 1) {
      answer.entries.push_back(log[next.value - 1]);
    }
    return answer;
  };
}

MendHistory::MendHistory(uint64_t seed, MendCounts& counts)
    : counts_(counts), random_(seed), patient_(drawn_shape(random_)) {
  const uint64_t count = patient_.entries.size();
  const uint64_t committed = patient_.committed.value;
  const Term stored = patient_.vote.term;
  switch (below(4)) {
    case 0:  // The others have no more than we, and know no more of it to be committed.
      others_committed_ = Index(1 + below(committed));
      break;
    case 1:  // All of it is committed, and there is a leader.
      others_committed_ = Index(count);
      leader_ = Confirmed{stored + below(2), Index(count), Index(count)};
      break;
    case 2: {  // They went on beyond our end.
      const uint64_t common = committed + below(count - committed + 1);
      fork_ = fork(patient_.entries, common, count + 5, Term(6));
      others_committed_ = Index(fork_.size());
      break;
    }
    default: {  // They elected a leader, who did not get as far as we.
      const uint64_t common = committed + below(count - committed + 1);
      fork_ = fork(patient_.entries, common, common + 3, Term(6));
      others_committed_ = Index(common + 1 + below(3));
      leader_ = Confirmed{Term(6), others_committed_, Index(fork_.size())};
    }
  }
  if (fork_.empty()) fork_ = patient_.entries;
}

std::string MendHistory::run() {
  const io::MemoryDisk healthy = patient_.disk;
  for (uint64_t i = 1 + below(3); i > 0; --i) story_ += damage() + "; ";
  const Result<Remains> first = Remains::look(patient_.disk);
  if (!first) return story_ + first.error().message;
  floor_ = first->synced().index.value;
  if (first->whole()) ++counts_.harmless;

  for (int life = 1;; ++life) {
    if (std::string broken = check_not_silent(); !broken.empty()) return story_ + broken;
    const bool last = life == lives_max;
    if (!last && chance(70)) plan_fault();
    const Mended mended = mend();
    const bool stopped = patient_.disk.stopped();
    if (last || (!stopped && mended.problem.empty() && chance(50))) {
      patient_.disk.drop_plans();
      if (stopped) patient_.disk.crash();
      const std::string broken = judge(last && stopped ? mend() : mended);
      return broken.empty() ? broken : story_ + broken;
    }
    ++counts_.crashes;
    if (chance(60)) {
      io::Crash crash;
      crash.seed = random_.next();
      crash.writes = static_cast<io::Writes>(below(4));
      crash.rest = io::Rest::drawn;
      crash.names = static_cast<io::Names>(below(3));
      patient_.disk.crash(crash);
    } else {
      patient_.disk.restart();
    }
  }
}

std::string MendHistory::damage() {
  std::vector<std::string> files;
  for (const std::string& path : patient_.disk.files()) {
    if (path != "vote.b") files.push_back(path);  // One copy is enough for anybody.
  }
  return files.empty() ? "nothing is left" : damage_file(files[below(files.size())]);
}

std::string MendHistory::damage_file(const std::string& path) {
  io::MemoryDisk& disk = patient_.disk;
  const std::string bytes = disk.bytes(path);
  if (bytes.empty()) return path + " empty";
  // Mostly where there is something.
  const uint64_t used = bytes.find_last_not_of('\0') + 1;
  const uint64_t at = below(chance(90) && used > 0 ? used : bytes.size());
  const uint64_t count = 1 + below(bytes.size() - at);
  switch (below(8)) {
    case 0:
      disk.lose(path);
      return path + " lost";
    case 1:
      disk.cut(path, at);
      return fmt::format("{} cut at {}", path, at);
    case 2:
      disk.zero(path, at, count);
      return fmt::format("{} zeroed at {}, {} bytes", path, at, count);
    case 3:
      disk.garble(path, at, count, at);
      return fmt::format("{} garbled at {}, {} bytes", path, at, count);
    case 4: {
      const std::string other = segment_path(1);
      const std::vector<std::string> files = disk.files();
      const uint64_t block = at / 512 * 512;
      if (other == path || !std::binary_search(files.begin(), files.end(), other) ||
          std::min(bytes.size(), disk.bytes(other).size()) < block + 512) {
        break;
      }
      disk.swap(path, block, other, block, 512);
      return fmt::format("{} swapped with segment 1 at {}", path, block);
    }
    default:
      break;
  }
  disk.flip(path, at, static_cast<uint8_t>(1 << below(8)));
  return fmt::format("{} flipped at {}", path, at);
}

void MendHistory::plan_fault() {
  io::MemoryDisk& disk = patient_.disk;
  if (chance(70)) {
    disk.stop_at({.nth = 1 + below(20),
                  .when = static_cast<io::Stop::When>(below(3)),
                  .written_bytes = below(3000)});
  } else if (chance(70)) {
    // What a failed sync of a directory forgets: ledger-segment(5), what is taken for granted.
    disk.fail(
        {.nth = 1 + below(20), .code = chance(30) ? Code::no_space : Code::io, .forget = false});
  } else {
    disk.fail({.call = io::Call::sync, .nth = 1 + below(4), .forget = true});
  }
}

Mended MendHistory::mend() {
  const Index committed = others_committed_;
  std::vector<Peer> peers;
  // Somebody whose entries were never committed, and who does not hold ours.
  if (chance(50)) {
    const uint64_t common = std::min(committed, patient_.committed).value;
    peers.push_back(
        careless_peer(fork(patient_.entries, common, common + 30, Term(5)), Index(common)));
  }
  peers.push_back(healthy_peer(fork_, committed));
  return mend_with(patient_.disk, peers, leader_);
}

/// The first entries of our log and then of the others', or only ours; and none less than were
/// promised.
std::string MendHistory::allowed(const std::vector<Entry>& found) const {
  const bool ours = begins(patient_.entries, found);
  if (ours && found.size() >= floor_) return {};
  const uint64_t enough = std::min(floor_, others_committed_.value);
  const bool committed = begins(fork_, found) && found.size() <= others_committed_.value;
  if (committed && found.size() >= enough) return {};
  return fmt::format(
      "{} entries, {} of them ours; {} are enough, or {} of the others", found.size(),
      std::mismatch(
          found.begin(),
          found.begin() + static_cast<ptrdiff_t>(std::min(found.size(), patient_.entries.size())),
          patient_.entries.begin(), same)
              .first -
          found.begin(),
      floor_, enough);
}

/// At no moment a log opens that lacks what was promised.
std::string MendHistory::check_not_silent() {
  const io::MemoryDisk before = patient_.disk;
  std::string broken;
  if (const auto log = patient_.open()) {
    // What lies in a sealed segment is not read at start, but refused when it is read.
    const auto found = (*log)->read(Index(1), (*log)->last_index() + 1, SIZE_MAX / 4);
    if (found && found->size() == (*log)->last_index().value) broken = allowed(*found);
    const uint64_t last = (*log)->last_index().value;
    if (last < std::min(floor_, others_committed_.value)) broken = "opens, but ends early";
    if (!broken.empty()) broken = "while damaged: " + broken;
  }
  patient_.disk = before;
  return broken;
}

std::string MendHistory::judge(const Mended& mended) {
  if (!mended.problem.empty()) return mended.problem;
  if (mended.waits) {
    ++counts_.waiting;
    const Result<Remains> remains = Remains::look(patient_.disk);
    if (!remains) return remains.error().message;
    if (leader_ || remains->end()) return "waits, though all that is missing can be had";
    if (patient_.opens()) return "waits, and opens";
    return {};
  }
  ++counts_.whole;
  if (mended.replaced_from != Index()) ++counts_.replaced;
  patient_.disk.crash();
  for (int i = 0; i < 2; ++i) {
    const auto log = patient_.open();
    if (!log) return "after it was mended: " + log.error().message;
    const auto found = (*log)->read(Index(1), (*log)->last_index() + 1, SIZE_MAX / 4);
    if (!found) return "after it was mended: " + found.error().message;
    if (found->size() != (*log)->last_index().value)
      return "after it was mended: a read ends early";
    if (std::string broken = allowed(*found); !broken.empty()) return broken;
    const Vote& vote = (*log)->recovered().vote;
    const Vote raised{(*log)->last_term(), MemberId()};
    if (vote != (patient_.vote.term < raised.term ? raised : patient_.vote)) return "another vote";
    patient_.vote = vote;
    patient_.disk.crash();
  }
  return {};
}

}  // namespace ledger::log
