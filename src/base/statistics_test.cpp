#include "base/statistics.h"

#include <gtest/gtest.h>

#include <array>

#include "base/error.h"
#include "base/random.h"

namespace omni {
namespace {

using Sampled = std::pair<Claim, std::vector<double>>;

Claim above(double threshold) { return {.kind = ClaimKind::above, .threshold = threshold}; }
Claim band(double low, double high) { return {.kind = ClaimKind::band, .low = low, .high = high}; }

Judgement judge_one(const Claim& claim, std::vector<double> values) {
  const std::vector<Sampled> claims = {{claim, std::move(values)}};
  return judge(claims)[0];
}

TEST(Statistics, SummaryOfAKnownSample) {
  const std::array v = {1.0, 2.0, 3.0, kNaN, 4.0};
  const Summary s = summarize(v);
  EXPECT_EQ(s.n, 4);
  EXPECT_EQ(s.excluded, 1);
  EXPECT_DOUBLE_EQ(s.mean, 2.5);
  EXPECT_NEAR(s.deviation, 1.2909944487358056, 1e-12);
  EXPECT_NEAR(s.interval.high - s.mean, 3.182446305284263 * 1.2909944487358056 / 2, 1e-9);
}

// The t-interval is right for small n: the normal one would cover 81, 88 and 92 %.
TEST(Statistics, IntervalsCoverNinetyFivePercentForSmallN) {
  constexpr int kTrials = 20000;
  for (const int n : {3, 5, 10}) {
    Stream stream(Key::of(7).fold("coverage").fold(static_cast<uint64_t>(n)));
    int covered = 0, paired = 0;
    std::vector<double> a(n), b(n);
    for (int trial = 0; trial < kTrials; ++trial) {
      for (double& v : a) v = 0.4 + 0.1 * stream.normal();
      for (int i = 0; i < n; ++i) b[i] = a[i] - 0.2 + 0.03 * stream.normal();
      covered += summarize(a).interval.contains(0.4);
      paired += paired_difference(a, b).interval.contains(0.2);
    }
    // Four standard errors of a share of 0.95 over 20,000 trials are 0.006.
    EXPECT_NEAR(covered / double(kTrials), 0.95, 0.006) << "n = " << n;
    EXPECT_NEAR(paired / double(kTrials), 0.95, 0.006) << "n = " << n;
  }
}

TEST(Statistics, TooFewValuesHaveNoInterval) {
  EXPECT_FALSE(summarize(std::array{1.0}).interval.known());
  EXPECT_TRUE(std::isnan(summarize({}).mean));
  EXPECT_FALSE(wilson_interval(0, 0).known());
}

TEST(Statistics, EqualValuesHaveNoDeviation) {
  const std::vector<double> v(7, 0.1);
  const Summary s = summarize(v);
  EXPECT_EQ(s.deviation, 0);
  EXPECT_EQ(s.mean, 0.1);
}

TEST(Statistics, WilsonAgainstPublishedValues) {
  // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29, Wilson score.
  const auto near = [](Interval i, double low, double high) {
    EXPECT_NEAR(i.low, low, 5e-5);
    EXPECT_NEAR(i.high, high, 5e-5);
  };
  near(wilson_interval(81, 263), 0.2553, 0.3662);
  near(wilson_interval(15, 148), 0.0624, 0.1605);
  near(wilson_interval(0, 20), 0.0, 0.1611);
  near(wilson_interval(1, 29), 0.0061, 0.1718);
}

TEST(Statistics, EffectSizes) {
  const std::array a = {2.0, 4.0, 6.0}, b = {1.0, 2.0, 3.0};
  EXPECT_DOUBLE_EQ(cohen_d_paired(a, b), 2.0);
  EXPECT_NEAR(cohen_d_unpaired(a, b), 2 / std::sqrt(2.5), 1e-12);
  EXPECT_TRUE(std::isnan(cohen_d_paired(a, a)));
}

TEST(Statistics, WelchIsTheTTestWhereSizesAndSpreadsAreEqual) {
  const std::array a = {1.0, 2.0, 3.0}, b = {2.0, 3.0, 4.0};
  const Summary d = welch_difference(a, b);
  EXPECT_NEAR(d.mean, -1, 1e-12);
  EXPECT_NEAR(d.interval.high - d.mean, 2.7764451051977987 * std::sqrt(2.0 / 3), 1e-9);  // t(4)
}

// Six targets rated by four judges: Shrout & Fleiss 1979, tables 2 to 4.
const std::vector<double> kRatings = {9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8,
                                      7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7};

TEST(Statistics, IntraclassCorrelationOfAPublishedExample) {
  std::vector<std::vector<double>> targets;
  for (size_t i = 0; i < kRatings.size(); i += 4)
    targets.emplace_back(kRatings.begin() + i, kRatings.begin() + i + 4);
  const OneWayVariance v = one_way_variance(targets);
  EXPECT_NEAR(v.within, 6.26, 5e-3);
  EXPECT_NEAR(v.within + 4 * v.between, 11.24, 5e-3);  // the mean square between targets
  EXPECT_NEAR(v.icc(), 0.17, 5e-3);
}

// By hand: groups {1, 3}, {5}; mean 3; within 2, between squares 2 * 1 + 4 = 6, size 4/3.
TEST(Statistics, OneWayVarianceOfUnequalGroups) {
  const std::vector<std::vector<double>> groups = {{1, 3, kNaN}, {5}, {}};
  const OneWayVariance v = one_way_variance(groups);
  EXPECT_DOUBLE_EQ(v.within, 2);
  EXPECT_DOUBLE_EQ(v.between, 3);
  EXPECT_DOUBLE_EQ(v.icc(), 0.6);
  const std::vector<std::vector<double>> one_group = {{1, 2}}, no_repeats = {{1}, {2}};
  EXPECT_TRUE(std::isnan(one_way_variance(one_group).icc()));
  EXPECT_TRUE(std::isnan(one_way_variance(no_repeats).icc()));
}

TEST(Statistics, TwoWayVarianceOfAPublishedExample) {
  const TwoWayVariance v = two_way_variance(kRatings, 4);
  EXPECT_NEAR(v.rest, 1.02, 5e-3);
  EXPECT_NEAR(v.rest + 4 * v.row, 11.24, 5e-3);
  EXPECT_NEAR(v.rest + 6 * v.column, 32.49, 5e-3);
  EXPECT_NEAR(v.row / v.total(), 0.29, 5e-3);  // their ICC(2,1)
}

// By hand: means 2 and 4, 2 and 4, no interaction.
TEST(Statistics, TwoWayVarianceOfAnAdditiveGrid) {
  const TwoWayVariance v = two_way_variance(std::array{1.0, 3.0, 3.0, 5.0}, 2);
  EXPECT_NEAR(v.row, 2, 1e-12);
  EXPECT_NEAR(v.column, 2, 1e-12);
  EXPECT_NEAR(v.rest, 0, 1e-12);
  EXPECT_TRUE(std::isnan(two_way_variance(std::array{1.0, 3.0, kNaN, 5.0}, 2).total()));
  EXPECT_THROW(two_way_variance(std::array{1.0, 3.0, 5.0}, 2), Bug);
}

// The smallest samples there are, averaged: estimators that cut at zero would be biased upwards.
TEST(Statistics, VarianceComponentsHaveNoBias) {
  constexpr int kTrials = 40000;
  Stream stream(Key::of(5).fold("components"));
  OneWayVariance one{0, 0};
  TwoWayVariance two{0, 0, 0};
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto group = [&](size_t n) {
      std::vector<double> v(n, 0.5 * stream.normal());
      for (double& x : v) x += stream.normal();
      return v;
    };
    const std::vector<std::vector<double>> groups = {group(2), group(1), group(3)};
    const OneWayVariance o = one_way_variance(groups);
    one.between += o.between / kTrials;
    one.within += o.within / kTrials;
    const std::array row = {0.6 * stream.normal(), 0.6 * stream.normal()};
    const std::array column = {0.3 * stream.normal(), 0.3 * stream.normal()};
    std::vector<double> grid;
    for (const double r : row)
      for (const double c : column) grid.push_back(r + c + stream.normal());
    const TwoWayVariance t = two_way_variance(grid, 2);
    two.row += t.row / kTrials;
    two.column += t.column / kTrials;
    two.rest += t.rest / kTrials;
  }
  EXPECT_NEAR(one.between, 0.25, 0.02);
  EXPECT_NEAR(one.within, 1, 0.02);
  EXPECT_NEAR(two.row, 0.36, 0.03);
  EXPECT_NEAR(two.column, 0.09, 0.03);
  EXPECT_NEAR(two.rest, 1, 0.03);
}

TEST(Statistics, SpearmanByHand) {
  const std::array a = {1.0, 2.0, 3.0, 4.0, 5.0};
  EXPECT_DOUBLE_EQ(spearman(a, std::array{1.0, 8.0, 27.0, 64.0, 125.0}), 1);
  EXPECT_DOUBLE_EQ(spearman(a, std::array{5.0, 4.0, 3.0, 2.0, 1.0}), -1);
  // Ranks 2, 1, 4, 3, 5: 1 - 6 * 4 / (5 * 24).
  EXPECT_DOUBLE_EQ(spearman(a, std::array{20.0, 10.0, 40.0, 30.0, 50.0}), 0.8);
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(spearman(std::array{1.0, 2.0, 2.0, 3.0}, std::array{1.0, 2.0, 3.0, 4.0}),
              4.5 / std::sqrt(22.5), 1e-12);
  EXPECT_DOUBLE_EQ(spearman(std::array{1.0, kNaN, 3.0}, std::array{2.0, 9.0, 1.0}), -1);
  EXPECT_TRUE(std::isnan(spearman(std::array{1.0, 1.0}, std::array{1.0, 2.0})));
}

TEST(Statistics, OneSidedClaims) {
  const std::vector<double> v = {0.50, 0.52, 0.54, 0.53};
  EXPECT_EQ(judge_one(above(0.45), v).verdict, Verdict::supported);
  EXPECT_EQ(judge_one(above(0.60), v).verdict, Verdict::refuted);
  EXPECT_EQ(judge_one(above(0.52), v).verdict, Verdict::undecided);
  Claim below = above(0.60);
  below.kind = ClaimKind::below;
  EXPECT_EQ(judge_one(below, v).verdict, Verdict::supported);
  below.threshold = 0.45;
  EXPECT_EQ(judge_one(below, v).verdict, Verdict::refuted);
}

TEST(Statistics, BandsNeedTheWholeInterval) {
  const std::vector<double> v = {0.50, 0.52, 0.54, 0.53};
  EXPECT_EQ(judge_one(band(0.40, 0.60), v).verdict, Verdict::supported);
  EXPECT_EQ(judge_one(band(0.52, 0.60), v).verdict, Verdict::undecided);
  EXPECT_EQ(judge_one(band(0.60, 0.70), v).verdict, Verdict::refuted);
}

TEST(Statistics, ExactFactsFailOnOneCounterexample) {
  const Claim fact{.kind = ClaimKind::exact};
  EXPECT_EQ(judge_one(fact, {1, 1, 1}).verdict, Verdict::supported);
  EXPECT_EQ(judge_one(fact, {1, 1, 0}).verdict, Verdict::refuted);
  EXPECT_EQ(judge_one(fact, {}).verdict, Verdict::undecided);
  EXPECT_EQ(judge_one(fact, {kNaN}).verdict, Verdict::undecided);
  EXPECT_THROW(judge_one(fact, {0.5}), Bug);
}

TEST(Statistics, TooFewSeedsAreUndecidedAndSayWhy) {
  for (const std::vector<double>& v :
       std::vector<std::vector<double>>{{}, {0.9}, {0.9, 0.9}, {0.9, kNaN}}) {
    const Judgement j = judge_one(above(0.1), v);
    EXPECT_EQ(j.verdict, Verdict::undecided);
    EXPECT_FALSE(j.note.empty());
  }
  EXPECT_EQ(judge_one(above(0.1), {0.9, 0.9, 0.9}).verdict, Verdict::supported);
}

TEST(Statistics, DivergedModelsAreCountedAndLeftOut) {
  const Judgement j = judge_one(above(0.45), {0.50, kNaN, 0.52, 0.51});
  EXPECT_EQ(j.n, 3);
  EXPECT_EQ(j.excluded, 1);
  EXPECT_DOUBLE_EQ(j.estimate, (0.50 + 0.52 + 0.51) / 3);
  EXPECT_NE(j.note.find("left out"), std::string::npos);
}

TEST(Statistics, RatesUseWilson) {
  Claim claim = above(0.90);
  claim.rate = true;
  const Judgement j = judge_one(claim, std::vector<double>(100, 1.0));
  EXPECT_EQ(j.verdict, Verdict::supported);
  EXPECT_DOUBLE_EQ(j.interval.low, wilson_interval(100, 100).low);
  EXPECT_EQ(judge_one(claim, std::vector<double>(5, 1.0)).verdict, Verdict::undecided);
}

// p is the smallest a whose interval decides: the interval of level 1 - p touches the threshold.
TEST(Statistics, PValueAgreesWithTheInterval) {
  const std::vector<double> v = {0.50, 0.55, 0.53, 0.58, 0.51};
  const double p = judge_one(above(0.50), v).p_value;
  EXPECT_NEAR(summarize(v, 1 - p).interval.low, 0.50, 1e-9);
  const double q = judge_one(band(0.40, 0.58), v).p_value;
  EXPECT_NEAR(summarize(v, 1 - q).interval.high, 0.58, 1e-9);
  Claim rate = above(0.5);
  rate.rate = true;
  const double r = judge_one(rate, {1, 1, 1, 1, 1, 1, 1, 1, 0, 1}).p_value;
  EXPECT_NEAR(wilson_interval(9, 10, 1 - r).low, 0.5, 1e-9);
}

TEST(Statistics, HolmStepsDownAndStops) {
  // Alone each of these has p of about 0.04: decided alone, undecided beside another like it.
  const std::vector<double> weak = {0.02, 0.04, 0.06, 0.07, 0.002};
  const double p = judge_one(above(0), weak).p_value;
  ASSERT_GT(p, 0.025);
  ASSERT_LT(p, 0.05);
  EXPECT_EQ(judge_one(above(0), weak).verdict, Verdict::supported);
  const std::vector<Sampled> two = {{above(0), weak}, {above(0), weak}};
  for (const Judgement& j : judge(two)) {
    EXPECT_EQ(j.verdict, Verdict::undecided);
    EXPECT_TRUE(j.interval.contains(0)) << "an undecided claim shows an interval that says so";
    EXPECT_DOUBLE_EQ(j.level, 0.975);
  }
  // A strong claim is judged first, at 1 - 0.05 / 2, and leaves the whole alpha to the weak one.
  const std::vector<Sampled> strong = {{above(0), weak}, {above(0), {0.50, 0.52, 0.51, 0.53}}};
  const auto j = judge(strong);
  EXPECT_EQ(j[1].verdict, Verdict::supported);
  EXPECT_DOUBLE_EQ(j[1].level, 0.975);
  EXPECT_EQ(j[0].verdict, Verdict::supported);
  EXPECT_DOUBLE_EQ(j[0].level, 0.95);
}

TEST(Statistics, FactsAndUnjudgedClaimsCostNothing) {
  Claim contested = above(0);
  contested.judged = false;
  const std::vector<double> v = {0.02, 0.04, 0.06, 0.07, 0.002};
  const std::vector<Sampled> claims = {
      {above(0), v}, {contested, v}, {{.kind = ClaimKind::exact}, {1, 1}}};
  const auto j = judge(claims);
  EXPECT_DOUBLE_EQ(j[0].level, 0.95);
  EXPECT_EQ(j[1].verdict, Verdict::not_judged);
  EXPECT_TRUE(j[1].interval.known());
  EXPECT_EQ(j[2].verdict, Verdict::supported);
}

// Under twenty true null hypotheses hardly more than 5 % of reports hold a wrong verdict.
TEST(Statistics, HolmKeepsTheErrorOfAWholeReport) {
  Stream stream(Key::of(11).fold("family"));
  int wrong = 0;
  constexpr int kReports = 2000;
  for (int report = 0; report < kReports; ++report) {
    std::vector<Sampled> claims;
    for (int c = 0; c < 20; ++c) {
      std::vector<double> v(8);
      for (double& x : v) x = stream.normal();
      claims.push_back({above(0), v});
    }
    bool any = false;
    for (const Judgement& j : judge(claims)) any |= j.verdict != Verdict::undecided;
    wrong += any;
  }
  EXPECT_NEAR(wrong / double(kReports), 0.05, 0.02);
}

TEST(Statistics, NamesReadBack) {
  for (const Verdict v :
       {Verdict::supported, Verdict::refuted, Verdict::undecided, Verdict::not_judged})
    EXPECT_EQ(verdict_from_name(name_of(v)), v);
  for (const ClaimKind k : {ClaimKind::above, ClaimKind::below, ClaimKind::band, ClaimKind::exact,
                            ClaimKind::some})
    EXPECT_EQ(claim_kind_from_name(name_of(k)), k);
  EXPECT_THROW(verdict_from_name("maybe"), UserError);
}

TEST(Judge, OneShownSeedIsEnoughForSome) {
  const Claim some{.kind = ClaimKind::some};
  const auto verdict = [&](std::vector<double> v) {
    const std::vector<std::pair<Claim, std::vector<double>>> claims = {{some, std::move(v)}};
    return judge(claims, 0.05)[0].verdict;
  };
  EXPECT_EQ(verdict({0, 1, 0}), Verdict::supported);
  EXPECT_EQ(verdict({0, 0, 0}), Verdict::undecided);
  EXPECT_EQ(verdict({0, 0, 0, 0, kNaN}), Verdict::undecided);
  EXPECT_EQ(verdict({0, 0, 0, 0, 0}), Verdict::refuted);
}

}  // namespace
}  // namespace omni
