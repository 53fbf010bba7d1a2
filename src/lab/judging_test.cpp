// Whether verdicts are wrong as seldom as reports say: arms that do not differ, compared a thousand
// times through the store and the judging of claims that every run goes through.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "base/test_folder.h"
#include "lab/runner.h"

namespace omni {
namespace {

constexpr int kReports = 1000;

// Claims first .. first + count - 1, each about a metric of its own.
struct Pairs {
  int first = 0, count = 1;
  Claim claim{.kind = ClaimKind::above, .threshold = 0, .difference = true};

  void visit(auto&&) {}
  std::vector<ArmInfo> arms() const { return {{"a", "A", "", {}}, {"b", "B", "", {}}}; }
  void run(Trial&) const {}
  std::vector<ClaimSpec> claims(const Dataset&) const {
    std::vector<ClaimSpec> all;
    for (int i = first; i < first + count; ++i) {
      const std::string metric = fmt::format("m{}", i);
      all.push_back({metric, "A beats B", claim, [metric](const SeedValues& v) {
                       return v("a", metric) - v("b", metric);
                     }});
    }
    return all;
  }
  std::vector<FigureRow> figures() const { return {}; }
};

enum class Shape { normal, skewed };  // skewed: exp of a normal number

// A store in which arms a and b share what a seed brings and differ by noise of one distribution;
// a is higher by `shift` in every metric whose number, modulo 5, is below `shifted`.
struct Store {
  TestFolder folder;
  Results results{folder.path() / "results.sqlite", Access::write};
  int n;

  Store(int seeds, int metrics, Shape shape, double shift = 0, int shifted = 0) : n(seeds) {
    Stream stream(Key::of(2026).fold("arms").fold(static_cast<uint64_t>(seeds)));
    const auto noise = [&] {
      const double z = stream.normal();
      return shape == Shape::normal ? z : std::exp(z);
    };
    results.transaction([&] {
      for (int64_t seed = 0; seed < seeds; ++seed) {
        ModelResult a{"a", seed, ModelStatus::ok, -1, "", {}}, b = a;
        b.arm = "b";
        for (int m = 0; m < metrics; ++m) {
          const double common = 3 * stream.normal(), lead = m % 5 < shifted ? shift : 0;
          a.metrics.push_back({fmt::format("m{}", m), kFinalStep, common + noise() + lead});
          b.metrics.push_back({fmt::format("m{}", m), kFinalStep, common + noise()});
        }
        results.record_model(a);
        results.record_model(b);
      }
    });
  }

