#include "sim/life.h"

#include <algorithm>
#include <set>

#include "sim/checker.h"
#include "sim/clients.h"
#include "sim/trouble.h"
#include "sim/witness.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

/// What a healed cluster may take to acknowledge a new record, in election timeouts; and as long
/// again until everybody has caught up, and until everybody reads.
constexpr int progress_timeouts = 10;
constexpr Duration trouble_min = 1s;
constexpr Duration trouble_max = 5s;

class Course {
 public:
  explicit Course(World& world)
      : world_(world), operator_(world), trouble_(world, operator_), clients_(world) {}

  void run(Duration trouble) {
    clients_.begin();
    while (trouble > Duration()) {
      const Duration piece = std::min(trouble, world_.random().between(trouble_min, trouble_max));
      trouble_.harm();
      world_.advance(world_.now() + piece);
      trouble -= piece;
      trouble_.heal();
      recover();
    }
  }

 private:
  /// Those who belong to the cluster and can.
  std::vector<Machine*> members() {
    std::vector<Machine*> found;
    const Machine* leader = world_.leader();
    if (leader == nullptr) return found;
    for (const raft::Member& member : leader->replica->configuration().members) {
      Machine* machine = world_.find(member.id);
      if (machine != nullptr && machine->fate == Machine::Fate::alive) found.push_back(machine);
    }
    return found;
  }

  /// What was damaged while it was up must be found and mended, too.
  bool all_applied(Index mark) {
    const std::vector<Machine*> all = members();
    return !all.empty() && std::ranges::all_of(all, [mark](const Machine* machine) {
      return machine->up() && !machine->damaged && machine->replica->history().applied() >= mark;
    });
  }

  void recover() {
    const Duration patience = progress_timeouts * world_.ordeal().settings.election_timeout;
    const Instant deadline = world_.now() + patience;
    const uint64_t before = world_.counts()["records"];
    const Witness& witness = world_.witness();
    Index mark;
    while (world_.now() < deadline && mark == Index()) {
      clients_.write_one();
      const uint64_t answers = witness.answers();
      world_.advance(world_.now() + world_.ordeal().settings.heartbeat, [&] {
        return world_.counts()["records"] > before && witness.answers() > answers;
      });
      if (world_.counts()["records"] > before && witness.answers() > answers) {
        mark = witness.applied();
      }
    }
    if (mark == Index()) throw Violation("no progress after healing");
    world_.advance(world_.now() + patience, [&] { return all_applied(mark); });
    if (!all_applied(mark)) throw Violation("a member does not catch up after healing");
    read_all(world_.now() + patience);
    for (Machine* machine : members()) {
      if (!machine->up()) continue;
      witness.counts_money(*machine);
      witness.reads_log(*machine, machine->replica->history().applied());
    }
  }

  void read_all(Instant deadline) {
    std::set<MemberId> answered;
    const auto all = [&] {
      return std::ranges::all_of(members(),
                                 [&](const Machine* one) { return answered.contains(one->id); });
    };
    const auto asked = std::make_shared<std::set<MemberId>*>(&answered);
    do {
      for (Machine* machine : members()) {
        if (answered.contains(machine->id)) continue;
        clients_.read_one(*machine, [asked, id = machine->id](bool good) {
          if (good && *asked != nullptr) (*asked)->insert(id);
        });
      }
      world_.advance(world_.now() + world_.ordeal().settings.heartbeat, all);
    } while (!all() && world_.now() < deadline);
    *asked = nullptr;
    if (!all()) throw Violation("a read is not answered after healing");
  }

  World& world_;
  Operator operator_;
  Trouble trouble_;
  Clients clients_;
};

}  // namespace

Told live(const Life& life) {
  Random random(life.seed);
  Ordeal ordeal = draw_ordeal(random);
  ordeal.settings.guards_left_out = life.guards_left_out;
  Told told;
  std::unique_ptr<World> world;
  try {
    world = std::make_unique<World>(random, ordeal);
    if (life.narrate) {
      world->narrate = [&](const std::string& line) {
        life.narrate(std::to_string(static_cast<double>(world->now().ns) / 1e9) + " " + line);
      };
    }
    Course(*world).run(life.trouble);
  } catch (const Violation& violation) {
    told.violation = violation.what();
    if (world) world->tell_states();
  }
  if (world) {
    told.hash = world->hash();
    told.simulated = world->now() - Instant();
    told.counts = world->counts();
  }
  return told;
}

}  // namespace ledger::sim
