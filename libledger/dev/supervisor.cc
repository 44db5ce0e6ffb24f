#include "dev/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>

#include "dev/fleet.h"
#include "dev/logs.h"
#include "dev/ports.h"
#include "dev/requests.h"
#include "dev/watch.h"
#include "io/directory_lock.h"
#include "io/system_clock.h"

namespace ledger::dev {
namespace {

constexpr size_t guilty_lines = 20;
constexpr size_t shown_bytes_max = 16 << 10;
/// How often the size of logs is looked at, and a screen that could take no lines is tried again.
constexpr Duration rotate_interval = std::chrono::seconds(5);
constexpr Duration screen_interval = std::chrono::milliseconds(100);
/// A terminal that closes, and `timeout`, send more than one signal for one wish.
constexpr Duration one_wish = std::chrono::milliseconds(100);

/// One run, from the taken lock to its end.
class Supervisor {
 public:
  Supervisor(const Place& place, const UpOptions& options, Screen& screen, const Healthy& healthy)
      : place_(place),
        options_(options),
        screen_(screen),
        healthy_(healthy),
        fresh_(!place.exists()) {}

  /// Everything but nodes.
  Result<void> prepare();
  Ended run();

  bool holds_lock() const { return lock_.has_value(); }
  /// Whether nothing of it is to stay: it was new, and did not come up.
  bool failed() const { return fresh_ && !came_up_; }

 private:
  enum class Phase : uint8_t { starting, up, stopping };

  std::vector<pollfd> sources() const;
  int patience_ms();
  void turn();
  void take_signals();
  void see_to_start();
  void come_up();
  void fail_start(Error error, const Member* guilty);
  void node_ended(const Member& member);
  void stop_all(const std::string& why);
  void kill_all();
  void show_logs();
  void add_readers();
  void rotate_logs();
  ClusterState state() const;
  void save();

  const Place& place_;
  const UpOptions& options_;
  Screen& screen_;
  const Healthy& healthy_;
  const bool fresh_;  ///< There was no such cluster before.

  io::SystemClock clock_;
  Instant began_ = clock_.now();
  StopSignals signals_;
  std::optional<io::DirectoryLock> lock_;
  std::string socket_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Requests> requests_;
  HealthWatch health_;
  io::Descriptor parent_;
  FileWatch files_;
  std::vector<LogReader> readers_;
  bool lines_wait_ = false;  ///< The screen could not take all.

