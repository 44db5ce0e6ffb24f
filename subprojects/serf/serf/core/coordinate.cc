#include "serf/core/coordinate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace serf {
namespace {

constexpr double error_max = 1.5;
constexpr double weight_error = 0.25;
constexpr double weight_force = 0.25;
constexpr double height_min = 1e-5;
constexpr double zero_threshold = 1e-6;
constexpr double gravity_rho = 150;
constexpr double round_trip_max = 10;
constexpr size_t samples_max = 3;

double magnitude(const std::array<double, 8>& v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

std::array<double, 8> difference(const Coordinate& a, const Coordinate& b) {
  std::array<double, 8> out{};
  for (size_t i = 0; i < out.size(); ++i) out[i] = a.vec[i] - b.vec[i];
  return out;
}

double raw_distance(const Coordinate& a, const Coordinate& b) {
  return magnitude(difference(a, b)) + a.height + b.height;
}

}  // namespace

bool Coordinate::finite() const {
  return std::ranges::all_of(vec, [](double x) { return std::isfinite(x); }) &&
         std::isfinite(error) && std::isfinite(adjustment) && std::isfinite(height);
}

double distance(const Coordinate& a, const Coordinate& b) {
  const double raw = raw_distance(a, b);
  const double adjusted = raw + a.adjustment + b.adjustment;
  return adjusted > 0 ? adjusted : raw;
}

wire::CoordinateMessage to_message(const Coordinate& coordinate) {
  return {{coordinate.vec.begin(), coordinate.vec.end()},
          coordinate.error,
          coordinate.adjustment,
          coordinate.height};
}

Result<Coordinate> from_message(const wire::CoordinateMessage& message) {
  Coordinate out;
  if (message.vec.size() != out.vec.size()) {
    return fail(Code::invalid, "coordinate: " + std::to_string(message.vec.size()) + " dimensions");
  }
  std::ranges::copy(message.vec, out.vec.begin());
  out.error = message.error;
  out.adjustment = message.adjustment;
  out.height = message.height;
  if (!out.finite()) return fail(Code::invalid, "coordinate: not finite");
  return out;
}

double Vivaldi::median(const std::string& node, double seconds) {
  std::vector<double>& samples = samples_[node];
  samples.push_back(seconds);
  if (samples.size() > samples_max) samples.erase(samples.begin());
  std::vector<double> sorted = samples;
  std::ranges::sort(sorted);
  return sorted[sorted.size() / 2];
}

void Vivaldi::update(const std::string& node, const Coordinate& there, Duration round_trip,
                     Random& random) {
  if (round_trip.us < 0 || round_trip.seconds() > round_trip_max || !there.finite()) return;
  const double measured = median(node, round_trip.seconds());
  const double target = std::max(measured, zero_threshold);
  const double estimate = distance(here_, there);
  const double wrong = std::abs(estimate - target) / target;
  const double weight = here_.error / std::max(here_.error + there.error, zero_threshold);
  here_.error = std::min(error_max,
                         weight_error * weight * wrong + here_.error * (1 - weight_error * weight));
  pull(weight_force * weight * (target - estimate), there, random);

  adjustments_[adjustment_next_] = measured - raw_distance(here_, there);
  adjustment_next_ = (adjustment_next_ + 1) % adjustments_.size();
  here_.adjustment = std::accumulate(adjustments_.begin(), adjustments_.end(), 0.0) /
                     (2.0 * static_cast<double>(adjustments_.size()));

  const Coordinate origin;
  const double away = distance(origin, here_) / gravity_rho;
  pull(-(away * away), origin, random);
  if (!here_.finite()) here_ = Coordinate();
}

void Vivaldi::pull(double force, const Coordinate& towards, Random& random) {
  std::array<double, 8> unit = difference(here_, towards);
  double length = magnitude(unit);
  const bool apart = length > zero_threshold;
  if (!apart) {  // Two nodes in one place: leave in any direction.
    for (double& x : unit) x = random.unit() - 0.5;
    length = magnitude(unit);
  }
  if (length <= 0) return;
  for (size_t i = 0; i < unit.size(); ++i) here_.vec[i] += force * unit[i] / length;
  if (apart) {
    here_.height =
        std::max(height_min, (here_.height + towards.height) * force / length + here_.height);
  }
}

}  // namespace serf
