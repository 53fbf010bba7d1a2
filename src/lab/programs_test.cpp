#include "lab/programs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lab/test_phases.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

// Sum of a_i w_i^2 / 2, whose Hessian has the eigenvalues a.
Phase curved(const Trained& model, const Trained& direction) {
  Phase p;
  p.name = "curved";
  p.reads("model", model);
  p.starts_at("direction", direction);
  p.programs["power"] = {
      .build = power_iteration([](Step& s, Net& net) {
        return sum(square(net.parameter("w", {3}, init::ones())) * s.table("a")) * 0.5;
      }),
      .log = {"eigenvalue"}};
  p.turns = {{"power", 10}};
  p.rounds = 3;
  return p;
}

TEST(Programs, PowerIterationFindsTheLargestEigenvalueWithItsSign) {
  for (const float largest : {-5.0F, 5.0F}) {
    const PhaseResult r = run_with({}, [&](Trial& t) {
      t.add_table("a", std::vector<float>{1, largest, 3}, {3});
      const Trained model = t.init({{"w", {3}, init::ones()}}, t.key());
      return t.run(curved(model, model));
    });
    const std::vector<float>& seen = r.log("power", "eigenvalue");
    ASSERT_EQ(seen.size(), 30U);
    EXPECT_NEAR(seen[0], (4 + largest) / 3, 1e-5);  // v.Hv / v.v of three ones
    EXPECT_NEAR(seen[29], largest, 1e-4);
    EXPECT_NEAR(std::abs(r.set("direction").array("w", 0)[1]), 1, 1e-4);
  }
}

TEST(Programs, PowerIterationKeepsItsVectorWhereThereIsNoCurvature) {
  const PhaseResult r = run_with({}, [&](Trial& t) {
    t.add_table("a", std::vector<float>{0, 0, 0}, {3});
    const Trained model = t.init({{"w", {3}, init::ones()}}, t.key());
    return t.run(curved(model, model));
  });
  EXPECT_EQ(r.log("power", "eigenvalue"), std::vector<float>(30));
  for (const float v : r.set("direction").array("w", 0)) EXPECT_EQ(v, 1);
}

Phase scaled(const Trained& model, const std::string& set, const std::string& weight, int axis) {
  Phase p;
  p.name = "scaled";
  p.starts_at("model", model);
  p.programs["scale"] = {.build = unit_norm(set, weight, axis)};
  p.turns = {{"scale"}};
  p.rounds = 1;
  return p;
}

TEST(Programs, UnitNormScalesAWeightThatItNames) {
  ToyBench b;
  Trial& t = *b.trial;
  Trained model = t.init({{"w", {2, 3}, init::ones()}, {"b", {2}, init::ones()}}, t.key());
  const std::vector<float> w = {3, 0, 0, 4, 0, 1e-3F};
  std::ranges::copy(w, model.model.array("w", 0).begin());
  const auto after = [&](int axis) {
    const Trained m = t.run(scaled(model, "model", "w", axis)).trained("model");
    EXPECT_EQ(m.model.array("b", 0)[0], 1);
    const auto a = m.model.array("w", 0);
    return std::vector<float>(a.begin(), a.end());
  };
  const std::vector<float> columns = after(0), rows = after(1);
  const auto far = static_cast<float>(1 / std::sqrt(16 + 1e-6));
  const std::vector<float> wanted_columns = {0.6F, 0, 0, 0.8F, 0, 1};  // zeros stay
  const std::vector<float> wanted_rows = {1, 0, 0, 4 * far, 0, 1e-3F * far};
  for (size_t i = 0; i < w.size(); ++i) {
    EXPECT_NEAR(columns[i], wanted_columns[i], 1e-6) << i;
    EXPECT_NEAR(rows[i], wanted_rows[i], 1e-6) << i;
  }
  EXPECT_EQ(after(-1), rows);

  EXPECT_EQ(refusal([&] { t.run(scaled(model, "modle", "w", 0)); }),
            "phase scaled: there is no set 'modle' here; did you mean \"model\"?");
  EXPECT_EQ(refusal([&] { t.run(scaled(model, "model", "weight", 0)); }),
            "phase scaled: the set 'model' has no parameter 'weight'; known: w, b");
  EXPECT_NE(refusal([&] { t.run(scaled(model, "model", "b", 1)); }), "");
}

}  // namespace
}  // namespace omni
