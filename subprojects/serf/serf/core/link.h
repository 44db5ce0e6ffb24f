#pragma once

#include <string>
#include <vector>

#include "serf/core/shared.h"

namespace serf {

/// Turns messages into packets: fills them up with gossip, compresses, adds checksum and
/// encryption.
class Link {
 public:
  explicit Link(Shared& shared) : shared_(&shared) {}

  /// Sends a message, with whatever gossip still fits.
  void send_with_gossip(Out& out, const Address& to, std::vector<std::string> messages);

  /// Sends exactly these messages. With `crc`, the receiver must advertise PMax 5.
  void send(Out& out, const Address& to, std::vector<std::string> messages, bool crc = false);

  /// One packet of nothing but gossip; nothing when none is queued.
  void send_gossip(Out& out, const Address& to, bool crc);

  bool gossip_waits() const;

 private:
  size_t budget() const;
  void fill(std::vector<std::string>& messages, size_t budget);

  Shared* shared_;
};

}  // namespace serf
