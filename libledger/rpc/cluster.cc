#include "rpc/cluster.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>

#include "cluster/v1/cluster.grpc.pb.h"
#include "log/v1/log.grpc.pb.h"
#include "rpc/address.h"
#include "rpc/channel.h"
#include "rpc/convert_members.h"
#include "rpc/limits.h"
#include "rpc/process.h"

namespace ledger::rpc {
namespace {

namespace clusterv1 = ::cluster::v1;
namespace logv1 = ::logpb::v1;
using std::chrono::milliseconds;

/// A node that has not answered by then is left aside for this round.
constexpr Duration survey_limit = milliseconds(1000);
/// Once a leader has answered, how long the others may take to say that they know a newer one.
constexpr Duration survey_grace = milliseconds(50);
/// Once a leader was named, how long it may take to answer itself.
constexpr Duration survey_named = milliseconds(300);

grpc::ChannelArguments client_arguments() {
  grpc::ChannelArguments arguments = channel_arguments();
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_time_ms);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_timeout_ms);
  arguments.SetMaxReceiveMessageSize(response_bytes_max);
  arguments.SetMaxSendMessageSize(request_bytes_max);
  return arguments;
}

std::string role_text(const NodeStatus& status) {
  return status.role + ", term " + std::to_string(status.term.value);
}

/// A node that is further behind the others than this, in records, is no good reader.
constexpr uint64_t reader_lag_max = 1000;

/// Of those that answered, which are some: not the leader, which has enough to do, unless nobody
/// else has the log.
const Found& best_reader(const std::vector<Found>& found) {
  Offset committed;
  for (const Found& one : found) committed = std::max(committed, one.status.committed);
  const auto follows = [&](const Found& one) {
    return one.status.role != "leader" && committed - one.status.applied <= reader_lag_max;
  };
  const auto follower = std::ranges::find_if(found, follows);
  if (follower != found.end()) return *follower;
  return *std::ranges::max_element(found, {},
                                   [](const Found& one) { return one.status.committed; });
}

/// Of those that answered, which are some, the one whose log goes furthest.
const Found& best_informed(const std::vector<Found>& found) {
  return *std::ranges::max_element(
      found, {}, [](const Found& one) { return std::pair(one.status.term, one.status.committed); });
}

}  // namespace

bool may_retry(Code code) {
  return exit_code(code) == 69 || code == Code::unknown_outcome;
}

Cluster::Cluster(ClientOptions options)
    : options_(std::move(options)), deadline_(options_.patience) {
  prepare_process();
}

void Cluster::say(int level, const std::string& text) const {
  if (options_.verbose) options_.verbose(level, text);
}

std::vector<Tried> Cluster::tried() const {
  const std::lock_guard lock(mutex_);
  return tried_;
}

void Cluster::reached() {
  const std::lock_guard lock(mutex_);
  reached_ = true;
}

bool Cluster::was_reached() const {
  const std::lock_guard lock(mutex_);
  return reached_;
}

std::shared_ptr<grpc::Channel> Cluster::channel(const std::string& address) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<grpc::Channel>& channel = channels_[address];
  if (!channel) {
    channel =
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), client_arguments());
    keep_callback_threads();
  }
  return channel;
}

std::vector<std::string> Cluster::addresses() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all = options_.endpoints;
  for (const std::string& address : learned_) {
    if (std::ranges::find(all, address) == all.end()) all.push_back(address);
  }
  return all;
}

// ---- Asking everybody. ----

struct Cluster::Probe {
  std::string address;
  std::unique_ptr<logv1::Log::Stub> stub;
  grpc::ClientContext context;
  logv1::StatusRequest request;
  logv1::StatusResponse response;
  std::optional<grpc::Status> status;

  tl::expected<NodeStatus, Failed> answer() const {
    if (!status->ok()) return tl::unexpected(from_status(*status));
    Result<NodeStatus> said = from_message(response);
    if (!said) return tl::unexpected(Failed{{std::move(said).error(), {}}, true, {}});
    return *std::move(said);
  }
};

