#include "dev/state.h"

#include <doctest/doctest.h>

#include "dev/control.h"
#include "io/temporary_directory.h"

namespace ledger::dev {
namespace {

ClusterState sample() {
  ClusterState state;
  state.up = true;
  state.supervisor = {.pid = 12, .start_ticks = 34, .program = "/bin/ledgerctl"};
  state.boot = "b";
  state.socket = "/run/x.sock";
  NodeState node;
  node.name = "n1";
  node.rpc = "127.0.0.1:17400";
  node.state = State::crash_loop;
  node.desired = Desired::running;
  node.restarts = 4;
  node.started = Time{1'000'000'000};
  node.last_exit =
      NodeState::Ended{.exit = {.signal = 11, .core = true}, .at = Time{2'000'000'000}};
  node.partitioned_from = {"n2", "n3"};
  state.nodes.push_back(node);
  node.name = "n2";
  node.last_exit.reset();
  node.process = io::ProcessMark{.pid = 5, .start_ticks = 6, .program = "p"};
  state.nodes.push_back(node);
  return state;
}

TEST_CASE("a state comes back from its file as it was") {
  const std::optional<ClusterState> back = state_from_json(to_json(sample()));
  REQUIRE(back);
  CHECK(to_json(*back) == to_json(sample()));
  CHECK(back->nodes[0].last_exit->exit.core);
  CHECK(back->nodes[1].process->start_ticks == 6);
}

TEST_CASE("what is no state is none") {
  const std::string whole = to_json(sample());
  for (size_t end = 0; end < whole.size(); ++end) {
    CHECK_FALSE(state_from_json(whole.substr(0, end)));
  }
  std::string odd = whole;
  odd.replace(odd.find("crash-loop"), 10, "unheard-of");
  CHECK_FALSE(state_from_json(odd));
}

TEST_CASE("requests and replies come through the socket as they were") {
  Request request{.kind = Request::Kind::kill,
                  .nodes = {"n1", "n2"},
                  .signal = 9,
                  .again = true,
                  .patience = std::chrono::milliseconds(1500)};
  request.cuts["n1"] = {"n2"};
  const Result<Request> back = request_from_json(to_json(request));
  REQUIRE(back);
  CHECK(to_json(*back) == to_json(request));
  CHECK_FALSE(request_from_json("{\"do\":\"dance\"}"));
  CHECK_FALSE(request_from_json("x"));

  const Reply reply{.error = Error{Code::no_such_node, "no node 'x'", "look"}, .state = sample()};
  const std::optional<Reply> answered = reply_from_json(to_json(reply));
  REQUIRE(answered);
  CHECK(answered->error->code == Code::no_such_node);
  CHECK(to_json(answered->state) == to_json(sample()));
}

TEST_CASE("without a supervisor what was written last is only history") {
  const io::TemporaryDirectory home;
  const Place place("test", home.path());
  CHECK(see(place).error().code == Code::no_such_dev);
  Plan plan;
  plan.grow(2);
  plan.founders = 2;
  REQUIRE(save_plan(place, plan));
  REQUIRE(replace_file(place.state_path(), to_json(sample())));
  const Result<Seen> seen = see(place);
  REQUIRE(seen);
  CHECK_FALSE(seen->runs);
  CHECK(seen->state.nodes[0].state == State::stopped);
  CHECK(seen->state.nodes[0].last_exit->exit.signal == 11);
  CHECK_FALSE(seen->state.nodes[1].process);
  CHECK(ask(place, {}).error().code == Code::cluster_stopped);
}

}  // namespace
}  // namespace ledger::dev
