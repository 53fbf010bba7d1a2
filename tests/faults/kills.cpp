#include "kills.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <random>

#include "small_run.h"

namespace omni::faults {

void expect_kills_lose_nothing(int threads, int kills, unsigned seed) {
  const SmallRun small{.threads = threads, .epochs = 4, .checkpoint_every_s = 0.02};
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  expected(small);
  double until_s = std::chrono::duration<double>(Clock::now() - begin).count();
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> share(0, 1);
  int landed = 0;
  while (landed < kills && !testing::Test::HasFailure()) {
    const TestFolder folder;
    const auto out = folder.path() / "run";
    std::string when;
    do {  // once or several times into the same folder
      const double at_s = until_s * share(random);
      when += fmt::format(" {:.4f} s", at_s);
      Program program(small.words(out));
      pause(at_s);
      program.signal_group(SIGKILL);
      if (program.wait().signal == SIGKILL)
        ++landed;
      else
        until_s = at_s;  // a run that is over before its kill proves nothing: not so late again
    } while (random() % 2 == 0 && landed < kills);
    expect_finishes(small, out, fmt::format("killed after{} (of {:.2f} s)", when, until_s));
  }
}

}  // namespace omni::faults
