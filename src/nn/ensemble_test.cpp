#include "nn/ensemble.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace omni {
namespace {

std::vector<ParameterSpec> small_specs() {
  return {{"b.weight", {3, 5}, init::he_normal()}, {"a.bias", {3}, init::uniform(-1, 1)}};
}

Ensemble make(int64_t models, uint64_t seed = 0) {
  Ensemble e(small_specs(), models);
  for (int64_t m = 0; m < models; ++m)
    e.initialise(m, Key::of(seed).fold(static_cast<uint64_t>(m)));
  return e;
}

TEST(Ensemble, ArraysAreAlignedAndApart) {
  Ensemble e(small_specs(), 3);
  EXPECT_EQ(e.parameters(), 18);
  EXPECT_EQ(e.bytes(), 3 * (64 + 64));
  for (int64_t m = 0; m < 3; ++m)
    for (size_t s = 0; s < 2; ++s) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(e.array(s, m).data()) % 64, 0u);
      std::ranges::fill(e.array(s, m), static_cast<float>(10 * m + static_cast<int64_t>(s)));
    }
  EXPECT_EQ(e.array("b.weight", 2).size(), 15u);
  EXPECT_EQ(e.array("b.weight", 2)[14], 20);
  EXPECT_EQ(e.array("a.bias", 1)[2], 11);
}