/// Shared by the one who waits and the calls that are under way.
struct Cluster::Survey {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::unique_ptr<Probe>> probes;
  size_t pending = 0;
  bool leader = false;  ///< Has answered.
  bool named = false;   ///< Was named by another.
};

std::shared_ptr<Cluster::Survey> Cluster::begin_survey(const std::vector<std::string>& addresses,
                                                       Duration limit) {
  const auto survey = std::make_shared<Survey>();
  for (const std::string& address : addresses) {
    auto probe = std::make_unique<Probe>();
    probe->address = address;
    probe->stub = logv1::Log::NewStub(channel(address));
    probe->context.set_deadline(call_deadline(limit));
    survey->probes.push_back(std::move(probe));
  }
  survey->pending = survey->probes.size();
  for (const std::unique_ptr<Probe>& each : survey->probes) {
    Probe* probe = each.get();
    const auto answered = [survey, probe](grpc::Status status) {
      const std::lock_guard lock(survey->mutex);
      const logv1::StatusResponse& response = probe->response;
      survey->leader |= status.ok() && response.role() == "leader";
      survey->named |= status.ok() && !response.leader().empty();
      probe->status = std::move(status);
      --survey->pending;
      survey->changed.notify_all();
    };
    probe->stub->async()->Status(&probe->context, &probe->request, &probe->response, answered);
  }
  return survey;
}

std::vector<Found> Cluster::survey(Duration limit) {
  const std::shared_ptr<Survey> survey = begin_survey(addresses(), limit);
  std::unique_lock lock(survey->mutex);
  const auto all = [&] { return survey->pending == 0; };
  const auto led = [&] { return all() || survey->leader; };
  survey->changed.wait(lock, [&] { return led() || survey->named; });
  survey->changed.wait_for(lock, survey_named, led);
  survey->changed.wait_for(lock, survey_grace, all);
  if (survey->pending > 0) {
    // Cancelling ends a call at once, and may say so from within.
    lock.unlock();
    for (const std::unique_ptr<Probe>& probe : survey->probes) probe->context.TryCancel();
    lock.lock();
    survey->changed.wait(lock, all);
  }

  std::vector<Found> found;
  {
    const std::lock_guard own(mutex_);
    tried_.clear();
  }
  for (const std::unique_ptr<Probe>& probe : survey->probes) {
    tl::expected<NodeStatus, Failed> answer = probe->answer();
    if (!answer) say(2, probe->address + ": " + probe->status->error_message());
    add_tried(probe->address, answer);
    if (answer) found.push_back({probe->address, *std::move(answer)});
  }
  return found;
}

std::vector<Result<NodeStatus>> Cluster::statuses_of(const std::vector<std::string>& addresses,
                                                     Duration limit) {
  const std::shared_ptr<Survey> survey = begin_survey(addresses, limit);
  std::unique_lock lock(survey->mutex);
  survey->changed.wait(lock, [&] { return survey->pending == 0; });
  std::vector<Result<NodeStatus>> statuses;
  for (const std::unique_ptr<Probe>& probe : survey->probes) {
    tl::expected<NodeStatus, Failed> answer = probe->answer();
    if (answer) {
      statuses.emplace_back(*std::move(answer));
      continue;
    }
    Error error = explain_once(std::move(answer).error(), probe->address);
    if (error.code == Code::timeout) {
      error.message = probe->address + " did not answer within " + duration_text(limit);
    }
    statuses.emplace_back(tl::unexpect, std::move(error));
  }
  return statuses;
}

void Cluster::add_tried(const std::string& address,
                        const tl::expected<NodeStatus, Failed>& answer) {
  Tried tried{.name = {}, .address = address, .ok = answer.has_value(), .result = {}};
  if (answer) {
    tried.name = answer->node;
    tried.result = role_text(*answer);
  } else if (!answer.error().ours) {
    const Error& error = answer.error().failure.error;
    const bool silent = error.code == Code::unreachable || error.code == Code::timeout;
    const Result<Address> parsed = parse_address(address);
    tried.result = !silent ? error.message : parsed ? why_unreachable(*parsed) : "not an address";
  } else {
    tried.result = answer.error().failure.error.message;
  }
  const std::lock_guard lock(mutex_);
  // A node that starts refuses, but it is there and will answer.
  reached_ = reached_ || tried.ok || answer.error().ours;
  tried_.push_back(std::move(tried));
}

