#include "serf/node.h"

#include <algorithm>

#include "serf/wire/packet.h"
#include "serf/wire/try.h"

namespace serf {
namespace {

/// What still fits into a packet of gossip with every layer around it.
constexpr size_t event_bytes_limit = wire::packet_budget - 64;
/// The same conflict is told again only after this.
constexpr Duration conflict_quiet = seconds(10);

std::string user(std::string message) {
  return wire::octet(wire::Type::user) + message;
}

bool is_name(View name) {
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-';
  });
}

}  // namespace

Result<std::unique_ptr<Node>> Node::make(Config config, wire::Nonces& nonces) {
  if (!is_name(config.name)) {
    return fail(Code::invalid, "name " + config.name + ": 1 to 128 of A-Z a-z 0-9 . - are allowed");
  }
  if (!config.address.valid() || config.address.port == 0) {
    return fail(Code::invalid, "address " + format(config.address) + ": nobody could reach it");
  }
  if (config.label.size() > 255) return fail(Code::invalid, "label: longer than 255 bytes");
  std::string meta = SERF_TRY(wire::encode_tags(config.tags));
  return std::unique_ptr<Node>(new Node(std::move(config), std::move(meta), nonces));
}

Node::Node(Config config, std::string meta, wire::Nonces& nonces)
    : shared_(std::move(config), nonces),
      meta_(std::move(meta)),
      memberlist_(shared_, *this),
      members_(shared_),
      events_(shared_.config.limits.events_per_time_max),
      queries_(shared_, members_, memberlist_),
      leaving_(shared_, members_, memberlist_),
      coalescer_(shared_.config.coalesce_members, shared_.config.coalesce_events,
                 shared_.config.limits) {}

Effects Node::start(Instant now) {
  Out out;
  if (shared_.ring.empty()) out.warn("no key: whoever reaches this port can change the membership");
  next_reap_ = now + shared_.profile().reap_interval;
  next_reconnect_ = now + shared_.profile().reconnect_interval;
  memberlist_.start(now, meta_, out);
  return finish(now, std::move(out));
}

Effects Node::step(Instant now, Event event) {
  Out out;
  if (stopped_) return {};
  std::visit([&](auto&& one) { take(now, std::move(one), out); }, std::move(event));
  return finish(now, std::move(out));
}

Effects Node::finish(Instant now, Out out) {
  while (!out.upcalls.empty()) {
    std::vector<Upcall> upcalls = std::exchange(out.upcalls, {});
    for (Upcall& upcall : upcalls) {
      std::visit([&](auto&& one) { hear(now, std::move(one), out); }, std::move(upcall));
    }
  }
  coalescer_.pass(now, stopped_, out.effects.notices);
  out.effects.wake = wake();
  return std::move(out.effects);
}

Instant Node::wake() const {
  if (stopped_) return never;
  return std::min({memberlist_.wake(), queries_.wake(), leaving_.wake(), coalescer_.wake(),
                   next_reap_, next_reconnect_, admission_deadline_});
}

std::string Node::local_state(bool /*join*/) const {
  wire::SerfState state;
  members_.describe(state);
  state.event_ltime = events_.clock().time();
  state.events = events_.recent();
  state.query_ltime = queries_.clock().time();
  return encode(state);
}

std::string Node::ack_payload() const {
  return shared_.config.coordinates ? encode(to_message(vivaldi_.here())) : std::string();
}

std::optional<Duration> Node::round_trip(const std::string& name) const {
  auto there = coordinates_.find(name);
  if (there == coordinates_.end()) return std::nullopt;
  return Duration{static_cast<int64_t>(distance(vivaldi_.here(), there->second) * 1e6)};
}

bool Node::suspects(const std::string& name) const {
  const Entry* entry = memberlist_.roster().find(name);
  return entry != nullptr && entry->state == wire::NodeState::suspect;
}

