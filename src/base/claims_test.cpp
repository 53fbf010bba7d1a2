#include "base/claims.h"

#include <gtest/gtest.h>

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

TEST(Claims, OneSidedClaims) {
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

TEST(Claims, BandsNeedTheWholeInterval) {
  const std::vector<double> v = {0.50, 0.52, 0.54, 0.53};
  EXPECT_EQ(judge_one(band(0.40, 0.60), v).verdict, Verdict::supported);
  EXPECT_EQ(judge_one(band(0.52, 0.60), v).verdict, Verdict::undecided);
  EXPECT_EQ(judge_one(band(0.60, 0.70), v).verdict, Verdict::refuted);
}

TEST(Claims, ExactFactsFailOnOneCounterexample) {
  const Claim fact{.kind = ClaimKind::exact};
  EXPECT_EQ(judge_one(fact, {1, 1, 1}).verdict, Verdict::supported);
  EXPECT_EQ(judge_one(fact, {1, 1, 0}).verdict, Verdict::refuted);
  EXPECT_EQ(judge_one(fact, {}).verdict, Verdict::undecided);
  EXPECT_EQ(judge_one(fact, {kNaN}).verdict, Verdict::undecided);
  EXPECT_THROW(judge_one(fact, {0.5}), Bug);
}

TEST(Claims, TooFewSeedsAreUndecidedAndSayWhy) {
  for (const std::vector<double>& v :
       std::vector<std::vector<double>>{{}, {0.9}, {0.9, 0.9}, {0.9, kNaN}}) {
    const Judgement j = judge_one(above(0.1), v);
    EXPECT_EQ(j.verdict, Verdict::undecided);
    EXPECT_FALSE(j.note.empty());
  }
  EXPECT_EQ(judge_one(above(0.1), {0.9, 0.9, 0.9}).verdict, Verdict::supported);
}

TEST(Claims, DivergedModelsAreCountedAndLeftOut) {
  const Judgement j = judge_one(above(0.45), {0.50, kNaN, 0.52, 0.51});
  EXPECT_EQ(j.n, 3);
  EXPECT_EQ(j.excluded, 1);
  EXPECT_DOUBLE_EQ(j.estimate, (0.50 + 0.52 + 0.51) / 3);
}

TEST(Claims, RatesUseExactIntervals) {
  Claim claim = above(0.90);
  claim.rate = true;
  const Judgement j = judge_one(claim, std::vector<double>(100, 1.0));
  EXPECT_EQ(j.verdict, Verdict::supported);
  EXPECT_DOUBLE_EQ(j.interval.low, exact_interval(100, 100).low);
  EXPECT_EQ(judge_one(claim, std::vector<double>(5, 1.0)).verdict, Verdict::undecided);
  claim.threshold = -0.1;
  EXPECT_EQ(judge_one(claim, {0, 0}).verdict, Verdict::supported) << "no rate lies below";
}

// p is the smallest a whose interval decides: the interval of level 1 - p touches the threshold.
TEST(Claims, PValueAgreesWithTheInterval) {
  const std::vector<double> v = {0.50, 0.55, 0.53, 0.58, 0.51};
  const double p = judge_one(above(0.50), v).p_value;
  EXPECT_NEAR(summarize(v, 1 - p).interval.low, 0.50, 1e-9);
  const double q = judge_one(band(0.40, 0.58), v).p_value;
  EXPECT_NEAR(summarize(v, 1 - q).interval.high, 0.58, 1e-9);
  Claim rate = above(0.5);
  rate.rate = true;
  const double r = judge_one(rate, {1, 1, 1, 1, 1, 1, 1, 1, 0, 1}).p_value;
  EXPECT_NEAR(exact_interval(9, 10, 1 - r).low, 0.5, 1e-9);
}

TEST(Claims, HolmStepsDownAndStops) {
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
    EXPECT_NE(j.note.find("Alone it would be decided; together with the other 1"),
              std::string::npos) << j.note;
  }
  // A strong claim is judged first, at 1 - 0.05 / 2, and leaves the whole alpha to the weak one.
  const std::vector<Sampled> strong = {{above(0), weak}, {above(0), {0.50, 0.52, 0.51, 0.53}}};
  const auto j = judge(strong);
  EXPECT_EQ(j[1].verdict, Verdict::supported);
  EXPECT_DOUBLE_EQ(j[1].level, 0.975);
  EXPECT_EQ(j[0].verdict, Verdict::supported);
  EXPECT_DOUBLE_EQ(j[0].level, 0.95);
}

TEST(Claims, FactsAndUnjudgedClaimsCostNothing) {
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
TEST(Claims, HolmKeepsTheErrorOfAWholeReport) {
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

TEST(Claims, NamesReadBack) {
  for (const Verdict v :
       {Verdict::supported, Verdict::refuted, Verdict::undecided, Verdict::not_judged})
    EXPECT_EQ(verdict_from_name(name_of(v)), v);
  for (const ClaimKind k : {ClaimKind::above, ClaimKind::below, ClaimKind::band, ClaimKind::exact,
                            ClaimKind::some})
    EXPECT_EQ(claim_kind_from_name(name_of(k)), k);
  EXPECT_THROW(verdict_from_name("maybe"), UserError);
}

TEST(Claims, OneShownSeedIsEnoughForSome) {
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
