#include "dev/requests.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledger::dev {
namespace {

using Kind = Request::Kind;

Error not_ready(const Member& member) {
  std::string why(name(member.life.state()));
  if (member.last_exit && !member.life.runs()) why += ": " + member.last_exit->exit.text();
  return {Code::not_ready, fmt::format("{} is not ready ({})", member.name, why),
          fmt::format("ledgerctl dev logs {}", member.name)};
}

}  // namespace

std::vector<int> Requests::descriptors() const {
  std::vector<int> all = {listener_.descriptor()};
  for (const One& one : all_) all.push_back(one.stream.descriptor());
  return all;
}

void Requests::take() {
  for (One& one : all_) {
    const bool open = one.stream.fill();
    if (!one.request) {
      if (const auto line = one.stream.take_line()) begin(one, *line);
    }
    one.over |= !open;
  }
  while (std::optional<io::LocalStream> stream = listener_.accept()) {
    all_.emplace_back(*std::move(stream));
  }
  std::erase_if(all_, [](const One& one) { return one.over; });
}

void Requests::begin(One& one, const std::string& line) {
  Result<Request> request = request_from_json(line);
  if (!request) return answer(one, tl::unexpected(request.error()));
  one.request = *std::move(request);
  if (one.request->patience > Duration(0)) one.deadline = clock_.now() + one.request->patience;
  if (const Result<void> acted = act(one); !acted) answer(one, acted);
}

Result<void> Requests::act(One& one) {
  const Request& request = *one.request;
  std::vector<std::string> names = request.nodes;
  switch (request.kind) {
    case Kind::down:
      hooks_.down();
      return {};
    case Kind::grow:
      TRY(fleet_.grow(request.count));
      for (const auto& member : fleet_.members()) names.push_back(member->name);
      break;
    case Kind::partition:
    case Kind::heal:
      return cut(one);
    default:
      break;
  }
  for (const std::string& name : names) {
    const Member* member = fleet_.find(name);
    if (!member) {
      return fail(Code::no_such_node, fmt::format("no node '{}'", name), "ledgerctl dev status");
    }
    if (request.kind == Kind::pause && !member->life.runs())
      return tl::unexpected(not_ready(*member));
  }
  for (const std::string& name : names) {
    Member& member = *fleet_.find(name);
    one.targets.push_back({name, member.starts, member.readies});
    TRY(act_on(request, member));
  }
  return {};
}

Result<void> Requests::act_on(const Request& request, Member& member) {
  switch (request.kind) {
    case Kind::start:
      fleet_.start(member);
      break;
    case Kind::stop:
      fleet_.stop(member);
      break;
    case Kind::restart:
      fleet_.restart(member);
      break;
    case Kind::kill:
      fleet_.kill(member, request.signal, request.again);
      break;
    case Kind::pause:
      fleet_.pause(member);
      break;
    case Kind::resume:
      fleet_.resume(member);
      break;
    default:
      break;
  }
  return {};
}

/// The cuts that are asked for, and no others.
Result<void> Requests::cut(One& one) {
  for (const auto& member : fleet_.members()) {
    if (one.request->kind == Kind::heal) fleet_.resume(*member);
    const auto found = one.request->cuts.find(member->name);
    const std::vector<std::string> lines =
        found == one.request->cuts.end() ? std::vector<std::string>() : found->second;
    if (lines == member->cuts) continue;
    if (member->life.state() == State::ready) {
      one.targets.push_back({member->name, member->starts, member->readies});
    }
    TRY(fleet_.cut(*member, lines));
  }
  return {};
}

// ---- The end of a request. ----

std::optional<Result<void>> Requests::outcome(const Request& request, const Target& target) {
  const Member& member = *fleet_.find(target.name);
  const Life& life = member.life;
  const bool down_for_good = life.state() == State::exited || life.state() == State::crash_loop;
  switch (request.kind) {
    case Kind::stop:
      if (member.child) return std::nullopt;
      if (!member.killed) return Result<void>();
      return fail(Code::unclean_stop, fmt::format("{} had to be killed after 10s", member.name),
                  fmt::format("see 'ledgerctl dev logs {}'", member.name));
    case Kind::kill:
      if (!request.again) return member.child ? std::nullopt : std::optional(Result<void>());
      [[fallthrough]];
    case Kind::restart:
      if (member.starts == target.starts && !down_for_good) return std::nullopt;
      [[fallthrough]];
    case Kind::grow:
    case Kind::start:
      if (down_for_good) return tl::unexpected(not_ready(member));
      // Whoever meanwhile wants it otherwise has his way.
      if (life.desired() != Desired::running) return Result<void>();
      return life.state() == State::ready ? std::optional(Result<void>()) : std::nullopt;
    case Kind::partition:
    case Kind::heal: {
      const bool heard = member.readies > target.readies || member.starts > target.starts;
      return heard || !life.runs() ? std::optional(Result<void>()) : std::nullopt;
    }
    default:
      return Result<void>();
  }
}

std::optional<Result<void>> Requests::outcome(const One& one) {
  if (one.request->kind == Kind::down) return std::nullopt;
  for (const Target& target : one.targets) {
    const std::optional<Result<void>> result = outcome(*one.request, target);
    if (!result || !*result) return result;
  }
  return Result<void>();
}

Error Requests::too_late(const One& one) {
  for (const Target& target : one.targets) {
    if (outcome(*one.request, target)) continue;
    Member& member = *fleet_.find(target.name);
    const bool wants_end = one.request->kind == Kind::stop || one.request->kind == Kind::kill;
    if (!wants_end) return not_ready(member);
    // A signal that does not end it changes nothing else either.
    if (one.request->kind == Kind::kill) member.life.want(Desired::running);
    return {Code::not_ready, fmt::format("{} still runs", member.name), "ledgerctl dev status"};
  }
  return {Code::timeout, "it took too long", "raise --timeout"};
}

void Requests::settle() {
  for (One& one : all_) {
    if (!one.request || one.over) continue;
    if (const std::optional<Result<void>> result = outcome(one)) {
      answer(one, *result);
    } else if (one.deadline && *one.deadline <= clock_.now()) {
      answer(one, tl::unexpected(too_late(one)));
    }
  }
  std::erase_if(all_, [](const One& one) { return one.over; });
}

std::optional<Instant> Requests::wake() const {
  std::optional<Instant> first;
  for (const One& one : all_) {
    if (one.deadline && (!first || *one.deadline < *first)) first = one.deadline;
  }
  return first;
}

void Requests::finish(const std::optional<Error>& error) {
  for (One& one : all_) {
    if (!one.request || one.over) continue;
    if (one.request->kind != Kind::down) {
      answer(one, fail(Code::cluster_stopped, "the cluster is stopping", "ledgerctl dev up -d"));
    } else if (error) {
      answer(one, tl::unexpected(*error));
    } else {
      answer(one, {});
    }
  }
  all_.clear();
}

void Requests::answer(One& one, const Result<void>& result) {
  Reply reply{.error = std::nullopt, .state = hooks_.state()};
  if (!result) reply.error = result.error();
  one.stream.send_line(to_json(reply));
  one.over = true;
}

}  // namespace ledger::dev