std::optional<Found> Cluster::best_leader(const std::vector<Found>& found) const {
  std::optional<Found> best;
  for (const Found& one : found) {
    // An old leader that does not know yet that it is none has a lower term.
    if (one.status.role == "leader" && (!best || one.status.term > best->status.term)) best = one;
  }
  return best;
}

void Cluster::learn_members(const std::string& address) {
  grpc::ClientContext context;
  context.set_deadline(call_deadline(std::min(survey_limit, deadline_.left())));
  clusterv1::MembersResponse response;
  if (!clusterv1::Cluster::NewStub(channel(address))->Members(&context, {}, &response).ok()) return;
  const Result<Members> members = from_message(response);
  if (!members || members->all.empty()) return;
  const std::lock_guard lock(mutex_);
  members_.clear();
  for (const Members::One& one : members->all) {
    members_.push_back(one.member);
    learn(one.member.address);
  }
}

void Cluster::learn(const std::string& address) {
  if (!address.empty() && std::ranges::find(learned_, address) == learned_.end()) {
    learned_.push_back(address);
  }
}

// ---- The leader. ----

Result<Found> Cluster::leader() {
  {
    const std::lock_guard lock(mutex_);
    if (leader_) return *leader_;
  }
  const Found found = TRY(find(Wanted::leader));
  say(1, "the leader is " + found.status.node + " at " + found.address);
  learn_members(found.address);
  const std::lock_guard lock(mutex_);
  leader_ = found;
  return found;
}

Result<Found> Cluster::anyone() {
  return find(Wanted::anyone);
}

Result<Found> Cluster::find(Wanted wanted) {
  Backoff backoff;
  while (true) {
    const size_t known = addresses().size();
    const std::vector<Found> found = survey(std::min(survey_limit, deadline_.left()));
    if (std::optional<Found> best = best_leader(found)) return *std::move(best);
    for (const Found& one : found) {
      const std::lock_guard lock(mutex_);
      learn(one.status.leader);
    }
    if (!found.empty()) learn_members(best_informed(found).address);
    if (addresses().size() > known) continue;  // Somebody new to ask.
    if (wanted == Wanted::anyone && !found.empty()) return best_informed(found);
    if (found.empty() && !was_reached() && !deadline_.endless()) {
      if (!somebody_is_silent()) return tl::unexpected(unreachable());
    }
    say(1, found.empty() ? "nobody answers yet" : "no leader yet");
    if (!backoff.pause(deadline_)) {
      return tl::unexpected(found.empty() ? unreachable() : no_leader(found));
    }
  }
}

bool Cluster::is_superseded(const Found& leader) {
  const std::optional<Found> best = best_leader(survey(std::min(survey_limit, deadline_.left())));
  return best && best->status.term > leader.status.term && best->status.node != leader.status.node;
}

/// Refused is an answer; only who does not answer at all, paused or on a busy machine, is waited
/// for.
bool Cluster::somebody_is_silent() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(tried_, [](const Tried& one) { return one.result == "no answer"; });
}

void Cluster::lost_leader(const std::string& instead) {
  const std::lock_guard lock(mutex_);
  leader_.reset();
  learn(instead);
}

Error Cluster::no_leader(const std::vector<Found>& found) const {
  const std::lock_guard lock(mutex_);
  size_t voters = 0;
  size_t answered = 0;
  std::string missing;
  for (const raft::Member& member : members_) {
    if (member.standing != raft::Standing::voter) continue;
    ++voters;
    const bool answers = std::ranges::any_of(
        found, [&](const Found& one) { return one.status.node == member.name; });
    if (answers) {
      ++answered;
    } else {
      missing += (missing.empty() ? "start " : " or ") + member.name;
    }
  }
  if (voters == 0) voters = answered = found.size();
  const size_t needed = voters / 2 + 1;
  const std::string reachable =
      std::to_string(answered) + " of " + std::to_string(voters) + " members reachable";
  if (answered < needed) {
    return {Code::no_quorum,
            "no leader: " + reachable + ", " + std::to_string(needed) + " needed for quorum",
            missing};
  }
  Term term;
  for (const Found& one : found) term = std::max(term, one.status.term);
  return {Code::no_leader,
          "no leader elected within " + duration_text(deadline_.limit()) + " (term " +
              std::to_string(term.value) + ", " + reachable + ")",
          "raise --timeout; see `ledgerctl member list`"};
}

