#include "base/team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>

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

// Whoever throws: all finish their share, one exception comes out, and the team works on.
TEST(Team, WhatWorkThrowsReachesTheCaller) {
  for (int size = 1; size <= 4; ++size)
    for (int thrower = 0; thrower <= size; ++thrower) {  // the last round: everyone throws
      Team team(size);
      std::atomic<int> begun = 0;
      const auto work = [&](int number) {
        ++begun;
        if (number == thrower || thrower == size) throw std::runtime_error("share " + std::to_string(number));
      };
      for (int round = 1; round <= 20; ++round) {
        try {
          team.run(work);
          ADD_FAILURE() << "nothing was thrown";
        } catch (const std::runtime_error& e) {
          EXPECT_EQ(std::string(e.what()).substr(0, 6), "share ");
          EXPECT_TRUE(thrower == size || e.what() == "share " + std::to_string(thrower));
        }
        EXPECT_EQ(begun, round * size);
      }
      std::vector<int> seen(size);
      team.run([&](int number) { seen[number] = 1; });
      EXPECT_EQ(seen, std::vector<int>(size, 1));
    }
}

TEST(Team, UnusedTeamsEnd) {
  for (int i = 0; i < 50; ++i) Team team(4);
}

}  // namespace
}  // namespace omni
