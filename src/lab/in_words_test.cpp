#include "lab/in_words.h"

#include <gtest/gtest.h>

#include <functional>

namespace omni {
namespace {

std::string refused(const std::function<void()>& ask) {
  try {
    ask();
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

struct Stop {
  static constexpr const char* kCalled = "stop";
  int step = 0;
};

TEST(InWords, AMapSaysWhatItHolds) {
  Named<double> values = {{"accuracy", 0.5}, {"loss", 2}};
  EXPECT_EQ(values.at("loss"), 2);
  values.at("loss") = 3;
  EXPECT_EQ(std::as_const(values).at("loss"), 3);
  EXPECT_EQ(refused([&] { values.at("acuracy"); }),
            "there is no 'acuracy' here; did you mean \"accuracy\"?");
  EXPECT_EQ(refused([&] { Named<int>().at("loss"); }),
            "there is no 'loss' here, nor anything else");
}

TEST(InWords, AListSaysWhatWasNotReached) {
  Reached<Stop> stops;
  const char* none =
      "stop is asked for, and there is none: the phase has none, or diverged before it; look at "
      "diverged_at first, or ask last(), which is NaN then";
  EXPECT_EQ(refused([&] { stops.back(); }), fmt::format("the last {}", none));
  EXPECT_EQ(refused([&] { stops.front(); }), fmt::format("the first {}", none));
  stops.push_back({4});
  stops.push_back({8});
  EXPECT_EQ(stops.front().step, 4);
  EXPECT_EQ(stops.back().step, 8);
  EXPECT_EQ(stops[1].step, 8);
  for (const auto ask : {+[](Reached<Stop>& s) { s[2]; }, +[](Reached<Stop>& s) { s.at(2); }})
    EXPECT_EQ(refused([&] { ask(stops); }),
              "stop 2 is asked for, counted from 0, and there are 2: a phase that diverged has "
              "those alone that it reached");
}

}  // namespace
}  // namespace omni
