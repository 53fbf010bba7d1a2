// What is counted of presets and seen of runs, and the estimates made of both.
#include "lab/cost.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "lab/counts.h"
#include "lab/seen_runs.h"

namespace omni {
namespace {

TEST(Estimates, JobsAreSharedOutAsRunsDo) {
  const Load one{3e12, 6e9};
  const double one_s = typical_seconds(one);
  EXPECT_GT(one_s, 0);
  const Count whole{1, 0, {one}};
  EXPECT_DOUBLE_EQ(estimated_seconds(whole, 4, 1), 4 * one_s);
  EXPECT_DOUBLE_EQ(estimated_seconds(whole, 4, 2), 2 * one_s);
  EXPECT_DOUBLE_EQ(estimated_seconds(whole, 3, 2), 2 * one_s) << "one of the two waits";
  EXPECT_DOUBLE_EQ(estimated_seconds(whole, 1, 4), one_s / 4) << "a team of four";
  EXPECT_DOUBLE_EQ(estimated_seconds(whole, 4, 2, 3), 6 * one_s) << "on a machine so slow";
  const Count parted{1, 0, {one, {1e12, 2e9}, one}};
  EXPECT_DOUBLE_EQ(estimated_seconds(parted, 1, 2), one_s * (1 + 1. / 3));
  EXPECT_EQ(estimated_seconds({}, 4, 2), 0);
  EXPECT_DOUBLE_EQ(estimated_seconds({1, 8, {one}}, 1, 1), one_s + typical_planning_seconds(8));
}

TEST(SeenRuns, TheMedianOfTheNearest) {
  SeenRuns seen;
  EXPECT_EQ(seen.slowness("m", "e", "p"), std::nullopt);
  for (const double slowness : {1.5, 9.0, 2.0}) seen.add({"m", "e", "p", slowness});
  seen.add({"m", "e", "q", 4});
  seen.add({"m", "f", "p", 8});
  EXPECT_EQ(seen.slowness("m", "e", "p"), 2.0);
  EXPECT_EQ(seen.slowness("m", "e", "new"), 4.0) << "of the experiment's presets, 2 and 4";
  EXPECT_EQ(seen.slowness("m", "new", "p"), 4.0) << "of all presets: 2, 4 and 8";
  EXPECT_EQ(seen.slowness("another machine", "e", "p"), std::nullopt);
}

TEST(SeenRuns, OldOnesAreForgotten) {
  SeenRuns seen;
  for (int i = 0; i < 100; ++i) seen.add({"m", "e", "p", 100});
  for (int i = 0; i < 5; ++i) seen.add({"m", "e", "p", 2});
  EXPECT_EQ(seen.slowness("m", "e", "p"), 2.0);
  EXPECT_LT(seen.all().size(), 20u);
  seen.add({"m", "e", "p", 0});  // what no clock has measured
  seen.add({"m", "e", "p", 1e9});
  EXPECT_EQ(seen.slowness("m", "e", "p"), 2.0);
}

TEST(SeenRuns, ReadBackWhatTheyWrite) {
  SeenRuns seen;
  seen.add({"a machine, avx2", "e", "p", 1.25});
  EXPECT_EQ(SeenRuns::from_json(seen.to_json(), "x").all(), seen.all());
  EXPECT_THROW(SeenRuns::from_json("{}", "x"), UserError);
}

TEST(Counts, ReadBackWhatTheyWrite) {
  Counts counts{"0123", {}};
  counts.presets[{"e", "p"}] = {Count{2.5, 3, {{1e15, 1.5e9}, {0, 7}}}, ""};
  counts.presets[{"e", "q"}] = {std::nullopt, "text 'x': there is no such file"};
  counts.presets.at({"e", "p"}).reads = {"x of a", "x of b after 5"};
  const Counts back = counts_from_json(counts_to_json(counts), "x");
  EXPECT_EQ(back.program, "0123");
  EXPECT_EQ((back.presets.at({"e", "p"}).count), (counts.presets.at({"e", "p"}).count));
  EXPECT_EQ((back.presets.at({"e", "p"}).reads),
            (std::vector<std::string>{"x of a", "x of b after 5"}));
  EXPECT_FALSE((back.presets.at({"e", "q"}).reads));
  EXPECT_EQ((back.presets.at({"e", "q"}).why_not), "text 'x': there is no such file");
  EXPECT_THROW(counts_from_json("[1]", "x"), UserError);
}

}  // namespace
}  // namespace omni
