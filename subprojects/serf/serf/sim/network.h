#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "serf/core/random.h"
#include "serf/node.h"
#include "tests/nonces.h"

namespace serf::sim {

/// What the virtual network does to packets. Streams are delayed and cut, not lost, as TCP repeats.
struct Weather {
  double loss = 0;  ///< Share of packets that vanish.
  Duration delay_min = milliseconds(1);
  Duration delay_max = milliseconds(5);
};

/// Something a member told its application, and when.
struct Told {
  Instant at;
  Notice notice;
};

/// Many members on one thread and one virtual clock. Everything follows from the seed: the same run
/// gives the same trace. For tests only.
class Network {
 public:
  explicit Network(uint64_t seed, Weather weather = {});

  /// Starts a member called `name`; its address follows from its number. Returns the number.
  size_t add(const std::string& name, const std::function<void(Config&)>& adjust = {});
  /// Starts a crashed member anew, under the same address and name.
  void restart(size_t member);
  /// It stops at once; nobody is told.
  void crash(size_t member);
  /// It does nothing until `until`, then finds everything that came meanwhile.
  void pause(size_t member, Instant until);
  /// Only members of one group reach each other. An empty map heals.
  void partition(std::map<size_t, int> groups) { groups_ = std::move(groups); }
  void set_weather(Weather weather) { weather_ = weather; }

  void command(size_t member, Event event) { deliver(member, std::move(event)); }
  void run_until(Instant until);
  void run_for(Duration span) { run_until(now_ + span); }
  /// Runs until the condition holds, looking every 10 ms, at most `span`. Says whether it holds.
  bool run_until_true(const std::function<bool()>& condition, Duration span);

  Instant now() const { return now_; }
  size_t size() const { return members_.size(); }
  Node& node(size_t member) { return *members_[member].node; }
  bool up(size_t member) const { return members_[member].up; }
  Address address(size_t member) const { return members_[member].config.address; }
  const std::vector<Told>& told(size_t member) const { return members_[member].told; }
  /// How `viewer` lists `subject`; none if it does not.
  Status view(size_t viewer, size_t subject);
  /// Over everything that was delivered so far.
  uint64_t trace() const { return trace_; }
  uint64_t steps() const { return steps_; }

 private:
  struct Slot {
    Config config;
    std::unique_ptr<Node> node;
    bool up = false;
    uint64_t life = 0;
    Instant paused_until{};
    Instant wake = never;
    StreamId last_accepted = 1;
    std::map<StreamId, std::pair<size_t, StreamId>> streams;  ///< The other end of each.
    std::vector<Told> told;
  };
  struct Delivery {
    Instant at;
    uint64_t order;
    size_t member;
    uint64_t life;
    Event event;
    bool operator>(const Delivery& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  void start(size_t member);
  void deliver(size_t member, Event event);
  void carry_out(size_t member, Effects effects);
  void carry_out(size_t member, SendPacket&& action);
  void carry_out(size_t member, OpenStream&& action);
  void carry_out(size_t member, WriteStream&& action);
  void carry_out(size_t member, CloseStream&& action);
  void schedule(size_t member, Instant at, Event event);
  bool connected(size_t a, size_t b) const;
  Duration delay();

  Random random_;
  Weather weather_;
  testing::CountingNonces nonces_;
  std::vector<Slot> members_;
  std::map<Address, size_t> places_;
  std::map<size_t, int> groups_;
  std::priority_queue<Delivery, std::vector<Delivery>, std::greater<>> queue_;
  uint64_t order_ = 0;
  uint64_t steps_ = 0;
  uint64_t trace_ = 14'695'981'039'346'656'037U;
  Instant now_{};
};

}  // namespace serf::sim
