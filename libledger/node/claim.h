// Who a node is, by its directory and by what it is started with.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "io/disk.h"
#include "node/formation.h"
#include "node/identity.h"
#include "node/start_options.h"

namespace ledger::node {

struct Claim {
  Identity identity;              ///< With a nil cluster where it belongs to none yet; saved.
  std::vector<Contact> contacts;  ///< The others of `--peers`.
  std::string note;               ///< Which options of forming a cluster had no effect, in a line.
};

/// Reads who the directory belongs to, or draws it; holds that against the options.
/// Errors: `data_dir_mismatch`, `usage`, `corrupt_segment`; as Identity::load and Identity::save.
Result<Claim> claim(io::Disk& disk, io::Random& random, const StartOptions& options);

}  // namespace ledger::node
