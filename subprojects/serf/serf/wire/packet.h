#pragma once

#include <string>
#include <vector>

#include "serf/wire/messages.h"
#include "serf/wire/seal.h"

namespace serf::wire {

/// Parts a compound may have; stock 0.9.4 misreads more. (Spec 2.2.)
constexpr size_t compound_parts_max = 127;

/// Bytes of messages one packet may carry before CRC and encryption.
constexpr size_t packet_budget = 1400;

/// All that one datagram may inflate to, over all its compress messages together.
constexpr size_t packet_inflated_bytes_max = 65'535;

/// Compress in compress and compound in compound, counted together.
constexpr size_t packet_depth_max = 4;

/// Peels label, encryption, CRC, compress and compound off a datagram and returns the messages in
/// it, each with its type octet, in their order. (Spec 2.)
///
/// With keys in the ring everything must be encrypted. The label must be the configured one, which
/// is empty by default. Of a compound that is cut short the whole parts are kept; an empty part is
/// dropped, since it has no type.
///
/// Errors: `incomplete`, `invalid`. Nothing is allocated above the bounds in this header.
Result<std::vector<std::string>> open_packet(View datagram, const KeyRing& ring, View label = {});

/// One message bare, several as a compound. Each must have 1 to 65535 bytes, and there must be 1 to
/// compound_parts_max of them.
std::string join_messages(const std::vector<std::string>& messages);

/// Wraps a message in compress if that makes it shorter.
std::string compress_if_shorter(std::string message);

/// Wraps a message in compress, shorter or not, as stock nodes do on streams.
std::string compress(View message);

/// Puts the checksum header in front; only for receivers that advertise PMax 5.
std::string with_crc(View message);

/// The last layer of a packet: encryption with the ring's primary key, if it has one, and the label
/// in front, if there is one.
std::string seal_packet(std::string packet, const KeyRing& ring, Nonces& nonces, View label = {});

/// The label header, `f4 length label`; nothing for an empty label.
std::string label_header(View label);

/// What a compress message stands for, at most `bytes_max`.
///
/// Errors: `incomplete`, `invalid`. A `body` is what follows the type octet.
Result<std::string> inflate(View body, size_t bytes_max);

}  // namespace serf::wire
