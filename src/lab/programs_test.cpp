#include "lab/programs.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace omni
