#include "cluster.h"

#include <fmt/format.h>

#include "book/detail_text.h"
#include "cli/json.h"

namespace ledger::cli {
namespace {

constexpr Duration valid_until_slack = std::chrono::seconds(5);

Checked<std::unique_ptr<rpc::Client>> connect(Context& context, const rpc::Patience& patience) {
  rpc::ClientOptions options;
  for (const Endpoint& endpoint : context.settings.endpoints) {
    options.endpoints.push_back(endpoint.text());
  }
  options.patience = patience;
  if (context.report.verbose(1)) {
    options.verbose = [&report = context.report](int level, const std::string& text) {
      report.debug(text, level);
    };
  }
  return TRY(rpc::Client::create(std::move(options)));
}

rpc::Patience patience(const Context& context, Deadline deadline) {
  using Kind = rpc::Patience::Kind;
  const std::optional<Duration> limit = context.settings.timeout(deadline);
  if (!limit) return {Kind::endless, Duration(0)};
  return {deadline == Deadline::streaming ? Kind::progress : Kind::whole, *limit};
}

std::string key_of(const Id& id) {
  return std::string(id.view());
}

}  // namespace

Checked<std::unique_ptr<rpc::Client>> connect(Context& context, Deadline deadline) {
  return connect(context, patience(context, deadline));
}

Checked<std::unique_ptr<rpc::Client>> connect_endless(Context& context) {
  return connect(context, rpc::Patience{rpc::Patience::Kind::endless, Duration(0)});
}

rpc::Deadline waiting(const Context& context) {
  return rpc::Deadline(patience(context, Deadline::waiting));
}

Failure with_tried(Error error, const rpc::Client& client) {
  Failure failure = std::move(error);
  if (failure.code != Code::unreachable && failure.code != Code::no_leader &&
      failure.code != Code::no_quorum) {
    return failure;
  }
  for (const rpc::Tried& tried : client.tried()) {
    failure.tried.push_back({tried.address, tried.result});
  }
  return failure;
}

Checked<ValidUntil> ValidUntil::ask(Context& context, rpc::Client& client, Deadline deadline) {
  ValidUntil until;
  const std::optional<Duration> timeout = context.settings.timeout(deadline);
  if (!timeout) return until;
  const rpc::NodeStatus leader = TRY(asked(client, client.leader()));
  const int64_t here = until.clock_.now().ns;
  until.ahead_ = Duration(leader.clock.ns - here) + *timeout + valid_until_slack;
  return until;
}

std::optional<Time> ValidUntil::now() {
  if (!ahead_) return std::nullopt;
  return Time{clock_.now().ns + ahead_->count()};
}

Id IdMaker::make() {
  std::array<uint8_t, 10> ten;
  if (used_ + ten.size() > chance_.size()) {
    random_.fill(chance_);
    used_ = 0;
  }
  std::copy_n(chance_.begin() + static_cast<std::ptrdiff_t>(used_), ten.size(), ten.begin());
  used_ += ten.size();
  return make_id(clock_.wall(), ten);
}

Checked<const Known*> ClusterNames::find(const Id& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_id_.find(key_of(id)); found != by_id_.end()) return found->second.get();
  auto answer = client_.account(id, freshness_);
  if (answer) return remember(answer->value.row);
  if (answer.error().code == Code::no_such_account) return nullptr;
  return tl::unexpected(with_tried(std::move(answer).error(), client_));
}

Checked<const Known*> ClusterNames::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const std::string key(name);
  if (const auto found = by_name_.find(key); found != by_name_.end()) return found->second;
  auto answer = client_.account(key, freshness_);
  if (answer) return remember(answer->value.row);
  if (answer.error().code == Code::no_such_account) return nullptr;
  return tl::unexpected(with_tried(std::move(answer).error(), client_));
}

Checked<const Known*> ClusterNames::add(const book::AccountRow& row) {
  const std::lock_guard lock(mutex_);
  return remember(row);
}

