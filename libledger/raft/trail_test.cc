#include "raft/trail.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

using namespace ledger;
using namespace ledger::raft;

namespace {

Configuration with(uint64_t id) {
  return {{{MemberId(id), Standing::voter, "", ""}}};
}

/// The same, entry by entry.
struct Model {
  uint64_t first = 1;
  uint64_t last = 0;
  std::map<uint64_t, uint64_t> terms;           ///< Of every entry there ever was.
  std::map<uint64_t, uint64_t> configurations;  ///< index -> id
};

void check(const Trail& trail, const Model& model, uint64_t checkpoint) {
  REQUIRE(trail.last() == Index(model.last));
  for (uint64_t index = 0; index <= model.last + 2; ++index) {
    const bool known = index <= model.last && (index >= trail.first().value || index == checkpoint);
    CHECK(trail.term_at(Index(index)) == Term(known && index > 0 ? model.terms.at(index) : 0));
  }
  for (uint64_t index = checkpoint; index <= model.last; ++index) {
    auto in_force = model.configurations.upper_bound(index);
    const Checkpoint at = trail.checkpoint_at(Index(index));
    if (in_force == model.configurations.begin()) {
      CHECK(at.configuration_index == Index());
      continue;
    }
    --in_force;
    CHECK(at.configuration_index == Index(in_force->first));
    CHECK(at.configuration == with(in_force->second));
  }
}

}  // namespace

TEST_CASE("a trail says of every entry what a list of all entries says") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](uint64_t end) { return random() % end; };
    Trail trail;
    Model model;
    uint64_t checkpoint = 0;
    uint64_t term = 1;
    for (int step = 0; step < 60; ++step) {
      const uint64_t what = below(10);
      if (what < 7) {
        term += below(3) == 0 ? 1 : 0;
        model.terms[++model.last] = term;
        if (below(4) == 0) {
          model.configurations[model.last] = model.last * 100 + term;
          trail.append(Term(term), with(model.last * 100 + term));
        } else {
          trail.append(Term(term));
        }
      } else if (what < 9 && model.last > checkpoint) {
        const uint64_t from = checkpoint + 1 + below(model.last - checkpoint);
        trail.truncate(Index(from));
        model.last = from - 1;
        model.configurations.erase(model.configurations.lower_bound(from),
                                   model.configurations.end());
        ++term;
      } else if (model.last > checkpoint) {
        checkpoint += 1 + below(model.last - checkpoint);
        trail.advance(Index(checkpoint), below(8));
        CHECK(trail.first() <= Index(checkpoint + 1));
      }
      check(trail, model, checkpoint);
    }
  }
}

TEST_CASE("a trail forgets what lies before its checkpoint, down to what it may keep") {
  Trail trail;
  for (int i = 0; i < 10; ++i) trail.append(Term(1));
  trail.advance(Index(6), 7);
  CHECK(trail.first() == Index(4));
  trail.advance(Index(6), 2);
  CHECK(trail.first() == Index(7));  // Never more than what is before the checkpoint.
  CHECK(trail.last() == Index(10));
  CHECK(trail.checkpoint().term == Term(1));
}