void Node::stop(bool left, std::string reason, Out& out) {
  stopped_ = true;
  out.effects.notices.emplace_back(Stopped{left, std::move(reason)});
}

// ---- Events and commands

void Node::take(Instant now, Wake&& /*event*/, Out& out) {
  memberlist_.tick(now, out);
  queries_.tick(now, out);
  if (auto kept = queries_.take_verdict()) {
    if (!*kept) return stop(false, "the cluster gives our name to another address", out);
    out.info("the cluster confirms our name");
  }
  if (now >= next_reap_) {
    next_reap_ = now + shared_.profile().reap_interval;
    members_.reap(now, out);
  }
  if (now >= next_reconnect_) {
    next_reconnect_ = now + shared_.profile().reconnect_interval;
    const Member* failed = leaving_.active() ? nullptr : members_.pick_failed();
    if (failed != nullptr) memberlist_.join(now, failed->address, std::nullopt, out);
  }
  if (now >= admission_deadline_) {
    admission_deadline_ = never;
    out.effects.notices.emplace_back(NotAdmitted{});
  }
  if (leaving_.active() && leaving_.tick(now, out)) stop(true, "left", out);
}

void Node::take(Instant now, PacketReceived&& event, Out& out) {
  memberlist_.packet(now, event.from, event.bytes, out);
}

void Node::take(Instant now, StreamAccepted&& event, Out& out) {
  memberlist_.stream_accepted(now, event.id, out);
}

void Node::take(Instant now, StreamReceived&& event, Out& out) {
  memberlist_.stream_received(now, event.id, event.bytes, out);
}

void Node::take(Instant /*now*/, StreamClosed&& event, Out& out) {
  memberlist_.stream_closed(event.id, event.why, out);
}

void Node::take(Instant now, Join&& command, Out& out) {
  if (command.addresses.empty() || leaving_.active()) {
    out.effects.notices.emplace_back(
        JoinDone{command.token, 0, {leaving_.active() ? "leaving" : "no address given"}});
    return;
  }
  const Token number = ++last_join_;
  joins_[number] = {command.addresses.size(), {command.token, 0, {}}};
  for (const Address& address : command.addresses) memberlist_.join(now, address, number, out);
}

void Node::take(Instant now, Leave&& /*command*/, Out& out) {
  leaving_.begin(now, out);
  if (leaving_.active() && leaving_.tick(now, out)) stop(true, "left", out);
}

void Node::take(Instant /*now*/, SetTags&& command, Out& out) {
  Result<std::string> meta = wire::encode_tags(command.tags);
  if (!meta) {
    out.effects.notices.emplace_back(Refused{meta.error()});
    return;
  }
  shared_.config.tags = std::move(command.tags);
  memberlist_.roster().set_meta(*std::move(meta), out);
}

void Node::take(Instant /*now*/, SendUserEvent&& command, Out& out) {
  const wire::UserEvent event{events_.clock().time(), command.name, wire::Blob(command.payload),
                              command.coalesce};
  const size_t size = encode(event).size();
  if (size > std::min(shared_.config.event_bytes_max, event_bytes_limit)) {
    const std::string what = "user event " + command.name + ": " + std::to_string(size) + " bytes";
    out.effects.notices.emplace_back(Refused{Error{Code::invalid, what + " encoded, too many"}});
    return;
  }
  events_.clock().stamp();
  user_event(event, true, out);
}

void Node::take(Instant now, SendQuery&& command, Out& out) {
  const Result<void> asked = queries_.ask(now, command, out);
  if (!asked) out.effects.notices.emplace_back(Refused{asked.error()});
}

void Node::take(Instant /*now*/, Respond&& command, Out& out) {
  const Result<void> answered = queries_.respond(command, out);
  if (!answered) out.effects.notices.emplace_back(Refused{answered.error()});
}