  std::vector<ClaimRow> judge(Pairs pairs) const {
    Resolved r;
    r.variants.push_back({"", std::make_unique<SettingsOf<Pairs>>(std::move(pairs))});
    for (int64_t seed = 0; seed < n; ++seed) r.seeds.push_back(seed);
    return judge_claims(r, {}, results, {});
  }
};

// 99.9 % of reports' counts lie this far from the expected one, at most.
double room(double share) { return 3.3 * std::sqrt(kReports * share * (1 - share)); }

struct Verdicts {
  int supported = 0, refuted = 0;
};

Verdicts one_claim_a_report(const Store& store, const Claim& claim) {
  Verdicts v;
  for (int i = 0; i < kReports; ++i) {
    const Verdict verdict = store.judge({i, 1, claim})[0].judgement.verdict;
    v.supported += verdict == Verdict::supported;
    v.refuted += verdict == Verdict::refuted;
  }
  return v;
}

class EqualArms : public testing::TestWithParam<int> {};

TEST_P(EqualArms, AreDecidedInFivePercentOfReports) {
  const Verdicts v = one_claim_a_report(Store(GetParam(), kReports, Shape::normal), Pairs().claim);
  EXPECT_NEAR(v.supported, 0.025 * kReports, room(0.025));
  EXPECT_NEAR(v.refuted, 0.025 * kReports, room(0.025));
}

// A difference of equal arms is symmetric, however skewed they are; its long tails make intervals
// wider, not narrower.
TEST_P(EqualArms, AreDecidedNoMoreOftenWhereValuesAreSkewed) {
  const Verdicts v = one_claim_a_report(Store(GetParam(), kReports, Shape::skewed), Pairs().claim);
  EXPECT_LE(v.supported, 0.025 * kReports + room(0.025));
  EXPECT_LE(v.refuted, 0.025 * kReports + room(0.025));
  EXPECT_GT(v.supported + v.refuted, 0);
}

// The truth lies on an edge of the band: half of the reports would be wrong without an interval.
TEST_P(EqualArms, OnTheEdgeOfABandAreSeldomPutOnOneSide) {
  const Verdicts v = one_claim_a_report(
      Store(GetParam(), kReports, Shape::normal),
      {.kind = ClaimKind::band, .low = 0, .high = 1000, .difference = true});
  EXPECT_NEAR(v.supported, 0.025 * kReports, room(0.025));
  EXPECT_NEAR(v.refuted, 0.025 * kReports, room(0.025));
}

INSTANTIATE_TEST_SUITE_P(Seeds, EqualArms, testing::Values(3, 5, 10, 30));

int reports_with(const Store& store, auto wrong) {
  int reports = 0;
  for (int i = 0; i < kReports; ++i) {
    bool any = false;
    for (const ClaimRow& row : store.judge({5 * i, 5})) any |= wrong(row);
    reports += any;
  }
  return reports;
}

TEST(FamilyOfClaims, IsWrongAnywhereInFivePercentOfReports) {
  const Store store(10, 5 * kReports, Shape::normal);
  const int wrong = reports_with(store, [](const ClaimRow& row) {
    return row.judgement.verdict != Verdict::undecided;
  });
  EXPECT_NEAR(wrong, 0.05 * kReports, room(0.05));
}

// True claims beside them leave less to correct for; the others must stay within alpha.
TEST(FamilyOfClaims, WithTrueClaimsIsWrongNoMoreOften) {
  const Store store(10, 5 * kReports, Shape::normal, 5.0, 2);
  int found = 0;
  const int wrong = reports_with(store, [&](const ClaimRow& row) {
    const bool is_true = std::stoi(row.id.substr(1)) % 5 < 2;
    found += is_true && row.judgement.verdict == Verdict::supported;
    return is_true ? row.judgement.verdict == Verdict::refuted
                   : row.judgement.verdict != Verdict::undecided;
  });
  EXPECT_LE(wrong, 0.05 * kReports + room(0.05));
  EXPECT_GT(found, 1.9 * kReports) << "the true claims must be found for this to mean anything";
}

// The first claim of each report is primary, and its truth near, on or beyond its threshold.
TEST(FamilyOfClaims, WithAPrimaryOneIsWrongNoMoreOften) {
  for (const double shift : {0.0, 0.1, 1.2, 5.0}) {
    Store store(6, 5 * kReports, Shape::normal, shift, 1);
    int waiting = 0, wrong = 0;
    for (int i = 0; i < kReports; ++i) {
      const std::string id = fmt::format("m{}", 5 * i);
      store.results.set_primary(std::vector{id});
      bool any = false;
      for (const ClaimRow& row : store.judge({5 * i, 5})) {
        const Verdict v = row.judgement.verdict;
        waiting += v == Verdict::waiting;
        any |= v == Verdict::refuted || (v == Verdict::supported && !(row.id == id && shift > 0));
      }
      wrong += any;
    }
    EXPECT_LE(wrong, 0.05 * kReports + room(0.05)) << shift;
    EXPECT_EQ(waiting > 0, shift < 5) << shift;
  }
}

TEST(BoundedClaims, AreJudgedOnIntervalsInsideTheirRange) {
  TestFolder folder;
  Results results(folder.path() / "results.sqlite", Access::write);
  results.set_ranges(std::vector<MetricRange>{{"m0"}});
  const std::vector<double> a = {1, 1, 0.94}, b = {0.04, 0, 0};
  for (size_t seed = 0; seed < a.size(); ++seed)
    for (const auto& [arm, value] : {std::pair{"a", a[seed]}, {"b", b[seed]}})
      results.record_model({arm, static_cast<int64_t>(seed), ModelStatus::ok, -1, "",
                            {{"m0", kFinalStep, value}}});
  Resolved r;
  r.variants.push_back({"", std::make_unique<SettingsOf<Pairs>>(Pairs())});
  r.seeds = {0, 1, 2};
  const Judgement j = judge_claims(r, {}, results, {})[0].judgement;
  EXPECT_EQ(j.verdict, Verdict::supported);
  EXPECT_LE(j.interval.high, 1);
  EXPECT_DOUBLE_EQ(j.interval.low, paired_difference(a, b, 0.95, {0, 1}).interval.low);
}

TEST(FewSeeds, AreUndecidedWithTheReasonInWords) {
  const auto judged = [](std::vector<double> a) {
    TestFolder folder;
    Results results(folder.path() / "results.sqlite", Access::write);
    for (size_t seed = 0; seed < a.size(); ++seed) {
      results.record_model({"a", static_cast<int64_t>(seed), ModelStatus::ok, -1, "",
                            {{"m0", kFinalStep, a[seed]}}});
      results.record_model({"b", static_cast<int64_t>(seed), ModelStatus::ok, -1, "",
                            {{"m0", kFinalStep, 0.0}}});
    }
    Resolved r;
    r.variants.push_back({"", std::make_unique<SettingsOf<Pairs>>(Pairs())});
    for (size_t seed = 0; seed < std::max<size_t>(a.size(), 1); ++seed)
      r.seeds.push_back(static_cast<int64_t>(seed));
    return judge_claims(r, {}, results, {})[0].judgement;
  };
  const std::pair<std::vector<double>, const char*> cases[] = {
      {{}, "No seed gave a value"},
      {{9}, "One seed is too few"},
      {{9, 9}, "at least 3 are needed"},
      {{9, 1}, "reaches over the threshold"}};
  for (const auto& [values, reason] : cases) {
    const Judgement j = judged(values);
    EXPECT_EQ(j.verdict, Verdict::undecided) << reason;
    EXPECT_NE(j.note.find(reason), std::string::npos) << j.note;
  }
  EXPECT_EQ(judged({9, 9, 9}).verdict, Verdict::supported);
}

}  // namespace
}  // namespace omni
