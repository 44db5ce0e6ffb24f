#include "dev/plan.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "dev/ports.h"
#include "dev/supervisor.h"
#include "io/temporary_directory.h"

namespace ledger::dev {
namespace {

Plan three() {
  Plan plan;
  plan.base_port = 20'000;
  plan.grow(3);
  plan.founders = 3;
  plan.node_flags = {"--log-level", "debug", "odd \" \\ 'flag'"};
  return plan;
}

TEST_CASE("a plan comes back from its file as it was") {
  const Result<Plan> back = plan_from_toml(to_toml(three()), "cluster.toml");
  REQUIRE(back);
  CHECK(*back == three());
}

TEST_CASE("each node has ten ports to itself") {
  const Plan plan = three();
  CHECK(plan.rpc(0) == "127.0.0.1:20000");
  CHECK(plan.gossip(1) == "127.0.0.1:20011");
  CHECK(plan.http(2) == "127.0.0.1:20022");
  CHECK(plan.endpoints().size() == 3);
}

TEST_CASE("a file that is damaged or says what can't be is refused with its name") {
  for (const char* text :
       {"", "nodes = 3", "base_port = 17400\nnodes = []\nfounders = 1\nnode_flags = []",
        "base_port = 17400\nnodes = [\"n1\"]\nfounders = 2\nnode_flags = []",
        "base_port = 40000\nnodes = [\"n1\"]\nfounders = 1\nnode_flags = []",
        "base_port = 17400\nnodes = [\"../n1\"]\nfounders = 1\nnode_flags = []",
        "base_port = 17400\nnodes = [\"n1\"]\nfounders = 1\nnode_flags = [1]", "a = = 1"}) {
    CAPTURE(text);
    const Result<Plan> plan = plan_from_toml(text, "here/cluster.toml");
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == Code::config_invalid);
    CHECK(plan.error().message.starts_with("here/cluster.toml: "));
  }
}

TEST_CASE("one node founds, as many as there were at first, and each looks for all the others") {
  Plan plan = three();
  plan.grow(4);
  const Place place("test", "/nowhere");
  const std::string first = node_toml(place, plan, 0);
  CHECK(first.find("bootstrap_expect = 3") != std::string::npos);
  CHECK(first.find("gossip = '127.0.0.1:20001'") != std::string::npos);
  CHECK(first.find("join = ['127.0.0.1:20011', '127.0.0.1:20021'") != std::string::npos);
  for (const size_t index : {1, 3}) {
    const std::string other = node_toml(place, plan, index);
    CHECK(other.find("bootstrap_expect") == std::string::npos);
    CHECK(other.find("join = ['127.0.0.1:20001'") != std::string::npos);
  }
}

/// A home of its own for what is looked for there.
class Home {
 public:
  Home() { ::setenv("XDG_STATE_HOME", directory_.path().c_str(), 1); }

 private:
  io::TemporaryDirectory directory_;
};

TEST_CASE("a new cluster keeps out of the ports of one that rests") {
  const Home home;
  Plan plan;
  plan.grow(3);
  plan.founders = 3;
  const uint16_t before = plan.base_port;
  Plan other = plan;
  REQUIRE(choose_ports(plan, {other}));
  CHECK(plan.base_port >= before + 100);
}

TEST_CASE("a plan grows and never shrinks, and its ports stay") {
  const Home home;
  const Place place = place_named("test").value();
  UpOptions options;
  options.nodes = 2;
  const Result<Plan> less = planned(place, three(), options);
  REQUIRE_FALSE(less);
  CHECK(less.error().code == Code::shrink_refused);
  CHECK(less.error().message == "cluster has 3 nodes, 2 asked");
  options.nodes = 5;
  options.base_port = 21'000;
  CHECK(planned(place, three(), options).error().code == Code::usage);
}

TEST_CASE("clusters are found by name, and only where one was begun") {
  const Home home;
  CHECK(known_places().empty());
  const Place place = place_named("test").value();
  REQUIRE(make_directories(place.directory()));
  CHECK(known_places().empty());
  REQUIRE(save_plan(place, three()));
  REQUIRE(known_places().size() == 1);
  CHECK(known_places()[0].name() == "test");
  CHECK(load_plan(place).value() == three());
  CHECK_FALSE(place.runs().value());
  CHECK_FALSE(place_named("../x"));
  CHECK_FALSE(place_named("leader"));
}

}  // namespace
}  // namespace ledger::dev