void Node::take(Instant now, ForceLeave&& command, Out& out) {
  if (members_.find(command.node) == nullptr) {
    out.effects.notices.emplace_back(
        Refused{Error{Code::invalid, "member " + command.node + ": not known"}});
    return;
  }
  leave_intent(now, {members_.clock().stamp(), command.node, command.prune}, true, out);
}

void Node::take(Instant now, ChangeKeys&& command, Out& out) {
  const Result<void> asked = queries_.change_keys(now, command, out);
  if (!asked) out.effects.notices.emplace_back(Refused{asked.error()});
}

// ---- What memberlist tells

void Node::hear(Instant /*now*/, NodeJoined&& upcall, Out& out) {
  members_.joined(upcall, out);
}

void Node::hear(Instant /*now*/, NodeUpdated&& upcall, Out& out) {
  members_.updated(upcall, out);
}

void Node::hear(Instant now, NodeLeft&& upcall, Out& out) {
  members_.left(now, upcall.name, out);
  coordinates_.erase(upcall.name);
  vivaldi_.forget(upcall.name);
}

void Node::hear(Instant now, NodeConflict&& upcall, Out& out) {
  const NameConflict conflict{upcall.name, upcall.kept, upcall.claimed};
  const bool told = last_conflict_ && last_conflict_->name == conflict.name &&
                    last_conflict_->claimed == conflict.claimed &&
                    now - last_conflict_at_ < conflict_quiet;
  if (!told) {
    out.warn("name " + conflict.name + " is used at " + format(conflict.kept) + " and claimed by " +
             format(conflict.claimed));
    out.effects.notices.emplace_back(conflict);
    last_conflict_ = conflict;
    last_conflict_at_ = now;
  }
  if (conflict.name == shared_.config.name) queries_.ask_conflict(now, out);
}

void Node::hear(Instant now, UserMessage&& upcall, Out& out) {
  if (upcall.body.empty()) return;
  const View body = View(upcall.body).substr(1);
  bool valid = true;
  const auto with = [&]<class Message>(Result<Message> decoded, auto&& act) {
    valid = decoded.has_value();
    if (valid) act(*decoded);
  };
  switch (static_cast<wire::SerfType>(upcall.body[0])) {
    case wire::SerfType::leave:
      with(wire::decode<wire::LeaveIntent>(body),
           [&](auto& m) { leave_intent(now, m, true, out); });
      break;
    case wire::SerfType::join:
      with(wire::decode<wire::JoinIntent>(body), [&](auto& m) { join_intent(now, m, true, out); });
      break;
    case wire::SerfType::user_event:
      with(wire::decode<wire::UserEvent>(body), [&](auto& m) { user_event(m, true, out); });
      break;
    case wire::SerfType::query:
      with(wire::decode<wire::Query>(body), [&](auto& m) { queries_.receive(now, m, out); });
      break;
    case wire::SerfType::query_response:
      with(wire::decode<wire::QueryResponse>(body),
           [&](auto& m) { queries_.receive_response(m, out); });
      break;
    case wire::SerfType::relay:
      queries_.relay(body, out);
      break;
    case wire::SerfType::push_pull:
    case wire::SerfType::conflict_response:
    case wire::SerfType::key_request:
    case wire::SerfType::key_response:
    default:
      valid = false;
      break;
  }
  if (!valid) ++shared_.stats.messages_invalid;
}

void Node::join_intent(Instant now, const wire::JoinIntent& intent, bool pass_on, Out& /*out*/) {
  const bool news = members_.join_intent(now, intent);
  if (news && pass_on) shared_.intents.push(user(encode(intent)));
}

/// About ourselves it is old, of an earlier life or a mistake: say that we are here.
void Node::leave_intent(Instant now, const wire::LeaveIntent& intent, bool pass_on, Out& out) {
  if (intent.node == shared_.config.name && !leaving_.active()) {
    const bool sane = members_.clock().witness(intent.ltime);
    const Member* self = members_.find(intent.node);
    if (!sane || self == nullptr || intent.ltime <= self->status_ltime) return;
    out.info("answering a leave intent about us");
    return announce(now, out);
  }
  const bool news = members_.leave_intent(now, intent, out);
  if (news && pass_on) shared_.intents.push(user(encode(intent)));
}

