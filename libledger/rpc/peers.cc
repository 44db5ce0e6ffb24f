#include <cassert>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "rpc/address.h"
#include "rpc/convert.h"
#include "rpc/deadline.h"
#include "rpc/host.h"
#include "rpc/peer_link.h"
#include "rpc/peer_pull.h"
#include "rpc/process.h"

namespace ledger::rpc {
namespace {

class GrpcPeers final : public Peers {
 public:
  GrpcPeers(Options options, PeerNode& node)
      : shared_(std::make_shared<Link::Shared>(std::move(options), node)) {}
  ~GrpcPeers() override { stop(); }

  void set_members(std::vector<raft::Member> others) override {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    std::map<MemberId, std::shared_ptr<Link>> kept;
    for (raft::Member& member : others) {
      assert(member.id != shared_->options.self);
      std::shared_ptr<Link>& link = kept[member.id];
      const auto found = links_.find(member.id);
      link = found != links_.end() ? found->second : std::make_shared<Link>(shared_, member.id);
      link->set_member(std::move(member));
    }
    for (auto& [id, link] : links_) {
      if (kept.contains(id) || link->ended()) continue;
      link->set_member(std::nullopt);
      kept.emplace(id, link);  // It may come back before it has ended.
    }
    links_ = std::move(kept);
  }

  void wake(MemberId to) override {
    if (const std::shared_ptr<Link> link = find(to)) link->wake();
  }
  void send(MemberId to) override {
    if (const std::shared_ptr<Link> link = find(to)) link->wake_here();
  }

  void pull(MemberId from, const EntriesAsked& asked, Take take) override {
    if (!shared_->pending.enter()) return;
    const std::shared_ptr<Link> link = find(from);
    const std::optional<raft::Member> member = link ? link->member() : std::nullopt;
    const std::shared_ptr<Pending> pending(shared_, &shared_->pending);
    if (!member) {
      return on_grpc_thread([take = std::move(take), pending] {
        take(fail(Code::unreachable, "the member to pull from is none"), [](bool) {});
        pending->leave();
      });
    }
    auto call = std::make_shared<PullCall>(asked, std::move(take));
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(pulls_, [](const auto& other) { return other.expired(); });
      pulls_.push_back(call);
      if (stopped_) call->stop();
    }
    call->start(member->address, {shared_->options.cluster, shared_->options.self, from}, pending);
  }

  void stop() override {
    std::map<MemberId, std::shared_ptr<Link>> links;
    std::vector<std::weak_ptr<PullCall>> pulls;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      links.swap(links_);
      pulls.swap(pulls_);
    }
    for (const auto& [id, link] : links) link->stop();
    for (const std::weak_ptr<PullCall>& pull : pulls) {
      if (const std::shared_ptr<PullCall> call = pull.lock()) call->stop();
    }
    shared_->pending.close_and_wait();
  }

 private:
  std::shared_ptr<Link> find(MemberId id) const {
    const std::lock_guard lock(mutex_);
    const auto found = links_.find(id);
    return found != links_.end() ? found->second : nullptr;
  }

  const std::shared_ptr<Link::Shared> shared_;
  mutable std::mutex mutex_;
  std::map<MemberId, std::shared_ptr<Link>> links_;
  std::vector<std::weak_ptr<PullCall>> pulls_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Peers> Peers::start(Options options, PeerNode& node) {
  prepare_process();
  return std::make_unique<GrpcPeers>(std::move(options), node);
}

Result<Introduction> hello(const std::string& address, Duration patience) {
  prepare_process();
  const Address checked = TRY(parse_address(address));
  const auto stub = ::peer::v1::Peer::NewStub(peer_channel(checked.text()));
  grpc::ClientContext context;
  context.set_deadline(call_deadline(patience));
  ::peer::v1::HelloResponse response;
  const grpc::Status status = stub->Hello(&context, {}, &response);
  if (!status.ok()) {
    Error error = from_status(status).failure.error;
    error.message = address + ": " + error.message;
    return tl::unexpected(std::move(error));
  }
  Result<Introduction> introduction = from_message(response);
  if (introduction) return introduction;
  return fail(Code::protocol_mismatch, address + ": " + introduction.error().message,
              introduction.error().hint);
}

}  // namespace ledger::rpc
