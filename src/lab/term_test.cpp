// Terms and statements: values with their ranges, what they read, how they read, and slips in them.
#include "lab/term.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "lab/experiment.h"

namespace omni {
namespace {

// "acc" of an arm is a share; "steps" can lie anywhere; "gone" is missing.
Quantity seed_value(const MetricRead& r) {
  if (r.metric == "gone") return {};
  double x = r.arm == "a" ? 0.9 : r.arm == "b" ? 0.2 : 0.5;
  if (r.step != kFinalStep) x /= static_cast<double>(r.step);
  if (r.variant == "width=64") x -= 0.1;
  return r.metric == "acc" ? Quantity(x, {0, 1, 500}) : Quantity(100 * x);
}

Quantity value(const Term& t) { return t.value(seed_value); }

const Term kA = of("a", "acc"), kB = of("b", "acc"), kSteps = of("a", "steps");

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Term, IsAMetricOfAnArmSomewhere) {
  EXPECT_DOUBLE_EQ(value(kA), 0.9);
  EXPECT_EQ(value(kA).range, (Range{0, 1, 500}));
  EXPECT_DOUBLE_EQ(value(kA.after(2)), 0.45);
  EXPECT_DOUBLE_EQ(value(kA.at("width=64")), 0.8);
  EXPECT_EQ(kA.text(), "acc of a");
  EXPECT_EQ(kA.after(20).text(), "acc of a after 20");
  EXPECT_EQ(kA.at("width=64").after(3).text(), "acc of a after 3 at width=64");
  EXPECT_EQ(kA.after(20).reads(), (std::vector<MetricRead>{{"a", "acc", 20}}));
  EXPECT_EQ(kA.at("w=1").reads(), (std::vector<MetricRead>{{"a", "acc", kFinalStep, "w=1"}}));
  EXPECT_EQ(error_of([] { (kA - kB).after(3); }),
            "after(3): 'acc of a - acc of b' is no metric; say it of each metric");
  EXPECT_EQ(error_of([] { Term(3).at("w=1"); }),
            "at(\"w=1\"): '3' is no metric; say it of each metric");
}

TEST(Term, CarriesRangesAlong) {
  EXPECT_DOUBLE_EQ(value(kA - kB), 0.7);
  EXPECT_EQ(value(kA - kB).range, (Range{-1, 1}));
  EXPECT_EQ(value(kA + kB).range, (Range{0, 2}));
  EXPECT_EQ(value(kA - 2 * kB).range, (Range{-2, 1}));
  EXPECT_DOUBLE_EQ(value(kA - 2 * kB), 0.5);
  EXPECT_EQ(value(kA + 1).range, (Range{1, 2}));
  EXPECT_EQ(value(1 + kA).range, (Range{1, 2}));
  EXPECT_EQ(value(kA - 0.5).range, (Range{-0.5, 0.5}));
  EXPECT_EQ(value(1 - kA).range, (Range{0, 1}));
  EXPECT_EQ(value(kA / 2).range, (Range{0, 0.5}));
  EXPECT_EQ(value(kA * -2).range, (Range{-2, 0}));
  EXPECT_EQ(value(-kA).range, (Range{-1, 0}));
  EXPECT_EQ(value(abs(kB - kA)).range, (Range{0, 1}));
  EXPECT_DOUBLE_EQ(value(abs(kB - kA)), 0.7);
  EXPECT_EQ(value(kA + (Term(2) - 1)).range, (Range{1, 2})) << "made of numbers it is one";
  EXPECT_EQ(value(least({kA, kB})).range, (Range{0, 1, 500}));
}

TEST(Term, WhatElseIsMadeOfThemCanLieAnywhere) {
  EXPECT_DOUBLE_EQ(value(kA / kB), 4.5);
  EXPECT_FALSE(value(kA / kB).range.bounded());
  EXPECT_FALSE(value(kA * kB).range.bounded());
  EXPECT_FALSE(value(kA + kSteps).range.bounded());
  EXPECT_FALSE(value(log(kA)).range.bounded());
  EXPECT_DOUBLE_EQ(value(log(kA / kB)), std::log(4.5));
}

TEST(Term, SeveralAtOnce) {
  const Term c = of("c", "acc");
  EXPECT_DOUBLE_EQ(value(least({kA, kB, c})), 0.2);
  EXPECT_DOUBLE_EQ(value(most({kB, kA, c})), 0.9);
  const std::vector<Term> steps = changes({kA, c, kB});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_DOUBLE_EQ(value(steps[0]), -0.4);
  EXPECT_DOUBLE_EQ(value(spearman({1, 2, 3}, {kB, c, kA})), 1);
  EXPECT_DOUBLE_EQ(value(spearman({1, 2, 3}, {kA, c, kB})), -1);
  EXPECT_EQ(value(spearman({1, 2}, {kA, kB})).range, (Range{-1, 1}));
  EXPECT_EQ(error_of([] {
              spearman({1, 2, 3}, {kA, kB});
            }),
            "spearman: 3 numbers and 2 terms make no pairs");
}

TEST(Term, IsMissingWhereAMetricIs) {
  const Term gone = of("a", "gone");
  for (const Term& t : {gone, kA - gone, gone + 1, 2 * gone, gone / kA, abs(gone), log(gone),
                        least({kA, gone}), most({gone, kA}), -gone})
    EXPECT_TRUE(std::isnan(value(t).value)) << t.text();
}

TEST(Term, ReadsEachMetricOnce) {
  const Term t = least({kA - kB, kB - kA, kA.after(3)}) + spearman({1}, {kSteps}) - 2;
  EXPECT_EQ(t.reads(),
            (std::vector<MetricRead>{{"a", "acc"}, {"b", "acc"}, {"a", "acc", 3}, {"a", "steps"}}));
  EXPECT_TRUE(Term(2).is_number());
  EXPECT_TRUE((Term(2) * 3 - 1).is_number());
  EXPECT_FALSE((2 * kA).is_number());
}

TEST(Term, IsADifferenceOfWhatIsMeasured) {
  for (const Term& t : {kA - kB, kA - 2 * kB, 0.5 * kA - kB, least({kA - kB, kB - kA}),
                        most(changes({kA, kB, kA})), kA - least({kA, kB})})
    EXPECT_TRUE(t.is_difference()) << t.text();
  for (const Term& t : {kA, kA + kB, kA - 0.5, 1 - kA, abs(kA - kB), 2 * (kA - kB), least({kA}),
                        least({kA - kB, kA}), least({}), kA / kB, -(kA - kB)})
    EXPECT_FALSE(t.is_difference()) << t.text();
}

TEST(Term, ReadsAsItWasWritten) {
  const std::pair<Term, const char*> cases[] = {
      {kA - kB, "acc of a - acc of b"},
      {kA - (kB + 1), "acc of a - (acc of b + 1)"},
      {kA - (kB - kA), "acc of a - (acc of b - acc of a)"},
      {kA + (kB - 1), "acc of a + acc of b - 1"},
      {0.9 * kA, "0.9 * acc of a"},
      {2 * (kA - kB), "2 * (acc of a - acc of b)"},
      {(kA - kB) / (kA + kB), "(acc of a - acc of b) / (acc of a + acc of b)"},
      {kA / (2 * kB), "acc of a / (2 * acc of b)"},
      {kA * kB / 2, "acc of a * acc of b / 2"},
      {-(kA + kB), "-(acc of a + acc of b)"},
      {abs(kA - kB), "|acc of a - acc of b|"},
      {log(kA), "log(acc of a)"},
      {least({kA, kB - 1}), "least(acc of a, acc of b - 1)"},
      {most({kA}) - kB, "most(acc of a) - acc of b"},
      {spearman({0.1, 1}, {kA, kB}), "rank correlation of (0.1, 1) with (acc of a, acc of b)"},
      {kA - 1e-7, "acc of a - 1e-07"}};
  for (const auto& [term, text] : cases) EXPECT_EQ(term.text(), text);
}

TEST(Term, AStarStandsForEveryArmThatFits) {
  const RecordedMetrics recorded = {{"base", {{"acc", kFinalStep}, {"curve", 4}}},
                                    {"fork-0", {{"acc", kFinalStep}, {"curve", 4}, {"curve", 8}}},
                                    {"fork-1", {{"acc", kFinalStep}, {"curve", 4}}},
                                    {"fork-2", {{"loss", kFinalStep}}},
                                    {"end-0", {{"acc", kFinalStep}}}};
  const auto text = [&](const Term& t) { return t.spelled_out(recorded).text(); };
  EXPECT_EQ(text(least({of("fork-*", "acc")})), "least(acc of fork-0, acc of fork-1)");
  EXPECT_EQ(text(most({kA, of("fork-*", "curve").after(8)})),
            "most(acc of a, curve of fork-0 after 8)");
  EXPECT_EQ(text(least({of("fork-*", "acc") - of("end-*", "acc")})),
            "least(acc of fork-0 - acc of end-0)")
      << "it is the same in one term";
  EXPECT_EQ(text(1 - 2 * least({of("*", "curve").after(4) - kA})),
            "1 - 2 * least(curve of base after 4 - acc of a, curve of fork-0 after 4 - acc of a, "
            "curve of fork-1 after 4 - acc of a)");
  const Term none = least({of("rate-*", "acc")});
  EXPECT_EQ(text(none), none.text()) << "where no arm fits it stays";
  const Term elsewhere = of("fork-*", "acc") - 1;
  EXPECT_EQ(text(elsewhere), elsewhere.text());
  EXPECT_TRUE(least({of("fork-*", "acc") - kA}).spelled_out(recorded).is_difference());
}

// --- Statements ---

TEST(Statement, ComparesATermWithANumberOrAnother) {
  const Statement above = kA > 0.45, below = kA<kB, gap = kA - kB> 0.3, times = kA > 0.9 * kB;
  EXPECT_EQ(above.claim.kind, ClaimKind::above);
  EXPECT_EQ(above.claim.threshold, 0.45);
  EXPECT_FALSE(above.claim.difference);
  EXPECT_EQ(above.text, "acc of a > 0.45");
  EXPECT_EQ(below.claim.kind, ClaimKind::below);
  EXPECT_EQ(below.claim.threshold, 0);
  EXPECT_TRUE(below.claim.difference);
  EXPECT_EQ(below.text, "acc of a < acc of b");
  EXPECT_DOUBLE_EQ(below.value(seed_value), 0.7);
  EXPECT_EQ(gap.claim.threshold, 0.3);
  EXPECT_TRUE(gap.claim.difference);
  EXPECT_EQ(times.text, "acc of a > 0.9 * acc of b");
  EXPECT_DOUBLE_EQ(times.value(seed_value), 0.9 - 0.9 * 0.2);
  EXPECT_EQ((kA > Term(1) / 2).claim.threshold, 0.5);
}

TEST(Statement, PutsATermBetweenTwoNumbers) {
  const Statement s = within(kA - kB, -0.05, 0.05), n = near(kA, 0.943, 0.005);
  EXPECT_EQ(s.claim.kind, ClaimKind::band);
  EXPECT_EQ(s.claim.low, -0.05);
  EXPECT_EQ(s.claim.high, 0.05);
  EXPECT_TRUE(s.claim.difference);
  EXPECT_EQ(s.text, "-0.05 <= acc of a - acc of b <= 0.05");
  EXPECT_EQ(n.claim.low, 0.943 - 0.005);
  EXPECT_EQ(n.claim.high, 0.943 + 0.005);
  EXPECT_FALSE(n.claim.difference);
  EXPECT_EQ(n.text, "0.938 <= acc of a <= 0.948");
}

TEST(Statement, OfASeedIsAFact) {
  const Statement all = always(kA == 0.9), some = sometimes(kB >= 0.85), most = always(kB <= 0.2);
  EXPECT_EQ(all.claim.kind, ClaimKind::exact);
  EXPECT_EQ(all.text, "on every seed: acc of a = 0.9");
  EXPECT_EQ(all.value(seed_value).value, 1);
  EXPECT_EQ(some.claim.kind, ClaimKind::some);
  EXPECT_EQ(some.text, "on some seed: acc of b >= 0.85");
  EXPECT_EQ(some.value(seed_value).value, 0);
  EXPECT_EQ(most.value(seed_value).value, 1);
  EXPECT_TRUE(std::isnan(always(of("a", "gone") == 1).value(seed_value).value));
  EXPECT_EQ(error_of([] { sometimes(always(kA == 1)); }),
            "sometimes(on every seed: acc of a = 1): it is said already how often");
}

TEST(Statement, OfASeedMayBeWhateverIsClaimedOfTheMean) {
  const auto shown = [](const Statement& s) {
    EXPECT_EQ(s.claim.kind, ClaimKind::exact);
    return s.value(seed_value).value;
  };
  EXPECT_EQ(always(kA > 1).text, "on every seed: acc of a > 1");
  EXPECT_EQ(shown(always(kA > 1)), 0);
  EXPECT_EQ(shown(always(kA < 1)), 1);
  EXPECT_EQ(shown(always(kA > kB)), 1);
  EXPECT_EQ(shown(always(kA < kB)), 0);
  EXPECT_EQ(shown(always(within(kA, 0.9, 1))), 1);
  EXPECT_EQ(shown(always(near(kA, 0.5, 0.1))), 0);
  EXPECT_EQ(sometimes(kA - kB > 0).claim.kind, ClaimKind::some);
  EXPECT_FALSE(always(kA > kB).claim.difference);
  EXPECT_TRUE(std::isnan(always(of("a", "gone") < 1).value(seed_value).value));
}

TEST(Statement, BecomesAClaim) {
  const ClaimSpec c = stated("7a", "words", kA.at("d=1") - kB.at("d=0") > kA.at("d=1") - 1);
  EXPECT_EQ(c.id + c.text, "7awords");
  EXPECT_EQ(c.variants, (std::vector<std::string>{"d=1", "d=0"}));
  EXPECT_EQ(c.reads.size(), 2u);
  EXPECT_EQ(c.formula, "acc of a at d=1 - acc of b at d=0 > acc of a at d=1 - 1");
  EXPECT_TRUE(c.claim.difference);
  EXPECT_NE(error_of([] { stated("1", "", kA >= 1); }).find("say always(acc of a >= 1)"),
            std::string::npos);
  EXPECT_EQ(error_of([] { stated("1", "", Term(2) > 1); }), "claim 1: '2 > 1' speaks of no metric");
}

// As judging reads the store: arms end in the unswept settings, or in the variant.
TEST(Statement, ReadsWhatALambdaWouldRead) {
  const SeedValues v(
      [](const std::string& arm, const std::string& metric, int64_t step) {
        return arm == "a | w=8" && metric == "acc" && step == 5 ? 0.25
               : arm == "a | w=16"                              ? 0.5
                                                                : kNaN;
      },
      " | w=8",
      [](const std::string&) {
        return Range{0, 1, 9};
      });
  EXPECT_EQ(stated("1", "", kA.after(5) > 0).value(v).value, 0.25);
  EXPECT_EQ(stated("1", "", kA.after(5) > 0).value(v).range, (Range{0, 1, 9}));
  EXPECT_EQ(stated("1", "", kA.at("w=16") > 0).value(v).value, 0.5);
  EXPECT_TRUE(std::isnan(stated("1", "", kA > 0).value(v).value));
}

}  // namespace
}  // namespace omni
