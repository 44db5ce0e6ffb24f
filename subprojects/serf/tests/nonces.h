#pragma once

#include "serf/wire/seal.h"

namespace serf::testing {

/// Nonces that count: distinct, and the same in every run. Only for keys that protect nothing.
class CountingNonces : public wire::Nonces {
 public:
  wire::Nonce draw() override {
    for (char& octet : next_) {
      if (++octet != 0) break;
    }
    return next_;
  }

 private:
  wire::Nonce next_{};
};

}  // namespace serf::testing
