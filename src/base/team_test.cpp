#include "base/team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

namespace omni {
namespace {

TEST(Team, EveryoneWorksInEveryRound) {
  for (int size = 1; size <= 4; ++size) {
    Team team(size);
    EXPECT_EQ(team.size(), size);
    std::vector<int64_t> rounds(size);  // plain memory: the team orders reads and writes
    for (int round = 0; round < 2000; ++round) {
      team.run([&](int number) { rounds[number] += round; });
      ASSERT_EQ(std::reduce(rounds.begin(), rounds.end()), int64_t{size} * round * (round + 1) / 2);
    }
  }
}

TEST(Team, WorkIsSeenByTheNextRound) {
  Team team(3);
  std::vector<int> value(3, 1), copy(3);
  for (int round = 0; round < 500; ++round) {
    team.run([&](int n) { copy[n] = value[(n + 1) % 3]; });
    team.run([&](int n) { value[n] = copy[n] + 1; });
  }
  EXPECT_EQ(value, std::vector<int>(3, 501));
}

TEST(Team, SleepersWakeUp) {
  Team team(3);
  std::atomic<int> done = 0;
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than anyone spins
    team.run([&](int number) {
      if (number == 2) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      ++done;
    });
  }
  EXPECT_EQ(done, 9);
}

TEST(Team, UnusedTeamsEnd) {
  for (int i = 0; i < 50; ++i) Team team(4);
}

}  // namespace
}  // namespace omni