  Phase phase_ = Phase::starting;
  bool came_up_ = false;
  std::optional<Instant> signalled_at_;
  Instant rotated_at_;
  std::string saved_;
  Ended ended_;
};

Result<void> Supervisor::prepare() {
  TRY(make_directories(place_.directory()));
  lock_ = TRY(io::DirectoryLock::take(place_.directory(), clock_.wall()));
  TRY(clear_leftovers(place_));
  const std::optional<Plan> before = TRY(load_plan(place_));
  const Plan plan = TRY(planned(place_, before, options_));
  socket_ = TRY(make_socket_path(place_));
  if (!before || !(*before == plan)) TRY(save_plan(place_, plan));
  fleet_ = TRY(Fleet::make(place_, plan, {.restart = options_.restart}, clock_,
                           {.say = [this](const std::string& line) { screen_.say(line); },
                            .ended = [this](const Member& member) { node_ended(member); }}));
  requests_ =
      std::make_unique<Requests>(TRY(io::LocalListener::listen(socket_)), *fleet_, clock_,
                                 Requests::Hooks{.state = [this] { return state(); },
                                                 .down = [this] { stop_all("asked to stop"); }});
  // Whatever a node should leave behind becomes ours, and is reaped.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (options_.follow_parent && !signals_.hangup_ignored() && ::getppid() != 1) {
    parent_ = io::watch_process(::getppid());
  }
  add_readers();
  return {};
}

Ended Supervisor::run() {
  fleet_->tend();
  save();
  if (!options_.wait) come_up();
  while (phase_ != Phase::stopping || fleet_->running() > 0) {
    std::vector<pollfd> all = sources();
    ::poll(all.data(), all.size(), patience_ms());
    turn();
  }
  show_logs();
  if (!ended_.error && ended_.signal == 0) {
    for (const auto& member : fleet_->members()) {
      if (!member->killed) continue;
      ended_.error = Error{Code::unclean_stop, fmt::format("{} had to be killed", member->name),
                           fmt::format("see 'ledgerctl dev logs {}'", member->name)};
    }
  }
  requests_->finish(ended_.error && ended_.error->code == Code::unclean_stop ? ended_.error
                                                                             : std::nullopt);
  return std::move(ended_);
}

std::vector<pollfd> Supervisor::sources() const {
  std::vector<pollfd> all;
  const auto add = [&](int descriptor, short events = POLLIN) {
    if (descriptor >= 0) all.push_back({descriptor, events, 0});
  };
  add(signals_.descriptor());
  add(fleet_->notices().descriptor());
  add(files_.descriptor());
  if (phase_ == Phase::starting) {
    if (!health_.is_healthy()) add(health_.descriptor());
    add(options_.verdict, 0);
  }
  if (phase_ != Phase::stopping) add(parent_.get());
  for (const int descriptor : requests_->descriptors()) add(descriptor);
  for (const auto& member : fleet_->members()) {
    if (member->child) add(member->child->descriptor());
  }
  return all;
}

int Supervisor::patience_ms() {
  Instant wake = rotated_at_ + rotate_interval;
  const auto consider = [&](std::optional<Instant> at) {
    if (at) wake = std::min(wake, *at);
  };
  if (phase_ != Phase::stopping || fleet_->running() > 0) consider(fleet_->wake());
  consider(requests_->wake());
  if (phase_ == Phase::starting && options_.patience) consider(began_ + *options_.patience);
  if (lines_wait_) consider(clock_.now() + screen_interval);
  const Duration left = std::max(wake - clock_.now(), Duration(0));
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

void Supervisor::turn() {
  take_signals();
  fleet_->take_notices();
  fleet_->take_ends();
  requests_->take();
  if (phase_ != Phase::stopping && parent_ && io::wait_readable(parent_.get(), 0)) {
    stop_all("who started this has ended");
  }
  fleet_->tend();
  if (phase_ == Phase::starting) see_to_start();
  save();  // Who is answered may read it at once.
  requests_->settle();
  add_readers();
  show_logs();
  rotate_logs();
}

void Supervisor::take_signals() {
  while (const std::optional<int> number = signals_.take()) {
    const Instant now = clock_.now();
    if (phase_ == Phase::stopping) {
      const bool again = *number != SIGHUP && signalled_at_ && now - *signalled_at_ >= one_wish;
      if (again || (*number != SIGHUP && !signalled_at_)) kill_all();
      signalled_at_ = signalled_at_.value_or(now);
      continue;
    }
    signalled_at_ = now;
    if (!came_up_) ended_.signal = *number;
    stop_all("");
  }
}

void Supervisor::see_to_start() {
  for (const auto& member : fleet_->members()) {
    const State state = member->life.state();
    if (state == State::exited || state == State::crash_loop) {
      const io::Exit exit =
          member->last_exit ? member->last_exit->exit : io::Exit{.code = exit_code(Code::internal)};
      return fail_start(
          {code_of_exit(exit), fmt::format("{} ended: {}", member->name, exit.text()),
           fresh_ && !options_.keep_on_failure
               ? "its last lines are above; with --keep-on-failure all that has begun stays"
               : fmt::format("its last lines are above, all in {}", place_.node_log(member->name))},
          member.get());
    }
  }
  pollfd verdict = {options_.verdict, 0, 0};
  if (options_.verdict >= 0 && ::poll(&verdict, 1, 0) > 0) {
    ended_.signal = SIGHUP;
    return stop_all("who started this has ended");
  }
  const bool all_ready = std::ranges::all_of(fleet_->members(), [](const auto& member) {
    return member->life.state() == State::ready || member->life.desired() != Desired::running;
  });
  if (all_ready && !health_.begun()) health_.begin(healthy_, fleet_->plan().endpoints());
  if (all_ready && health_.is_healthy()) return come_up();
  if (!options_.patience || clock_.now() - began_ < *options_.patience) return;
  for (const auto& member : fleet_->members()) {
    if (member->life.state() == State::ready) continue;
    return fail_start(
        {Code::not_ready,
         fmt::format("{} is not ready ({})", member->name, name(member->life.state())),
         "raise --timeout; its last lines are above"},
        member.get());
  }
  fail_start({Code::not_ready, "the cluster is not healthy: " + health_.why(),
              "raise --timeout; see 'ledgerctl dev logs'"},
             fleet_->members().front().get());
}

void Supervisor::come_up() {
  phase_ = Phase::up;
  came_up_ = true;
  save();
  screen_.ready(state(), options_.wait ? std::optional(clock_.now() - began_) : std::nullopt);
}

void Supervisor::fail_start(Error error, const Member* guilty) {
  ended_.error = std::move(error);
  ended_.guilty = guilty->name;
  ended_.lines = last_lines(place_.node_log(guilty->name), guilty_lines);
  if (options_.keep_on_failure) {
    phase_ = Phase::up;
    came_up_ = true;
    screen_.kept(std::exchange(ended_, {}));
    return;
  }
  stop_all("");
}

void Supervisor::node_ended(const Member& member) {
  if (!options_.fail_fast || phase_ == Phase::stopping) return;
  const io::Exit exit = member.last_exit ? member.last_exit->exit : io::Exit{};
  ended_.error = Error{exit == io::Exit{} ? Code::not_ready : code_of_exit(exit),
                       fmt::format("{} ended: {}", member.name, exit.text()),
                       fmt::format("see 'ledgerctl dev logs {}'", member.name)};
  ended_.guilty = member.name;
  ended_.lines = last_lines(place_.node_log(member.name), guilty_lines);
  stop_all("--fail-fast");
}

/// Followers first, so that no election is lost on them.
void Supervisor::stop_all(const std::string& why) {
  if (phase_ == Phase::stopping) return;
  phase_ = Phase::stopping;
  screen_.say(fmt::format("{}stopping {} node{} (again to kill)", why.empty() ? "" : why + ": ",
                          fleet_->running(), fleet_->running() == 1 ? "" : "s"));
  const auto leads = [](const auto& member) { return member->status.starts_with("leader"); };
  for (const auto& member : fleet_->members()) {
    if (!leads(member)) fleet_->stop(*member);
  }
  for (const auto& member : fleet_->members()) {
    if (leads(member)) fleet_->stop(*member);
  }
}

void Supervisor::kill_all() {
  screen_.say("killing");
  fleet_->kill_all();
}

// ---- Logs and state. ----

void Supervisor::add_readers() {
  while (readers_.size() < fleet_->members().size()) {
    const Member& member = *fleet_->members()[readers_.size()];
    const std::string path = place_.node_log(member.name);
    const bool fresh = !std::filesystem::exists(path);
    readers_.emplace_back(path, fresh ? LogReader::From::start : LogReader::From::end);
    if (make_directories(place_.node_directory(member.name)) && open_log(path)) files_.add(path);
  }
}

void Supervisor::show_logs() {
  files_.clear();
  lines_wait_ = false;
  for (size_t i = 0; i < readers_.size(); ++i) {
    for (;;) {
      if (!screen_.wants_logs()) {
        lines_wait_ = true;
        return;
      }
      const std::vector<std::string> lines = readers_[i].take(shown_bytes_max);
      if (lines.empty()) break;
      screen_.show(i, fleet_->members()[i]->name, lines);
    }
  }
}

void Supervisor::rotate_logs() {
  if (clock_.now() - rotated_at_ < rotate_interval) return;
  rotated_at_ = clock_.now();
  for (const LogReader& reader : readers_) rotate_log(reader.path());
}

ClusterState Supervisor::state() const {
  ClusterState state;
  state.up = came_up_;
  state.supervisor = io::mark_of(::getpid()).value_or(io::ProcessMark());
  state.boot = io::boot_id();
  state.socket = socket_;
  state.nodes = fleet_->states();
  return state;
}

void Supervisor::save() {
  std::string text = to_json(state());
  if (text == saved_) return;
  // Without it nobody finds us, but the nodes run: worth a line, not an end.
  if (const Result<void> saved = replace_file(place_.state_path(), text); !saved) {
    screen_.say(saved.error().message);
  }
  saved_ = std::move(text);
}

}  // namespace

Result<void> check_asked(const Place& place, const Plan& plan, const UpOptions& options) {
  if (options.base_port && *options.base_port != plan.base_port) {
    return fail(Code::usage,
                fmt::format("cluster '{}' has its ports from {} on", place.name(), plan.base_port),
                "leave --base-port out, or begin anew with 'ledgerctl dev rm --yes'");
  }
  if (options.nodes && *options.nodes < plan.nodes.size()) {
    return fail(Code::shrink_refused,
                fmt::format("cluster has {} nodes, {} asked", plan.nodes.size(), *options.nodes),
                fmt::format("'ledgerctl member leave {0} --yes', then 'ledgerctl dev stop {0}'",
                            plan.nodes.back()));
  }
  return {};
}

Result<Plan> planned(const Place& place, const std::optional<Plan>& before,
                     const UpOptions& options) {
  if (!before) {
    Plan plan;
    plan.base_port = options.base_port.value_or(base_port_default);
    plan.grow(options.nodes.value_or(nodes_default));
    plan.founders = plan.nodes.size();
    plan.node_flags = options.node_flags;
    if (options.base_port) {
      TRY(check_ports(plan, 0));
      return plan;
    }
    std::vector<Plan> others;
    for (const Place& known : known_places()) {
      if (known.name() == place.name()) continue;
      if (const auto other = load_plan(known); other && *other) others.push_back(**other);
    }
    TRY(choose_ports(plan, others));
    return plan;
  }
  TRY(check_asked(place, *before, options));
  Plan plan = *before;
  if (options.nodes) plan.grow(*options.nodes);
  if (!options.node_flags.empty()) plan.node_flags = options.node_flags;
  TRY(check_ports(plan, 0));
  return plan;
}

Result<void> remove(const Place& place) {
  // Out of sight first: nobody finds half a cluster.
  const std::string aside = fmt::format("{}.removed-{}", place.directory(), ::getpid());
  std::error_code error;
  std::filesystem::rename(place.directory(), aside, error);
  if (!error) std::filesystem::remove_all(aside, error);
  if (!error) return {};
  return fail(error == std::errc::permission_denied ? Code::file_permission : Code::io,
              fmt::format("remove of {}: {}", place.directory(), error.message()));
}

Code code_of_exit(const io::Exit& exit) {
  if (exit.signal != 0) return Code::internal;
  constexpr std::array<std::pair<int, Code>, 10> codes = {{{1, Code::not_ready},
                                                           {64, Code::usage},
                                                           {65, Code::corrupt_segment},
                                                           {66, Code::no_such_file},
                                                           {69, Code::unreachable},
                                                           {73, Code::address_in_use},
                                                           {74, Code::io},
                                                           {77, Code::file_permission},
                                                           {78, Code::config_invalid},
                                                           {0, Code::not_ready}}};
  const auto found = std::ranges::find(codes, exit.code, &std::pair<int, Code>::first);
  return found != codes.end() ? found->second : Code::internal;
}

Result<Ended> supervise(const Place& place, const UpOptions& options, Screen& screen,
                        const Healthy& healthy) {
  Supervisor supervisor(place, options, screen, healthy);
  if (Result<void> prepared = supervisor.prepare(); !prepared) {
    // What another one holds is his.
    if (supervisor.failed() && supervisor.holds_lock()) TRY(remove(place));
    return tl::unexpected(std::move(prepared).error());
  }
  Ended ended = supervisor.run();
  if (options.ephemeral || supervisor.failed()) TRY(remove(place));
  return ended;
}

}  // namespace ledger::dev
