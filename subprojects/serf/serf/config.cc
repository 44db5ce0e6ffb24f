#include "serf/config.h"

namespace serf {

Profile lan_profile() {
  return {};
}

Profile wan_profile() {
  Profile profile;
  profile.probe_interval = seconds(5);
  profile.probe_timeout = seconds(3);
  profile.suspicion_mult = 6;
  profile.gossip_interval = milliseconds(500);
  profile.gossip_nodes = 4;
  profile.gossip_to_the_dead = seconds(60);
  profile.push_pull_interval = seconds(60);
  profile.stream_timeout = seconds(30);
  profile.admission_timeout = seconds(80);
  return profile;
}

Profile local_profile() {
  Profile profile;
  profile.probe_timeout = milliseconds(200);
  profile.indirect_checks = 1;
  profile.suspicion_mult = 3;
  profile.retransmit_mult = 2;
  profile.gossip_interval = milliseconds(100);
  profile.gossip_to_the_dead = seconds(15);
  profile.push_pull_interval = seconds(15);
  profile.stream_timeout = seconds(1);
  profile.admission_timeout = seconds(20);
  return profile;
}

}  // namespace serf