Checked<const Known*> ClusterNames::remember(const book::AccountRow& row) {
  const book::Account& account = row.account;
  const std::optional<unsigned> scale = TRY(scale_locked(account.asset));
  std::unique_ptr<Known>& known = by_id_[key_of(account.account)];
  if (!known) {
    known = std::make_unique<Known>(
        Known{account.account, account.name, account.asset, account.kind, scale.value_or(0)});
    by_name_[account.name] = known.get();
  }
  return known.get();
}

Checked<std::optional<unsigned>> ClusterNames::scale(const std::string& asset) {
  const std::lock_guard lock(mutex_);
  return scale_locked(asset);
}

Checked<std::optional<unsigned>> ClusterNames::scale_locked(const std::string& asset) {
  const auto known = scales_.find(asset);
  if (known != scales_.end()) return known->second;
  for (const book::AssetRow& row : TRY(asked(client_, client_.assets(freshness_))).value) {
    scales_[row.code] = row.scale;
  }
  const auto found = scales_.find(asset);
  if (found == scales_.end()) return std::nullopt;
  return found->second;
}

Checked<rpc::Freshness> read_freshness(const Context& context) {
  const std::optional<std::string> at_least = context.args.value("--at-least");
  const bool stale = context.args.has("--stale");
  if (at_least && stale) {
    return fail(Code::usage, "--at-least and --stale exclude each other", "keep one of them");
  }
  if (stale) return rpc::Freshness{.kind = rpc::Freshness::Kind::stale, .at_least = {}};
  if (!at_least) return rpc::Freshness{};
  return rpc::Freshness{.kind = rpc::Freshness::Kind::at_least,
                        .at_least = TRY(parse_offset("--at-least", *at_least))};
}

std::vector<Flag> with_read_flags(std::vector<Flag> flags) {
  flags.push_back(
      {"--at-least", "OFFSET", "a follower may answer once it has applied that record"});
  flags.push_back({"--stale", "", "any node may answer at once; the answer says as of when"});
  return flags;
}

Checked<Offset> place(rpc::Client& client, const rpc::Freshness& freshness,
                      const Position& position) {
  using Kind = Position::Kind;
  switch (position.kind) {
    case Kind::offset:
      return Offset(position.number);
    case Kind::start:
      return Offset(0);
    case Kind::time:
      return asked(client, client.find(position.time));
    case Kind::end:
    case Kind::before_end:
      break;
  }
  const Offset end = TRY(asked(client, client.end(freshness)));
  return end - std::min(end.value, position.number);
}

Failure request_failure(const book::RequestError& error) {
  return Error{error.code, error.message, "see ledger(7) for what may stand in a record"};
}

Checked<book::Decision> post_one(rpc::Client& client, rpc::Command command) {
  const Id id = command.id;
  const std::optional<Time> valid_until = command.valid_until;
  std::vector<rpc::Command> commands;
  commands.push_back(std::move(command));
  Result<rpc::Posted> posted = client.post(std::move(commands));
  if (!posted) {
    return tl::unexpected(
        with_retry(with_tried(std::move(posted).error(), client), id, valid_until));
  }
  if (posted->refused) return tl::unexpected(request_failure(posted->refused->error));
  return std::move(posted->decisions.at(0));
}

Failure refusal(const book::Decision& decision, Kind kind, Names& names) {
  const book::DetailStyle style = style_of(names, false);
  Failure failure = Error{Code::refused, sentence(decision.id, kind, decision.verdict, style), ""};
  failure.verdict = name(decision.verdict.code);
  failure.members = fmt::format(",\"offset\":{},\"detail\":{}", decision.offset.value,
                                detail_json(decision.verdict.code, decision.verdict.detail, style));
  return failure;
}

void note_duplicate(Context& context, Offset offset) {
  context.report.note(fmt::format("already recorded at offset {}", offset.value));
}

Failure with_retry(Failure failure, const Id& id, std::optional<Time> valid_until,
                   std::string hint) {
  if (failure.code != Code::unknown_outcome) return failure;
  failure.hint =
      hint.empty() ? fmt::format("repeat with --id {} (safe)", id.text()) : std::move(hint);
  std::string members = json::Object().add("id", id).add_if("valid_until_at", valid_until).text();
  failure.members += "," + members.substr(1, members.size() - 2);
  return failure;
}

}  // namespace ledger::cli
