// A run that is killed at random moments and resumed must end as if nothing had happened.
#pragma once

namespace omni::faults {

void expect_kills_lose_nothing(int threads, int kills, unsigned seed);

}  // namespace omni::faults