TEST(Ensemble, RowsAreOfTheFirstAxis) {
  Ensemble e = make(2);
  const auto whole = e.array("b.weight", 1);
  for (size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<float>(i);
  EXPECT_TRUE(std::ranges::equal(e.rows("b.weight", 1, 1, 3), whole.subspan(5)));
  EXPECT_TRUE(e.rows("b.weight", 1, 2, 2).empty());
  EXPECT_EQ(e.rows("a.bias", 0, 1, 3).size(), 2u);
  EXPECT_TRUE(Ensemble({{"none", {0, 3}, init::zeros()}}, 1).rows("none", 0, 0, 0).empty());
  EXPECT_THROW(e.rows("b.weight", 1, 1, 4), UserError);
  EXPECT_THROW(e.rows("b.weight", 1, 2, 1), UserError);
}

TEST(Ensemble, SameBitsAreMoreThanEqualNumbers) {
  const float zeros[] = {0.0f, 1.0f}, minus[] = {-0.0f, 1.0f}, nan[] = {NAN, 1.0f};
  EXPECT_TRUE(same_bits(zeros, zeros));
  EXPECT_FALSE(same_bits(zeros, minus));
  EXPECT_TRUE(same_bits(nan, nan));
  EXPECT_FALSE(same_bits(zeros, std::span(zeros).first(1)));
}

TEST(Ensemble, AModelDependsOnItsKeyAlone) {
  const Ensemble many = make(5), alone = [] {
    Ensemble e(small_specs(), 1);
    e.initialise(0, Key::of(0).fold(3));
    return e;
  }();
  EXPECT_EQ(weights_hash(many[3]), weights_hash(alone[0]));
  EXPECT_NE(weights_hash(many[3]), weights_hash(many[2]));
}

TEST(Ensemble, AParameterDoesNotDependOnTheOthers) {
  const Ensemble both = make(1);
  Ensemble one({small_specs()[1]}, 1);
  one.initialise(0, Key::of(0).fold(0));
  EXPECT_TRUE(std::ranges::equal(one.array("a.bias", 0), both.array("a.bias", 0)));
}

TEST(Ensemble, HashSeesEveryBitAndNotTheOrder) {
  Ensemble e = make(2);
  e.copy(1, e[0]);
  EXPECT_EQ(weights_hash(e[0]), weights_hash(e[1]));
  float& x = e.array("b.weight", 1)[14];
  x = std::nextafter(x, 10.0f);
  EXPECT_NE(weights_hash(e[0]), weights_hash(e[1]));
  e.copy(1, e[0]);
  std::swap(e.array("a.bias", 1)[0], e.array("a.bias", 1)[1]);
  EXPECT_NE(weights_hash(e[0]), weights_hash(e[1]));

  Ensemble turned({small_specs()[1], small_specs()[0]}, 1);
  turned.initialise(0, Key::of(0).fold(0));
  EXPECT_EQ(weights_hash(turned[0]), weights_hash(e[0]));
}

TEST(Ensemble, CloneIsIndependent) {
  Ensemble e = make(2);
  const Ensemble copy = e.clone();
  const uint64_t before = weights_hash(copy[1]);
  EXPECT_EQ(before, weights_hash(e[1]));
  e.array("a.bias", 1)[0] += 1;
  EXPECT_EQ(weights_hash(copy[1]), before);
}

TEST(Ensemble, SelectPermutesAndRepeats) {
  const Ensemble e = make(3);
  const std::vector<int64_t> order = {2, 0, 2, 1};
  const Ensemble chosen = e.select(order);
  ASSERT_EQ(chosen.models(), 4);
  for (size_t i = 0; i < order.size(); ++i)
    EXPECT_EQ(weights_hash(chosen[static_cast<int64_t>(i)]), weights_hash(e[order[i]]));
  EXPECT_THROW(e.select(std::vector<int64_t>{3}), UserError);
}

TEST(Ensemble, InterpolatesAndEndsExactly) {
  Ensemble e = make(3);
  e.interpolate(2, e[0], e[1], 0);
  EXPECT_EQ(weights_hash(e[2]), weights_hash(e[0]));
  e.interpolate(2, e[0], e[1], 1);
  EXPECT_EQ(weights_hash(e[2]), weights_hash(e[1]));
  e.interpolate(2, e[0], e[1], 0.25);
  EXPECT_NEAR(distance(e[0], e[2]), 0.25 * distance(e[0], e[1]), 1e-6);
  e.interpolate(0, e[0], e[1], 0.5);  // onto itself
  EXPECT_NEAR(distance(e[0], e[2]), 0.25 * distance(e[2], e[1]) / 0.75, 1e-6);
}

TEST(Ensemble, DistanceAndCosineAreThoseOfOneVector) {
  Ensemble e({{"x", {2}, init::zeros()}, {"y", {1}, init::zeros()}}, 2);
  e.array("x", 0)[0] = 1, e.array("x", 0)[1] = 2, e.array("y", 0)[0] = 2;
  e.array("x", 1)[0] = 1, e.array("x", 1)[1] = 0, e.array("y", 1)[0] = 0;
  EXPECT_DOUBLE_EQ(norm(e[0]), 3);
  EXPECT_DOUBLE_EQ(distance(e[0], e[1]), std::sqrt(8.0));
  EXPECT_DOUBLE_EQ(cosine(e[0], e[1]), 1.0 / 3);
}

TEST(Ensemble, PerturbsByScale) {
  Ensemble e({{"w", {100, 100}, init::normal(5, 0.1)}, {"b", {100}, init::zeros()}}, 2);
  e.initialise(0, Key::of(0));
  e.copy(1, e[0]);
  e.perturb(1, Key::of(1), 0.01);
  EXPECT_NEAR(distance(e[0], e[1]), 0.01 * std::sqrt(10'100.0), 0.03);
  e.copy(1, e[0]);
  e.perturb(1, Key::of(1), 0.5, Ensemble::Noise::relative);
  EXPECT_NEAR(distance(e[0], e[1]), 0.5 * 0.1 * 100, 0.2);
  EXPECT_EQ(e.array("b", 1)[7], 0);  // a tensor of zeros has no spread to scale by
}

TEST(Ensemble, PerturbedByNothingItKeepsItsBits) {
  Ensemble e = make(1);
  e.array("a.bias", 0)[0] = -0.0f;
  const Ensemble before = e.clone();
  e.perturb(0, Key::of(5), 0, Ensemble::Noise::relative);
  EXPECT_EQ(weights_hash(e[0]), weights_hash(before[0]));
}

TEST(Ensemble, ParametersOfOneShapeGetDrawsOfTheirOwn) {
  Ensemble e({{"a", {50}, init::normal(0, 1)}, {"b", {50}, init::normal(0, 1)}}, 2);
  const auto apart = [&](int64_t model) {
    int equal = 0;
    for (size_t i = 0; i < 50; ++i) equal += e.array("a", model)[i] == e.array("b", model)[i];
    return equal < 5;
  };
  e.initialise(0, Key::of(0));
  EXPECT_TRUE(apart(0));
  for (const char* name : {"a", "b"}) std::ranges::fill(e.array(name, 1), 1.0f);
  e.perturb(1, Key::of(0), 0.1);
  EXPECT_TRUE(apart(1));
}

TEST(Ensemble, RefusesNonsense) {
  EXPECT_THROW(Ensemble(small_specs(), 0), UserError);
  EXPECT_THROW(Ensemble({small_specs()[0], small_specs()[0]}, 1), UserError);
  Ensemble e = make(1);
  EXPECT_THROW(e.array("b.wait", 0), UserError);
  EXPECT_THROW(e[1], Bug);
  const Ensemble other({small_specs()[0]}, 1);
  EXPECT_THROW(e.copy(0, other[0]), UserError);
  EXPECT_THROW(distance(e[0], other[0]), UserError);
}

TEST(Ensemble, CosineOfDisplacements) {
  const std::vector<ParameterSpec> specs = {{"w", {2}, init::zeros()}};
  Ensemble e(specs, 4);
  const float points[4][2] = {{1, 1}, {4, 1}, {1, 3}, {3, 3}};
  for (int64_t m = 0; m < 4; ++m) std::ranges::copy(points[m], e.array("w", m).begin());
  EXPECT_NEAR(displacement_cosine(e[1], e[0], e[2], e[0]), 0, 1e-12);
  EXPECT_NEAR(displacement_cosine(e[1], e[0], e[3], e[2]), 1, 1e-12);
  EXPECT_NEAR(displacement_cosine(e[3], e[0], e[1], e[0]), std::sqrt(0.5), 1e-12);
  EXPECT_THROW(displacement_cosine(e[1], e[0], make(1)[0], e[0]), UserError);
}

}  // namespace
}  // namespace omni
