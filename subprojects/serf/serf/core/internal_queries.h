#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serf/core/members.h"

namespace serf {

/// What Serf asks on its own behalf: reachability, name conflicts, keys. (Spec 13.3, 14.)
class InternalQueries {
 public:
  InternalQueries(Shared& shared, const Members& members) : shared_(&shared), members_(&members) {}

  static bool is_internal(View name) { return name.starts_with("_serf_"); }

  /// The payload of our answer, or nothing when none is due.
  std::optional<std::string> answer(const wire::Query& query, Out& out);

 private:
  std::optional<std::string> conflict(const std::string& name) const;
  wire::KeyResponse keys(View operation, View payload, Out& out);
  Result<void> change(View operation, const std::string& key);

  Shared* shared_;
  const Members* members_;
};

/// Standard base64, with padding.
std::string base64(View bytes);

/// Errors: `invalid`.
Result<std::string> from_base64(View text);

}  // namespace serf
