#include "rpc/cluster_service.h"

#include <doctest/doctest.h>

#include "rpc/convert.h"
#include "rpc/convert_members.h"
#include "rpc/served.h"

using namespace ledger;
using namespace ledger::rpc;
namespace clusterv1 = ::cluster::v1;
using grpc::StatusCode;

namespace {

struct ClusterServed : Served {
  std::unique_ptr<clusterv1::Cluster::Stub> stub = clusterv1::Cluster::NewStub(channel);
  std::optional<Change> asked;

  explicit ClusterServed(bool attached = true) : Served(attached) {
    node.on_change([this](const Change& change) {
      asked = change;
      return Changed{
          {MemberId(3), raft::Standing::voter, "n3", "127.0.0.1:17420"}, "n1", Term(7), true};
    });
  }
  template <class Request>
  grpc::Status call(grpc::Status (clusterv1::Cluster::Stub::*method)(grpc::ClientContext*,
                                                                     const Request&,
                                                                     clusterv1::ChangeResponse*),
                    const Request& request, clusterv1::ChangeResponse* response = nullptr) {
    Context context;
    clusterv1::ChangeResponse unread;
    asked.reset();
    return (stub.get()->*method)(&context, request, response != nullptr ? response : &unread);
  }
};

using Stub = clusterv1::Cluster::Stub;

clusterv1::JoinRequest newcomer(const std::string& cluster) {
  clusterv1::JoinRequest request;
  request.set_cluster_id(cluster);
  request.set_member(9);
  request.set_name("n9");
  request.set_address("127.0.0.1:17490");
  return request;
}

}  // namespace

TEST_CASE("members are told as the node knows them") {
  ClusterServed served;
  Members members = members_of({{"n1", "127.0.0.1:17400"}, {"n2", "127.0.0.1:17410"}}, 2);
  members.all[1].member.standing = raft::Standing::standby;
  members.all[1].heard = Time{42};
  members.all[1].held = Index(41);
  members.end = Index(43);
  members.settled = true;
  served.node.set_members(members);
  Context context;
  clusterv1::MembersResponse response;
  REQUIRE(served.stub->Members(&context, {}, &response).ok());
  const Result<Members> told = from_message(response);
  REQUIRE(told);
  REQUIRE(told->all.size() == 2);
  CHECK(told->all[0].member == members.all[0].member);
  CHECK(told->all[1].member == members.all[1].member);
  CHECK(told->all[1].heard == Time{42});
  CHECK(told->all[1].held == Index(41));
  CHECK(told->term == Term(1));
  CHECK(told->leader == MemberId(2));
  CHECK(told->self == MemberId(1));
  CHECK(told->end == Index(43));
  CHECK(told->settled);
}

namespace {

/// A gossip that knows what the test says.
class MemoryGossip : public GossipPort {
 public:
  std::vector<GossipMember> all;
  std::vector<std::string> asked;
  Answer<Met> answer = Met{};

  std::shared_ptr<const std::vector<GossipMember>> members() const override {
    return std::make_shared<const std::vector<GossipMember>>(all);
  }
  uint64_t unreadable() const override { return 7; }
  void meet(std::vector<std::string> addresses, Reply<Met> reply) override {
    asked = std::move(addresses);
    reply(answer);
  }
};

}  // namespace

TEST_CASE("what gossip knows of members is told beside what consensus knows") {
  MemoryGossip gossip;
  using State = GossipMember::State;
  gossip.all = {{.name = "agent",
                 .address = "127.0.0.9:7946",
                 .state = State::failed,
                 .member = {},
                 .cluster = {},
                 .rpc_address = {},
                 .version = {}},
                {.name = "n1",
                 .address = "127.0.0.1:17401",
                 .state = State::alive,
                 .ledger = true,
                 .member = MemberId(1),
                 .cluster = "3f2a0c11-7a10-4c00-8000-4b5a5e9d1c0a",
                 .rpc_address = "127.0.0.1:17400",
                 .version = "1.2"}};
  ClusterServed served;
  served.node.set_members(members_of({{"n1", "127.0.0.1:17400"}}, 1));
  served.server->attach_gossip(gossip);
  Context context;
  clusterv1::MembersResponse response;
  REQUIRE(served.stub->Members(&context, {}, &response).ok());
  const Result<Members> told = from_message(response);
  REQUIRE(told);
  CHECK(told->gossip == gossip.all);
  CHECK(told->gossip_unreadable == 7);
}

