#include "studies/paths.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "lab/test_support.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

TEST(Paths, LambdasAreEven) {
  EXPECT_EQ(even_lambdas(5), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_THROW(even_lambdas(1), UserError);
}

// On a line a number runs straight, and a square takes a parabola.
TEST(Paths, ValuesBetweenModelsOfTwoEnsembles) {
  const std::vector<ParameterSpec> specs = {{"w", {1}, init::zeros()}};
  Ensemble a(specs, 2), b(specs, 1);
  a.array("w", 0)[0] = 9;
  a.array("w", 1)[0] = 1;
  b.array("w", 0)[0] = 5;
  const std::vector<double> lambdas = {0, 0.5, 1, 1.5};
  const auto square = [](const Ensemble& e) {
    const double w = e.array("w", 0)[0];
    return w * w;
  };
  EXPECT_EQ(along_line(a[1], b[0], lambdas, square), (std::vector<double>{1, 9, 25, 49}));
}

TEST(Paths, BarrierIsTheHighestErrorAboveTheMeanOfTheEnds) {
  const std::vector<double> lambdas = {0, 0.25, 0.5, 0.75, 1};
  const Barrier hill = barrier(lambdas, std::vector<double>{0.125, 0.5, 0.375, 0.25, 0.375});
  EXPECT_DOUBLE_EQ(hill.height, 0.25);
  EXPECT_DOUBLE_EQ(hill.midpoint, 0.125);
  const Barrier valley = barrier(lambdas, std::vector<double>{0.25, 0.125, 0, 0.125, 0.25});
  EXPECT_DOUBLE_EQ(valley.height, 0);
  EXPECT_DOUBLE_EQ(valley.midpoint, -0.25);
  // The worse end lies above the mean itself: Frankle et al. count it.
  EXPECT_DOUBLE_EQ(barrier(std::vector<double>{0, 1}, std::vector<double>{0, 0.5}).height, 0.25);
  EXPECT_TRUE(std::isnan(barrier(lambdas, std::vector<double>{0, kNaN, 0, 0, 0}).height));
  EXPECT_THROW(barrier(std::vector<double>{0, 0.5}, std::vector<double>{0, 0.5}), Bug);
}

TEST(Paths, AMeasureOfTrainedModelsAlongALine) {
  const Dataset data = toy_data();
  WorkerOptions options;
  options.data = &data;
  Worker worker(options);
  worker.begin(0);
  SeedRecord record;
  Trial t(worker, 0, "", record);
  const Ensemble start = toy_model(t);
  const Trained end = t.train(toy_training(t, start));
  const auto accuracy_of = [&](const Ensemble& m) { return toy_accuracy(t, m); };
  const std::vector<double> seen = along_line(start[0], end, even_lambdas(3), accuracy_of);
  EXPECT_EQ(seen[0], toy_accuracy(t, start));
  EXPECT_EQ(seen[2], toy_accuracy(t, end.model));
  EXPECT_GT(seen[2], seen[0]);
}

}  // namespace
}  // namespace omni
