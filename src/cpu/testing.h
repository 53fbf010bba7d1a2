// For tests of vector loops, which are compiled once per instruction set.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <hwy/targets.h>

namespace omni::testing {

// Runs `body` on every instruction set that this machine has.
inline void on_every_target(const std::function<void()>& body) {
  const int64_t before = hwy::SupportedTargets();
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(before);
}

}  // namespace omni::testing
