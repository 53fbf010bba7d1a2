// Rotary positions: against the reference, and what makes them useful.
#include "ops/rotary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::evaluate;
using testing::expect_refused;
using testing::normal;
using Values = std::vector<Value>;

TEST(Rotary, EveryLayout) {
  for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::adjacent})
    for (const double share : {1.0, 0.5, 0.0})
      check_op(
          [&](Values v) {
            return rotary(v[0],
                          {.heads = 2, .base = 100, .share = share, .first = 3, .pairs = pairs});
          },
          {normal({2, 5, 16}, 0, 0)}, {.tolerance = 1e-5});
}

// Turned queries and keys meet in the distance between them alone (Su et al. 2021, section 3.4).
TEST(Rotary, ProductsDependOnDistances) {
  const auto product = [](int64_t first_a, int64_t first_b) {
    const auto at = [](int64_t first, uint64_t salt) {
      return evaluate([&](Values v) { return rotary(v[0], {.heads = 1, .first = first}); },
                      {normal({1, 1, 8}, salt, 0)});
    };
    const RefArray a = at(first_a, 1), b = at(first_b, 2);
    double sum = 0;
    for (size_t i = 0; i < a.v.size(); ++i) sum += a.v[i] * b.v[i];
    return sum;
  };
  EXPECT_NEAR(product(0, 4), product(13, 17), 1e-9);
  EXPECT_GT(std::abs(product(0, 4) - product(0, 5)), 1e-3);
}

TEST(Rotary, SamplesAtPositionsOfTheirOwn) {
  const auto at_run_time = [](Values v) {
    return rotary(v[0], {.heads = 2, .base = 100, .first = 3}, v[1]);
  };
  testing::In positions = testing::integers({3}, 0, 50, 1, 0);
  check_op(at_run_time, {normal({3, 5, 16}, 0, 0), positions}, {.tolerance = 1e-5});
  positions.values = {7, 7, 7};
  const RefArray given = evaluate(at_run_time, {normal({3, 5, 16}, 0, 0), positions});
  const RefArray fixed =
      evaluate([](Values v) { return rotary(v[0], {.heads = 2, .base = 100, .first = 10}); },
               {normal({3, 5, 16}, 0, 0)});
  EXPECT_EQ(given.v, fixed.v);
}

TEST(Rotary, TurnsAPairByItsAngle) {
  testing::In x = testing::values({1, 2, 2}, {1, 0, 1, 0});
  x.type.batch = 0;
  const RefArray y = evaluate([](Values v) { return rotary(v[0], {.heads = 1}); }, {x});
  const std::vector<double> wanted = {1, 0, std::cos(1), std::sin(1)};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(y.v[i], wanted[i], 1e-12);
}

TEST(Rotary, SaysWhatDoesNotFit) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {2, 5, 9}, 0}, Role::data);
  expect_refused([&] { rotary(x, {.heads = 2}); }, "with 2 heads");
  const Value at = input(g, "at", {DType::i32, {3}, 0}, Role::data);
  expect_refused([&] { rotary(x, {.heads = 3}, at); }, "i32 [2]");
}

const testing::Samples kSamples = {
    {&ops::rotary,
     [](Graph& g) { return rotary(testing::f32(g, "x", {2, 3, 4}, 0), {.heads = 2}); }},
};

}  // namespace
}  // namespace omni