void Node::announce(Instant now, Out& out) {
  const wire::JoinIntent intent{members_.clock().time(), shared_.config.name};
  join_intent(now, intent, true, out);
}

void Node::user_event(const wire::UserEvent& event, bool pass_on, Out& out) {
  if (!events_.accept(event)) return;
  std::string message = user(encode(event));
  if (pass_on && message.size() <= event_bytes_limit) shared_.events.push(std::move(message));
  out.effects.notices.emplace_back(
      UserEventNotice{event.ltime, event.name, event.payload, event.cc});
}

void Node::hear(Instant now, RemoteState&& upcall, Out& out) {
  const bool ours = upcall.state[0] == wire::octet(wire::SerfType::push_pull);
  const auto state = ours ? wire::decode<wire::SerfState>(View(upcall.state).substr(1))
                          : fail(Code::invalid, "not a Serf state");
  if (!state) {
    ++shared_.stats.messages_invalid;
    return out.warn("push/pull state: " + state.error().message);
  }
  if (state->ltime > 0) members_.clock().witness(state->ltime - 1);
  if (state->event_ltime > 0) events_.clock().witness(state->event_ltime - 1);
  if (state->query_ltime > 0) queries_.clock().witness(state->query_ltime - 1);
  std::map<std::string, uint64_t> present = state->status_ltimes;
  for (const std::string& name : state->left_members) {
    const auto ltime = present.find(name);
    if (ltime == present.end()) continue;
    leave_intent(now, {ltime->second + 1, name, false}, false, out);
    present.erase(ltime);
  }
  for (const auto& [name, ltime] : present) join_intent(now, {ltime, name}, false, out);
  if (upcall.join && shared_.config.ignore_old_events) events_.ignore_before(state->event_ltime);
  for (const std::optional<wire::EventSlot>& slot : state->events) {
    if (!slot) continue;
    for (const wire::RecentEvent& event : slot->events) {
      user_event({slot->ltime, event.name, event.payload, false}, false, out);
    }
  }
}

void Node::hear(Instant /*now*/, Measured&& upcall, Out& out) {
  if (!shared_.config.coordinates || upcall.payload.empty()) return;
  const View payload = upcall.payload;
  const auto message = payload[0] == '\x01'
                           ? wire::decode<wire::CoordinateMessage>(payload.substr(1))
                           : fail(Code::invalid, "coordinate: unknown version");
  const Result<Coordinate> there =
      message ? from_message(*message) : tl::unexpected(message.error());
  if (!there) return out.debug("ack of " + upcall.node + ": " + there.error().message);
  vivaldi_.update(upcall.node, *there, upcall.round_trip, shared_.random);
  coordinates_[upcall.node] = *there;
}

void Node::hear(Instant now, Exchanged&& upcall, Out& out) {
  auto found = joins_.find(upcall.token);
  if (found == joins_.end()) return;
  Joining& joining = found->second;
  --joining.waiting;
  if (!upcall.error.empty()) {
    joining.done.errors.push_back(format(upcall.address) + ": " + upcall.error);
  } else if (++joining.done.contacted == 1) {
    announce(now, out);
    admission_deadline_ = now + shared_.profile().admission_timeout;
  }
  if (joining.waiting > 0) return;
  out.effects.notices.emplace_back(std::move(joining.done));
  joins_.erase(found);
}

void Node::hear(Instant /*now*/, SeenByOthers&& /*upcall*/, Out& out) {
  if (admission_deadline_ == never) return;
  admission_deadline_ = never;
  out.effects.notices.emplace_back(Admitted{});
}

}  // namespace serf
