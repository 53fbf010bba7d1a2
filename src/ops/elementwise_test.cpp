// Elementwise ops on the bench: every entry of the table, then types, kinks and poles, and what is
// composed of them.
#include "ops/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/test_elementwise.h"
#include "ops/testing.h"

namespace omni {
namespace {

using omni::testing::check_op;
using omni::testing::evaluate;
using omni::testing::In;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// --- Every entry of the table ---

class EveryElementwiseOp : public ::testing::TestWithParam<testing::ElementwiseEntry> {
 protected:
  // The k-th input of a check: numbers of the entry's range that are not large, apart from each
  // other, from those of other inputs and from zero, where functions have kinks.
  In numbers(const Shape& shape, int k) const {
    const auto& e = GetParam();
    const double low = e.low < 0 ? std::max(e.low, -2.5) : e.low;
    const double high = std::min(e.high, e.low < 0 ? 2.5 : 4);
    const double width = 0.8 * (high - low), gap = width / static_cast<double>(shape.count());
    const std::vector<int32_t> order =
        permutation(Key::of(static_cast<uint64_t>(k)), shape.count());
    std::vector<double> v;
    for (const int32_t i : order)
      v.push_back(low + 0.1 * (high - low) + gap * (i + 0.25 + 0.06 * k));
    return testing::values(shape, std::move(v));
  }
  // Inputs of shape a and b in turn, and `single` from the first that is to be a single value.
  void check(const Shape& a, const Shape& b, const Shape& single = {}) const {
    SCOPED_TRACE(fmt::format("{} and {}", a, b));
    std::vector<In> in;
    for (int k = 0; k < GetParam().op->arity; ++k)
      in.push_back(numbers(k >= GetParam().op->scalars_from ? single : k % 2 == 0 ? a : b, k));
    check_op([&](std::vector<Value> x) { return GetParam().make(x); }, in);
  }
};

TEST_P(EveryElementwiseOp, AgreesWithItsValueAndHasItsGradient) {
  check({5, 7}, {5, 7});
  if (GetParam().op->arity == 1) return;
  check({3, 5}, {5});
  check({3, 5}, {3, 1});
  check({}, {4});
  check({2, 1, 3}, {4, 1});
  check({}, {});
  if (GetParam().op->arity <= GetParam().op->scalars_from) return;
  check({3, 5}, {3, 5}, {1});
  check({3, 5}, {3, 5}, {5});  // one rate per unit
}

INSTANTIATE_TEST_SUITE_P(Table, EveryElementwiseOp,
                         ::testing::ValuesIn(testing::elementwise_entries().begin(),
                                             testing::elementwise_entries().end()),
                         [](const auto& entry) { return std::string(entry.param.op->name); });

// --- Corners ---

TEST(Elementwise, LargeAndOddSizes) {
  for (const int64_t n : {1, 15, 17, 1023, 1025, 5000})
    check_op([](std::vector<Value> x) { return relu(x[0] * x[1] + x[2]); },
             {testing::normal({n}), testing::normal({n}, 1), testing::full({}, 0.25)},
             {.tolerance = 2e-4, .gradient = n < 100});
}

TEST(Elementwise, WhereClampAndLogic) {
  const In condition = testing::values({4}, {0, 1, -2, 0});
  check_op([](std::vector<Value> x) { return where(x[0], x[1], x[2]); },
           {condition, testing::normal({3, 4}), testing::normal({3, 1}, 1)});
  check_op([](std::vector<Value> x) { return clamp(x[0], -0.5, 0.7); },
           {testing::distinct({6, 6}, 0.06)});
  EXPECT_THROW(
      evaluate([](std::vector<Value> x) { return clamp(x[0], 1, 0); }, {testing::full({}, 1)}),
      UserError);
  const In a = testing::values({4}, {0, 0, 1, 1}), b = testing::values({4}, {0, 1, 0, 1});
  using ::testing::ElementsAre;
  const auto run = [&](auto f) { return evaluate(f, {a, b}).v; };
  EXPECT_THAT(run([](auto x) { return logical_not(x[0]); }), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(run([](auto x) { return logical_and(x[0], x[1]); }), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(run([](auto x) { return logical_or(x[0], x[1]); }), ElementsAre(0, 1, 1, 1));
}

TEST(Elementwise, WholeNumbersAndPixelsAreRead) {
  check_op([](std::vector<Value> x) { return x[0] * (1 / 255.0) + x[1]; },
           {testing::bytes({9, 30}), testing::integers({30}, -5, 5)});
  check_op([](std::vector<Value> x) { return equal(x[0], 3) * x[1]; },
           {testing::labels(40, 10), testing::normal({40})});
  check_op([](std::vector<Value> x) { return convert(x[0], DType::f32) * x[1]; },
           {testing::integers({33}, -100, 100), testing::normal({33})});
  check_op([](std::vector<Value> x) { return convert(x[0] * 10, DType::i32); },
           {testing::normal({6, 7})});
  check_op([](std::vector<Value> x) { return convert(x[0], DType::i32) * 1.0; },
           {testing::values({4}, {2.7, -2.7, kNaN, 0.5})}, {.gradient = false});
}

TEST(Elementwise, RoundToBf16) {
  const double least = 1 + 0x1p-7, tie = 1 + 0x1p-8;  // after 1; between the two, where 1 is even
  check_op([](std::vector<Value> x) { return round_to_bf16(x[0]); },
           {testing::values(
               {9}, {1, least, tie, tie + 0x1p-20, least + 0x1p-8, -tie, 0x1p-130, kNaN, 3.4e38})},
           {.gradient = false});
  check_op([](std::vector<Value> x) { return round_to_bf16(x[0] * x[1]) * 3.0; },
           {testing::normal({5, 40}), testing::full({}, 1)}, {.gradient = false});
  const auto rounded = evaluate([](std::vector<Value> x) { return round_to_bf16(x[0]); },
                                {testing::values({3}, {tie, tie + 0x1p-20, least + 0x1p-8})});
  EXPECT_THAT(rounded.v, ::testing::ElementsAre(1, least, 1 + 0x1p-6));
}

TEST(Elementwise, ConvertRefusesOtherTypes) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {3}}, Role::data);
  EXPECT_EQ(convert(x, DType::f32).id, x.id);
  EXPECT_EQ(convert(x, DType::i32).type().dtype, DType::i32);
  EXPECT_THROW(convert(x, DType::u8), UserError);
}

TEST(Elementwise, SumsInTheOrderGiven) {
  check_op([](std::vector<Value> x) { return sum_n(x); },
           {testing::normal({40}), testing::normal({40}, 1), testing::normal({40}, 2)});
  EXPECT_THROW(sum_n({}), UserError);
}

TEST(Elementwise, BroadcastTo) {
  check_op(
      [](std::vector<Value> x) {
        return broadcast_to(x[0], {3, 4, 5});
      },
      {testing::normal({4, 1})});
  check_op([](std::vector<Value> x) { return broadcast_to(x[0], {3}); }, {testing::normal({})});
  Graph g;
  const Value rows = input(g, "rows", {DType::f32, {7}, 0}, Role::data);
  const Value plain = input(g, "plain", {DType::f32, {7}}, Role::data);
  EXPECT_EQ(broadcast_to(rows, {3, 7}).type(), (Type{DType::f32, {3, 7}, 1}));
  EXPECT_EQ(broadcast_to(plain, {3, 7}, 0).type(), (Type{DType::f32, {3, 7}, 0}));
  EXPECT_EQ(broadcast_to(plain, {3, 7}).type(), (Type{DType::f32, {3, 7}}));
  EXPECT_THROW(broadcast_to(rows, {3, 7}, 0), UserError);
  EXPECT_THROW(broadcast_to(plain, {7, 3}), UserError);
  EXPECT_THROW(broadcast_to(plain, {1}), UserError);
  EXPECT_THROW(broadcast_to(plain, {7}, 1), UserError);
}

TEST(Elementwise, BatchAxisPropagates) {
  Graph g;
  const auto in = [&](const char* name, Shape s, int batch) {
    return input(g, name, {DType::f32, std::move(s), batch}, Role::data);
  };
  const Value rows = in("rows", {8, 3}, 0), bias = in("bias", {3}, kNoBatch);
  const Value column = in("column", {8, 1}, 0), late = in("late", {1, 8}, 1);
  const Value mixed = in("mixed", {8, 3}, kMixedBatch);
  EXPECT_EQ((rows + bias).type(), (Type{DType::f32, {8, 3}, 0}));
  EXPECT_EQ((bias * column).type(), (Type{DType::f32, {8, 3}, 0}));
  EXPECT_EQ((column * late).type().batch, kMixedBatch);
  EXPECT_EQ((rows * mixed).type().batch, kMixedBatch);
  EXPECT_EQ((rows * in("per row", {8, 1}, kNoBatch)).type().batch, kMixedBatch);
  EXPECT_EQ(where(greater(rows, 0), bias, 1 - column).type().batch, 0);
  try {
    rows + in("four", {8, 4}, 0);
    FAIL() << "shapes that do not broadcast were accepted";
  } catch (const UserError& e) {
    EXPECT_TRUE(std::string_view(e.what()).starts_with("add: ")) << e.what();
  }
}

TEST(Elementwise, GradientsAtKinksAndPoles) {
  const auto gradient = [](auto f, std::vector<double> at) {
    Graph g;
    std::vector<Value> x;
    RefInputs inputs;
    for (size_t i = 0; i < at.size(); ++i) {
      const std::string name = "x" + std::to_string(i);
      x.push_back(input(g, name, {}, Role::data));
      inputs[name] = {{}, {at[i]}};
    }
    const std::vector<Value> d = gradients(f(x), x);
    const std::vector<RefArray> values = interpret(g, inputs);
    std::vector<double> out;
    for (const Value& v : d) out.push_back(values[v.id].v[0]);
    return out;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(gradient([](auto x) { return relu(x[0]); }, {0}), ElementsAre(0));
  EXPECT_THAT(gradient([](auto x) { return maximum(x[0], x[1]); }, {2, 2}), ElementsAre(1, 0));
  EXPECT_THAT(gradient([](auto x) { return clamp(x[0], -1, 1); }, {1}), ElementsAre(1));
  EXPECT_THAT(gradient([](auto x) { return greater(x[0], 1); }, {2}), ElementsAre(0));
  EXPECT_THAT(gradient([](auto x) { return pow(x[0], x[1]); }, {0, 2}), ElementsAre(0, 0));
  EXPECT_THAT(gradient([](auto x) { return pow(x[0], x[1]); }, {0, 0}), ElementsAre(0, 0));
  // The branch not taken is NaN, its gradient must not be.
  EXPECT_THAT(gradient([](auto x) { return where(greater(x[0], 0), log(x[0]), x[1]); }, {-1, 3})[1],
              1);
}

// Of either sign; single values of both shapes that they may have.
TEST(Elementwise, OptimiserStepsTakeAnyMomentsAndGradients) {
  const In a = testing::normal({3, 50}), b = testing::normal({3, 50}, 1);
  const In squares = testing::uniform({3, 50}, 0.2, 2, 2), beta = testing::full({}, 0.9);
  const auto adam = [](std::vector<Value> x) {
    return adam_step(x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
  };
  check_op([](std::vector<Value> x) { return ema(x[0], x[1], x[2]); }, {a, b, beta});
  check_op([](std::vector<Value> x) { return ema_square(x[0], x[1], x[2]); }, {a, b, beta});
  check_op(adam, {a, b, squares, testing::full({}, 0.1), testing::full({}, 3),
                  testing::full({1}, 2), testing::full({}, 0.01)});
  const In rates = testing::uniform({50}, 0.1, 0.9), one = testing::full({}, 1);
  check_op([](std::vector<Value> x) { return ema(x[0], x[1], x[2]); }, {a, b, rates});
  check_op([](std::vector<Value> x) { return ema_square(x[0], x[1], x[2]); }, {a, b, rates});
  check_op(adam, {a, b, squares, rates, one, one, testing::full({}, 0.01)});
}

TEST(Elementwise, OptimiserStepsEqualTheirFormulas) {
  check_op(
      [](std::vector<Value> x) {
        const Value m = ema(x[1], x[3], x[4]), v = ema_square(x[2], x[3], x[4]);
        const Value formula_m = x[4] * x[1] + (1 - x[4]) * x[3];
        const Value formula_v = x[4] * x[2] + (1 - x[4]) * square(x[3]);
        const Value formula = x[0] - x[4] * (formula_m * x[5]) / (sqrt(formula_v * x[5]) + 1e-8);
        return adam_step(x[0], m, v, x[4], x[5], x[5], constant(*x[0].graph, 1e-8)) - formula;
      },
      {testing::normal({200}), testing::normal({200}, 1), testing::uniform({200}, 0.1, 1),
       testing::normal({200}, 2), testing::full({}, 0.9), testing::full({}, 2)},
      {.tolerance = 2e-6, .gradient = false});
}

TEST(Elementwise, AdamStepWithoutGradientStaysFinite) {
  Graph g;
  const auto in = [&](const char* name) { return input(g, name, {DType::f32, {1}}, Role::data); };
  const Value zero = constant(g, 0), one = constant(g, 1);
  const Value v = in("v");
  const Value w = adam_step(in("w"), zero, v, one, one, one, constant(g, 1e-8));
  const std::vector<Value> d = gradients(sum(w), std::vector<Value>{v});
  const auto values =
      interpret(g, {{"w", {{DType::f32, {1}}, {2}}}, {"v", {{DType::f32, {1}}, {0}}}});
  EXPECT_EQ(values[w.id].v[0], 2);
  EXPECT_EQ(values[d[0].id].v[0], 0);
}

const testing::Samples kSamples = {
    {&ops::to_f32, [](Graph& g) { return convert(testing::i32(g, "i", {4}, 0), DType::f32); }},
    {&ops::to_i32, [](Graph& g) { return convert(testing::rows(g), DType::i32); }},
    {&ops::round_to_bf16, [](Graph& g) { return round_to_bf16(testing::rows(g)); }},
    {&ops::broadcast_to,
     [](Graph& g) {
       return broadcast_to(testing::f32(g, "b", {3}), {4, 3});
     }},
};

}  // namespace
}  // namespace omni
