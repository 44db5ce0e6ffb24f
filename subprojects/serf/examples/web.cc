// The example of README.md, word for word.

#include <iostream>

#include "serf/driver/driver.h"
#include "serf/driver/keyring_file.h"

int main() {
  serf::Config config;
  config.name = "web-1";
  config.address = serf::parse_address("127.0.0.21:7946").value();
  config.tags = {{"role", "web"}};
  config.keys = serf::load_keyring("ring.json").value();
  config.seed = 4711;  // Of choices, not of secrets.

  auto driver = serf::Driver::open(config).value();
  driver.command(serf::Join{{serf::parse_address("127.0.0.11:7946").value()}});

  while (!driver.node().stopped()) {
    auto notices = driver.run_once(serf::seconds(1));
    for (const serf::Notice& notice : notices.value()) {
      if (const auto* change = std::get_if<serf::MemberNotice>(&notice)) {
        std::cout << change->member.name << ' ' << serf::word(change->kind) << '\n';
      } else if (const auto* query = std::get_if<serf::QueryNotice>(&notice)) {
        driver.command(serf::Respond{query->id, "42"});
      } else if (const auto* event = std::get_if<serf::UserEventNotice>(&notice)) {
        if (event->name == "go-home") driver.command(serf::Leave{});
      }
    }
  }
}
