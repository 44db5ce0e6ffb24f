#include "serf/driver/driver.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cassert>

#include "serf/wire/try.h"

namespace serf {

wire::Nonce SystemNonces::draw() {
  wire::Nonce nonce;
  const int drawn = ::RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), nonce.size());
  assert(drawn == 1 && "the system has no randomness, and a repeated nonce would betray the key");
  static_cast<void>(drawn);
  return nonce;
}

Result<Driver> Driver::open(Config config, std::optional<Address> bind) {
  Sockets sockets = SERF_TRY(Sockets::open(bind.value_or(config.address)));
  if (config.address.port == 0) config.address.port = sockets.address().port;
  auto nonces = std::make_unique<SystemNonces>();
  std::unique_ptr<Node> node = SERF_TRY(Node::make(std::move(config), *nonces));
  Driver driver(std::move(nonces), std::move(sockets), std::move(node));
  driver.carry_out(driver.node_->start(monotonic_now()));
  return driver;
}

void Driver::command(Event event) {
  carry_out(node_->step(monotonic_now(), std::move(event)));
}

Result<std::vector<Notice>> Driver::run_once(Duration timeout) {
  const Duration until_wake = std::max(wake_ - monotonic_now(), Duration{});
  const Duration span = notices_.empty() ? std::min(timeout, until_wake) : Duration{};
  std::vector<Event> events = SERF_TRY(sockets_.wait(span));
  const Instant now = monotonic_now();
  for (Event& event : events) {
    if (drop_in_ && drop_in_(event)) continue;
    carry_out(node_->step(now, std::move(event)));
  }
  if (now >= wake_) carry_out(node_->step(now, Wake{}));
  return std::exchange(notices_, {});
}

void Driver::carry_out(Effects effects) {
  for (Action& action : effects.actions) {
    if (!drop_out_ || !drop_out_(action)) sockets_.carry_out(std::move(action));
  }
  std::ranges::move(effects.notices, std::back_inserter(notices_));
  wake_ = effects.wake;
}

void Driver::set_filter(std::function<bool(const Event&)> in,
                        std::function<bool(const Action&)> out) {
  drop_in_ = std::move(in);
  drop_out_ = std::move(out);
}

}  // namespace serf
