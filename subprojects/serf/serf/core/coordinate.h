#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "serf/core/random.h"
#include "serf/time.h"
#include "serf/wire/serf_messages.h"

namespace serf {

/// A point from which round trips are estimated, in seconds. (Spec 15.)
struct Coordinate {
  std::array<double, 8> vec{};
  double error = 1.5;
  double adjustment = 0;
  double height = 1e-5;

  bool finite() const;
};

/// The round trip between two points.
double distance(const Coordinate& a, const Coordinate& b);

wire::CoordinateMessage to_message(const Coordinate& coordinate);

/// Errors: `invalid` for another dimension or a number that is not finite.
Result<Coordinate> from_message(const wire::CoordinateMessage& message);

/// Our own place in the network, moved a little by every measured round trip.
///
/// Source: Dabek et al., "Vivaldi", SIGCOMM 2004; heights and adjustment from Ledlie, Gardner,
/// Seltzer, "Network Coordinates in the Wild", NSDI 2007.
class Vivaldi {
 public:
  const Coordinate& here() const { return here_; }

  /// Takes one measurement. Round trips outside 0 to 10 s are ignored.
  void update(const std::string& node, const Coordinate& there, Duration round_trip,
              Random& random);

  void forget(const std::string& node) { samples_.erase(node); }

 private:
  double median(const std::string& node, double seconds);
  void pull(double force, const Coordinate& towards, Random& random);

  Coordinate here_;
  std::map<std::string, std::vector<double>> samples_;  ///< The last 3 of each node.
  std::array<double, 20> adjustments_{};
  size_t adjustment_next_ = 0;
};

}  // namespace serf