TEST_CASE("a node is told whom to meet, and says who was new and who did not answer") {
  MemoryGossip gossip;
  gossip.answer = Met{{"n2", "n3"}, {{"127.0.0.1:3", "refused"}}};
  ClusterServed served(false);  // It may find its cluster so.
  served.server->attach_gossip(gossip);
  clusterv1::MeetRequest request;
  clusterv1::MeetResponse response;
  const auto call = [&] {
    Context context;
    return served.stub->Meet(&context, request, &response);
  };
  CHECK(call().error_code() == StatusCode::INVALID_ARGUMENT);  // Nobody.
  request.add_addresses("127.0.0.1:2");
  request.add_addresses("db1:3");
  REQUIRE(call().ok());
  CHECK(gossip.asked == std::vector<std::string>{"127.0.0.1:2", "db1:3"});
  const Met met = from_message(response);
  CHECK(met.fresh == std::vector<std::string>{"n2", "n3"});
  REQUIRE(met.unreached.size() == 1);
  CHECK(met.unreached[0].address == "127.0.0.1:3");
  CHECK(met.unreached[0].why == "refused");

  gossip.answer = tl::unexpected(Failure{{Code::peer_unreachable, "db1:3 does not answer gossip"}});
  CHECK_FALSE(call().ok());
  request.add_addresses("no port");
  CHECK(call().error_code() == StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a node that does not gossip can't be told to meet anybody") {
  ClusterServed served;
  Context context;
  clusterv1::MeetRequest request;
  request.add_addresses("127.0.0.1:2");
  clusterv1::MeetResponse response;
  const grpc::Status status = served.stub->Meet(&context, request, &response);
  CHECK(from_status(status).failure.error.code == Code::config_invalid);
}

TEST_CASE("each change reaches the node as it was asked for, and its answer comes back") {
  ClusterServed served;
  clusterv1::ChangeResponse response;
  clusterv1::LeaveRequest leave;
  leave.set_member(3);
  leave.set_force(true);
  REQUIRE(served.call(&Stub::Leave, leave, &response).ok());
  CHECK(served.asked->kind == Change::Kind::leave);
  CHECK(served.asked->member == MemberId(3));
  CHECK(served.asked->force);
  CHECK(response.subject().name() == "n3");
  CHECK(response.subject().standing() == clusterv1::VOTER);
  CHECK(response.before() == "n1");
  CHECK(response.term() == 7);
  CHECK(response.already());

  clusterv1::RemoveRequest remove;
  remove.set_name("n3");
  REQUIRE(served.call(&Stub::Remove, remove).ok());
  CHECK(served.asked->kind == Change::Kind::remove);
  CHECK(served.asked->name == "n3");
  CHECK_FALSE(served.asked->force);

  clusterv1::ReplaceRequest replace;
  replace.set_member(4);
  replace.set_old("n3");
  REQUIRE(served.call(&Stub::Replace, replace).ok());
  CHECK(served.asked->kind == Change::Kind::replace);
  CHECK(served.asked->member == MemberId(4));
  CHECK(served.asked->name == "n3");

  clusterv1::TransferRequest transfer;
  REQUIRE(served.call(&Stub::Transfer, transfer).ok());
  CHECK(served.asked->kind == Change::Kind::transfer);
  CHECK(served.asked->name.empty());

  REQUIRE(served.call(&Stub::Join, newcomer("")).ok());
  CHECK(served.asked->kind == Change::Kind::add);
  CHECK(served.asked->member == MemberId(9));
  CHECK(served.asked->name == "n9");
  CHECK(served.asked->address == "127.0.0.1:17490");
}

TEST_CASE("a request that can't be meant never reaches the node") {
  ClusterServed served;
  const auto refused = [&](const grpc::Status& status) {
    return status.error_code() == StatusCode::INVALID_ARGUMENT && !served.asked &&
           from_status(status).failure.error.code == Code::invalid_value;
  };
  CHECK(refused(served.call(&Stub::Leave, clusterv1::LeaveRequest())));
  CHECK(refused(served.call(&Stub::Remove, clusterv1::RemoveRequest())));
  clusterv1::ReplaceRequest replace;
  replace.set_old("n3");
  CHECK(refused(served.call(&Stub::Replace, replace)));
  clusterv1::TransferRequest transfer;
  transfer.set_name(std::string(1000, 'n'));
  CHECK(refused(served.call(&Stub::Transfer, transfer)));

  CHECK(refused(served.call(&Stub::Join, newcomer("short"))));
  clusterv1::JoinRequest join = newcomer("");
  join.set_member(0);
  CHECK(refused(served.call(&Stub::Join, join)));
  join = newcomer("");
  join.set_name("../n9");
  CHECK(refused(served.call(&Stub::Join, join)));
  join = newcomer("");
  join.set_address("somewhere");
  CHECK(refused(served.call(&Stub::Join, join)));
}

TEST_CASE("a newcomer of another cluster is refused, one of none or of this one is not") {
  ClusterServed served;
  CHECK(served.call(&Stub::Join, newcomer(std::string(16, '\0'))).ok());
  CHECK(served.call(&Stub::Join, newcomer(std::string(Id{{1, 2, 3}}.view()))).ok());
  const grpc::Status other = served.call(&Stub::Join, newcomer(std::string(16, 'x')));
  CHECK(other.error_code() == StatusCode::FAILED_PRECONDITION);
  const Error error = from_status(other).failure.error;
  CHECK(error.code == Code::cluster_id_mismatch);
  CHECK(error.message ==
        "data directory belongs to cluster 78787878-7878-7878-7878-787878787878, "
        "n1 to 01020300-0000-0000-0000-000000000000");
  CHECK_FALSE(served.asked);
}

TEST_CASE("a follower names the leader, a guard its arithmetic") {
  ClusterServed served;
  std::optional<Failure> failure =
      Failure{{Code::no_leader, "n1 is not the leader", "ask it"}, "127.0.0.1:17410"};
  served.node.on_change([&](const Change&) { return tl::unexpected(*failure); });
  grpc::Status status = served.call(&Stub::Transfer, clusterv1::TransferRequest());
  CHECK(status.error_code() == StatusCode::FAILED_PRECONDITION);
  CHECK(from_status(status).failure.leader == "127.0.0.1:17410");
  failure = Failure{{Code::quorum_guard, "1 of 2 voters would be left", "no"}, {}};
  status = served.call(&Stub::Transfer, clusterv1::TransferRequest());
  CHECK(status.error_code() == StatusCode::FAILED_PRECONDITION);
  CHECK(from_status(status).failure.error.code == Code::quorum_guard);
  failure = Failure{{Code::no_such_member, "no member 'n7'", "list"}, {}};
  status = served.call(&Stub::Transfer, clusterv1::TransferRequest());
  CHECK(status.error_code() == StatusCode::NOT_FOUND);
}

TEST_CASE("a change that takes its time is given up by who asked, and by a server that stops") {
  ClusterServed served;
  served.node.on_change([](const Change&) { return std::nullopt; });
  grpc::ClientContext given_up;
  clusterv1::ChangeResponse response;
  std::thread asking([&] {
    const grpc::Status status = served.stub->Transfer(&given_up, {}, &response);
    CHECK(status.error_code() == StatusCode::CANCELLED);
  });
  while (served.node.waiting_changes() == 0) std::this_thread::yield();
  given_up.TryCancel();
  asking.join();
  served.node.answer_changes(Changed());  // Too late: nobody is there to hear it.

  std::thread waiting([&] {
    const grpc::Status status = served.call(&Stub::Transfer, clusterv1::TransferRequest());
    CHECK(from_status(status).failure.error.code == Code::busy);
  });
  while (served.node.waiting_changes() == 0) std::this_thread::yield();
  served.server->stop(std::chrono::seconds(60));
  waiting.join();
  served.node.answer_changes(Changed());
}
