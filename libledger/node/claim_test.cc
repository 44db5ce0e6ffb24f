// Whose a directory is, and what is told of options that come too late.
#include "node/claim.h"

#include <doctest/doctest.h>

#include "io/memory_disk.h"
#include "io/seeded_random.h"
#include "log/log.h"

using namespace ledger;
using node::Identity;
using node::StartOptions;

namespace {

const Id cluster = *parse_id("3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a");

/// A directory of a member, or of one that is still to find its cluster.
struct Directory {
  io::MemoryDisk disk;
  io::SeededRandom random{1};

  explicit Directory(const Id& of) {
    REQUIRE(Identity::draw("n1", of, random).save(disk));
    if (of != Id()) REQUIRE(log::Log::create_empty(disk, random, of, {}));
  }
  std::string note(const StartOptions& options) {
    return node::claim(disk, random, options).value().note;
  }
};

StartOptions founding() {
  StartOptions options;
  options.bootstrap = true;
  return options;
}

StartOptions joining() {
  StartOptions options;
  options.gossip = node::GossipOptions{.join = {"127.0.0.1:17401"}};
  return options;
}

StartOptions with_peers() {
  StartOptions options;
  options.peers = {{"n1", "127.0.0.1:17400"}, {"n2", "127.0.0.1:17410"}};
  return options;
}

}  // namespace

TEST_CASE("options that form a cluster are told to change nothing where there is one already") {
  Directory directory(cluster);
  const std::string begin =
      "data directory belongs to cluster 3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a already, so this "
      "changes no membership: ";
  CHECK(directory.note({}) == "");
  CHECK(directory.note(founding()) == begin + "--bootstrap");
  CHECK(directory.note(with_peers()) == begin + "--peers");
  StartOptions options = joining();
  options.bootstrap_expect = 3;
  CHECK(directory.note(options) == begin + "--bootstrap-expect, --join");
}

TEST_CASE("options that form a cluster are not told to be of no use where there is none yet") {
  Directory directory{Id()};
  CHECK(directory.note(founding()) == "");
  CHECK(directory.note(joining()) == "");
  io::MemoryDisk empty;
  CHECK(node::claim(empty, directory.random, founding()).value().note == "");
}

TEST_CASE("a directory that has left comes back by --join, as another member, and founds nothing") {
  Directory directory(cluster);
  const MemberId before = Identity::load(directory.disk).value()->member;
  REQUIRE(Identity::mark_left(directory.disk));
  CHECK(node::claim(directory.disk, directory.random, founding()).error().code ==
        Code::data_dir_mismatch);
  StartOptions options = joining();
  options.bootstrap_expect = 3;
  const node::Claim claim = node::claim(directory.disk, directory.random, options).value();
  CHECK(claim.identity.member != before);
  CHECK(claim.note.ends_with(": --bootstrap-expect"));
}
