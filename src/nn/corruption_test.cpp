#include "nn/corruption.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace omni {
namespace {

Ensemble trained() {
  Ensemble e({{"layer.weight", {30, 20}, init::he_normal()},
              {"layer.bias", {30}, init::uniform(-1, 1)},
              {"conv.weight", {4, 2, 3, 3}, init::he_normal()}},
             2);
  e.initialise(0, Key::of(1));
  e.initialise(1, Key::of(2));
  return e;
}

TEST(Corruption, AlphaZeroKeepsEveryBit) {
  Ensemble e = trained();
  shrink_and_perturb(e, 0, Key::of(7), 0, 0.1);
  EXPECT_EQ(weights_hash(e[0]), weights_hash(trained()[0]));
}

TEST(Corruption, AlphaOneIsAXavierStart) {
  Ensemble e = trained();
  shrink_and_perturb(e, 0, Key::of(7), 1, 1);
  for (const size_t s : {size_t{0}, size_t{2}}) {
    ParameterSpec spec = e.specs()[s];
    spec.init = init::xavier_uniform();
    std::vector<float> wanted(e.array(s, 0).size());
    initialise(spec, Key::of(7).fold(spec.name), wanted);
    EXPECT_TRUE(std::ranges::equal(e.array(s, 0), wanted));
  }
  EXPECT_TRUE(std::ranges::all_of(e.array("layer.bias", 0), [](float x) { return x == 0; }));
}

TEST(Corruption, BetweenItShrinksAndAddsNoise) {
  const Ensemble before = trained();
  Ensemble e = trained();
  shrink_and_perturb(e, 0, Key::of(7), 0.6, 0.1);
  const double bound = 0.6 * 0.1 * std::sqrt(6.0 / 50);
  double largest = 0;
  for (size_t i = 0; i < 600; ++i)
    largest = std::max(largest, std::abs(e.array("layer.weight", 0)[i] -
                                         0.4 * before.array("layer.weight", 0)[i]));
  EXPECT_LE(largest, bound * (1 + 1e-5));
  EXPECT_GT(largest, 0.9 * bound);
  for (size_t i = 0; i < 30; ++i)
    EXPECT_FLOAT_EQ(e.array("layer.bias", 0)[i], 0.4f * before.array("layer.bias", 0)[i]);
  EXPECT_EQ(weights_hash(e[1]), weights_hash(before[1]));
}

TEST(Corruption, PureShrinkNeedsNoNoise) {
  const Ensemble before = trained();
  Ensemble e = trained();
  shrink_and_perturb(e, 0, Key::of(7), 0.25, 0);
  EXPECT_FLOAT_EQ(e.array("conv.weight", 0)[5], 0.75f * before.array("conv.weight", 0)[5]);
}

TEST(Corruption, AlphaIsAShare) {
  Ensemble e = trained();
  EXPECT_THROW(shrink_and_perturb(e, 0, Key{}, 1.1, 0.1), UserError);
  EXPECT_THROW(shrink_and_perturb(e, 0, Key{}, std::nan(""), 0.1), UserError);
}

TEST(Corruption, DrawsNamedParametersAgain) {
  Ensemble e = trained();
  reinitialise(e, 1, Key::of(1), {"layer.weight"});
  const Ensemble before = trained();
  EXPECT_TRUE(std::ranges::equal(e.array("layer.weight", 1), before.array("layer.weight", 0)));
  EXPECT_TRUE(std::ranges::equal(e.array("layer.bias", 1), before.array("layer.bias", 1)));
  EXPECT_THROW(reinitialise(e, 1, Key::of(1), {"layer.weigth"}), UserError);
}

}  // namespace
}  // namespace omni
