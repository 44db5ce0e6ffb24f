// Joins a cluster, says hello to everybody and prints what happens: hello NAME ADDRESS [PEER]

#include <iostream>

#include "serf/driver/driver.h"

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  serf::Config config;
  config.name = argv[1];
  config.address = serf::parse_address(argv[2]).value();
  config.tags = {{"role", "example"}};
  config.seed = static_cast<uint64_t>(serf::monotonic_now().us);

  auto driver = serf::Driver::open(config);
  if (!driver) return std::cerr << "error: " << driver.error().message << '\n', 1;
  if (argc > 3) driver->command(serf::Join{{serf::parse_address(argv[3]).value()}});
  driver->command(serf::SendUserEvent{"hello", config.name});

  while (!driver->node().stopped()) {
    auto notices = driver->run_once(serf::seconds(1));
    if (!notices) return 1;
    for (const serf::Notice& notice : *notices) {
      if (const auto* change = std::get_if<serf::MemberNotice>(&notice)) {
        std::cout << change->member.name << ' ' << serf::word(change->kind) << std::endl;
      } else if (const auto* event = std::get_if<serf::UserEventNotice>(&notice)) {
        std::cout << event->payload << " says " << event->name << std::endl;
      }
    }
  }
}