// ---- Reads. ----

Result<std::string> Cluster::reader() {
  {
    const std::lock_guard lock(mutex_);
    if (!reader_.empty()) return reader_;
    if (options_.endpoints.size() == 1 && !reader_lost_)
      return reader_ = options_.endpoints.front();
  }
  Backoff backoff;
  while (true) {
    const std::vector<Found> found = survey(std::min(survey_limit, deadline_.left()));
    if (!found.empty()) {
      const Found& best = best_reader(found);
      say(1, "reading from " + best.status.node + " at " + best.address);
      const std::lock_guard lock(mutex_);
      return reader_ = best.address;
    }
    if (!was_reached() && !deadline_.endless()) return tl::unexpected(unreachable());
    if (!backoff.pause(deadline_)) return tl::unexpected(unreachable());
  }
}

bool Cluster::has_choice() const {
  return addresses().size() > 1;
}

bool Cluster::serves(const std::string& address) {
  grpc::ClientContext context;
  context.set_deadline(call_deadline(std::min(survey_limit, deadline_.left())));
  logv1::StatusResponse response;
  const grpc::Status status =
      logv1::Log::NewStub(channel(address))->Status(&context, {}, &response);
  return status.ok() && !response.leader().empty();
}

Result<void> Cluster::retry_read(Failed failed, const std::string& address, Backoff& backoff) {
  const Code code = failed.failure.error.code;
  if (code == Code::unreachable) {
    {
      const std::lock_guard lock(mutex_);
      tried_.clear();
    }
    add_tried(address, tl::unexpected(failed));
  }
  Error error = explain(std::move(failed), address);
  if (code == Code::unreachable) {
    error = unreachable();
    if (!was_reached() && !deadline_.endless() && !somebody_is_silent()) {
      return tl::unexpected(std::move(error));
    }
  }
  if (!may_retry(code)) return tl::unexpected(std::move(error));
  // At the deadline what was said before is worth more than the silence since.
  if (code == Code::timeout && backoff.last) error = *backoff.last;
  say(1, error.message + ": trying again");
  if (has_choice()) {
    const std::lock_guard lock(mutex_);
    reader_.clear();
    reader_lost_ = true;
  }
  backoff.last = error;
  if (!backoff.pause(deadline_)) return tl::unexpected(std::move(error));
  return {};
}

// ---- Errors. ----

Error Cluster::unreachable() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const Tried& one : tried_) {
    all += (all.empty() ? "" : ", ") + one.address + " (" + one.result + ")";
  }
  return {Code::unreachable, "cannot reach any of " + all,
          "is a node running? 'ledgerctl dev up -d' or -e HOST:PORT"};
}

Error Cluster::explain(Failed failed, const std::string& address) const {
  if (!failed.grpc_text.empty()) say(2, address + ": " + failed.grpc_text);
  Error error = std::move(failed.failure.error);
  if (failed.ours) return error;
  if (error.code == Code::timeout) {
    error.message = address + " did not answer within " + duration_text(deadline_.limit());
    error.hint = "raise --timeout, or ask another node with -e";
  } else {
    error.message = address + ": " + error.message;
    error.hint = "is it a ledgerctl node, and of this version?";
  }
  return error;
}

Error Cluster::explain_once(Failed failed, const std::string& address) const {
  const bool ours = failed.ours;
  Error error = explain(std::move(failed), address);
  if (!ours && error.code == Code::unreachable) {
    const Result<Address> parsed = parse_address(address);
    error.message = address + " " + (parsed ? why_unreachable(*parsed) : "is not an address");
    error.hint = "is a node running there?";
  }
  return error;
}

}  // namespace ledger::rpc
