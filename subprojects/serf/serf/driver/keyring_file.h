#pragma once

#include <string>
#include <vector>

#include "serf/wire/seal.h"

namespace serf {

/// A key ring on disk: a JSON list of base64 texts, primary first, as `serf agent -keyring-file`
/// keeps it; or the texts one a line. The file must be readable by its owner alone.
///
/// Errors: `io`; `denied` for permissions wider than 0600, or where we may not read it; `invalid`
/// for another form, a bad key, or none at all.
Result<wire::KeyRing> load_keyring(const std::string& path);

/// Replaces the file in one step, mode 0600: after a crash it holds the old ring or the new one.
///
/// Errors: `io`.
Result<void> save_keyring(const std::string& path, const std::vector<std::string>& keys);

}  // namespace serf
