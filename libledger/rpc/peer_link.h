// The one stream of messages to one other member: opened again whenever it breaks.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "peer/v1/peer.grpc.pb.h"
#include "rpc/peer_ports.h"
#include "rpc/pending.h"

namespace ledger::rpc {

/// A connection of its own to another member.
std::shared_ptr<grpc::Channel> peer_channel(const std::string& address);

/// While the stream is open, takes what waits in `PeerNode::outgoing`, writes it, and when that is
/// on its way takes again: one frame at a time, so what piles up meanwhile goes together, and a
/// member that does not read costs one frame and no thread. What was taken and not delivered when
/// the stream breaks is lost.
///
/// Threads: any.
class Link : public std::enable_shared_from_this<Link> {
 public:
  /// What all links of a node share.
  struct Shared {
    Shared(Peers::Options peers, PeerNode& ours) : options(std::move(peers)), node(ours) {}
    const Peers::Options options;
    PeerNode& node;
    std::atomic<bool> told_gone = false;
    Pending pending;
  };

  Link(std::shared_ptr<Shared> shared, MemberId to);
  ~Link();

  /// Who `to` is from now on. Nothing: no member any more; the link ends once what waits is sent,
  /// or at once where there is no stream.
  void set_member(std::optional<raft::Member> member);
  std::optional<raft::Member> member() const;

  /// Something waits. It is taken soon on one of gRPC's threads.
  void wake();
  /// The same, but the first of it is taken and written before this returns, unless a write is
  /// under way.
  void wake_here();

  /// No member any more, and nothing is done.
  bool ended() const;

  /// Ends at once. What is under way ends soon after and leaves `pending`.
  void stop();

 private:
  class Call;

  bool claim();
  void pump(size_t bytes_max);
  void connect();
  void next();
  void half_close();
  void let_go(Call& call);
  void read(Call& call, bool ok);
  void accepted(Call& call);
  void written(bool ok);
  void done(const grpc::Status& status);
  void tell_refusal(const raft::Member& member, const grpc::Status& status);

  const std::shared_ptr<Shared> shared_;
  const MemberId to_;

  mutable std::mutex mutex_;
  std::optional<raft::Member> member_;
  std::string address_;  ///< Where `channel_` leads.
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Call> call_;          ///< The stream, from its start until it is done.
  std::shared_ptr<grpc::Alarm> retry_;  ///< Rings when the next stream is to be tried.
  Duration backoff_;
  bool open_ = false;     ///< The other side has taken the stream, and nothing has ended it.
  bool sending_ = false;  ///< Somebody takes or writes. He alone uses `frames_` and `request_`.
  bool wanted_ = false;   ///< Something may wait that was not there when it was taken last.
  bool stopped_ = false;
  std::string told_;  ///< The refusal that was told last.

  std::deque<std::string> frames_;  ///< Taken, not yet written.
  ::peer::v1::MessagesRequest request_;
};

}  // namespace ledger::rpc
