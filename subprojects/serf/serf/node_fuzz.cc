// A whole member under attack: the input is a script of packets, stream bytes and passing time.
//
//     script := (verb:u8 length:u8 bytes)*     verb mod 4: packet, stream, close, time

#include <cstdint>
#include <cstdlib>

#include "serf/node.h"
#include "tests/nonces.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace serf;
  testing::CountingNonces nonces;
  Config config;
  config.name = "ledger-1";
  config.address = {std::string("\x7f\0\0\x15", 4), 7946};
  auto node = Node::make(config, nonces).value();
  Instant now{1};
  node->start(now);
  const Address peer{std::string("\x7f\0\0\x0b", 4), 7946};
  StreamId stream = 1;
  View script(reinterpret_cast<const char*>(data), size);
  while (script.size() >= 2) {
    const unsigned verb = static_cast<uint8_t>(script[0]) % 4;
    const unsigned length = static_cast<uint8_t>(script[1]);
    const View bytes = script.substr(2, length);
    script.remove_prefix(2 + bytes.size());
    Effects effects;
    if (verb == 0) {
      effects = node->step(now, PacketReceived{peer, std::string(bytes)});
    } else if (verb == 1) {
      stream += 2;
      effects = node->step(now, StreamAccepted{stream});
      effects = node->step(now, StreamReceived{stream, std::string(bytes)});
    } else if (verb == 2) {
      effects = node->step(now, StreamClosed{stream, ""});
    } else {
      now = now + milliseconds(100) * static_cast<int64_t>(length);
      effects = node->step(now, Wake{});
      if (effects.wake <= now && !node->stopped()) {
        effects = node->step(now, Wake{});
        if (effects.wake <= now && !node->stopped()) std::abort();  // It would spin.
      }
    }
    // Names of any kind may come in, but we ourselves are never talked away.
    if (!node->stopped() && !node->members().contains("ledger-1")) std::abort();
  }
  return 0;
}
