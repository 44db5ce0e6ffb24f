// What kind of bad luck a seed draws for a whole cluster.
#pragma once

#include "log/log.h"
#include "raft/engine.h"
#include "sim/network.h"

namespace ledger::sim {

/// How often something happens, on average; zero: never. Times are virtual.
struct Ordeal {
  size_t founders = 3;
  size_t voters_max = 5;
  Weather weather;
  raft::Settings settings;
  log::Options log;
  size_t message_bytes = 4096;  ///< At most, per batch that leaves for one member.
  size_t pull_bytes = 2048;     ///< At most, per batch of a pull.
  uint32_t pull_failure_ppm = 0;

  Duration disk = std::chrono::microseconds(300);  ///< What a drain takes, at most.
  Duration disk_slow = std::chrono::milliseconds(300);

  size_t clients = 3;
  Duration think = std::chrono::milliseconds(20);      ///< Between two requests of a client.
  Duration patience = std::chrono::milliseconds(400);  ///< Then a client takes no answer for one.
  uint32_t lost_answer_ppm = 20'000;
  size_t body_bytes = 200;  ///< At most, of a raw record.

  Duration crash_every{};
  Duration down = std::chrono::milliseconds(500);  ///< At most, each time; likewise below.
  Duration blackout_every{};                       ///< A power cut of all at once.
  Duration crash_at_call_every{};                  ///< In the middle of what a disk is doing.
  Duration disk_error_every{};
  Duration partition_every{};
  Duration parted = std::chrono::seconds(2);
  Duration pause_every{};
  Duration paused = std::chrono::milliseconds(800);
  Duration slow_every{};
  Duration slow = std::chrono::seconds(1);
  Duration full_every{};
  Duration full = std::chrono::seconds(2);
  Duration clock_every{};
  Duration damage_every{};   ///< Bits that flip while a member is down.
  Duration mislead_every{};  ///< Logs that end in doubt, beside a leader of the past.
  Duration wipe_every{};
  Duration transfer_every{};
  Duration change_every{};
};

/// Draws an ordeal; the kinds of trouble differ from seed to seed, so that none hides another.
Ordeal draw_ordeal(Random& random);

}  // namespace ledger::sim
