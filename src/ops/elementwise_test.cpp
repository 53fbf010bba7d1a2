#include "ops/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "ops/elementwise_kernels.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using omni::testing::check_op;
using omni::testing::evaluate;
using omni::testing::In;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using One = Value (*)(Value);
using Two = Value (*)(Value, Value);

// Runs `body` on every instruction set that this machine has.
void on_every_target(const std::function<void()>& body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

std::vector<float> run_block(block::Kernel* kernel, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  for (size_t i = 0; i < x.size(); i += kBlock) {
    const float* in[] = {x.data() + i};
    kernel(in, y.data() + i, std::min<int64_t>(kBlock, static_cast<int64_t>(x.size() - i)));
  }
  return y;
}

// --- Kernels: accuracy over ranges ---

struct Accuracy {
  const char* name;
  block::Kernel* kernel;
  double (*exact)(double);
  double low, high;  // range
  double relative;   // allowed error relative to the exact value,
  double absolute;   // plus this
};

double gelu_exact(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double gelu_tanh_exact(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double sigmoid_exact(double x) { return 1 / (1 + std::exp(-x)); }
double silu_exact(double x) { return x / (1 + std::exp(-x)); }
double softplus_exact(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

constexpr double kDenormal = 1.5e-45;
const Accuracy kAccuracy[] = {
    {"exp", block::exp, std::exp, -87, 88.7, 2e-7, 0},
    {"exp", block::exp, std::exp, -120, -87, 2e-7, kDenormal},
    {"exp", block::exp, std::exp, -1e-3, 1e-3, 1e-7, 0},
    {"log", block::log, std::log, 0.5, 2, 2e-7, 0},
    {"log", block::log, std::log, 1e-45, 1e-37, 2e-7, 0},
    {"log", block::log, std::log, 0, 1e38, 2e-7, 0},
    {"log1p", block::log1p, std::log1p, -0.999, 4, 4e-7, 0},
    {"log1p", block::log1p, std::log1p, -1e-4, 1e-4, 3e-7, 0},
    {"log1p", block::log1p, std::log1p, 4, 1e20, 2e-7, 0},
    {"tanh", block::tanh, std::tanh, -12, 12, 4e-7, 0},
    {"tanh", block::tanh, std::tanh, -1, 1, 4e-7, 0},
    {"tanh", block::tanh, std::tanh, -1e-5, 1e-5, 2e-7, 0},
    {"sigmoid", block::sigmoid, sigmoid_exact, -87, 100, 3e-7, 0},
    {"erf", block::erf, std::erf, -5, 5, 3e-7, 0},
    {"erf", block::erf, std::erf, -1.2, 1.2, 3e-7, 0},
    {"erf", block::erf, std::erf, -1e-5, 1e-5, 3e-7, 0},
    {"sin", block::sin, std::sin, -1000, 1000, 2e-7, 1e-9},
    {"cos", block::cos, std::cos, -1000, 1000, 2e-7, 1e-9},
    {"softplus", block::softplus, softplus_exact, -80, 80, 4e-7, 0},
    {"gelu", block::gelu, gelu_exact, -10, 10, 4e-7, 2e-7},
    {"gelu_tanh", block::gelu_tanh, gelu_tanh_exact, -10, 10, 4e-7, 4e-7},
    {"silu", block::silu, silu_exact, -80, 80, 4e-7, 0},
    {"sqrt", block::sqrt, std::sqrt, 0, 1e10, 6e-8, 0},
    {"rsqrt", block::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 1e-10, 1e10, 2e-7, 0},
};

TEST(ElementwiseKernels, FunctionsAreAccurate) {
  on_every_target([] {
    for (const Accuracy& a : kAccuracy) {
      Stream s(Key::of(3));
      std::vector<float> x(1 << 15);
      for (float& v : x) v = static_cast<float>(a.low + (a.high - a.low) * s.uniform());
      const std::vector<float> y = run_block(a.kernel, x);
      double worst = 0;
      float at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double exact = a.exact(x[i]);
        const double error = std::max(0.0, std::abs(y[i] - exact) - a.absolute);
        const double relative = error == 0 ? 0 : error / std::abs(exact);
        if (!(relative <= worst)) worst = relative, at = x[i];
      }
      EXPECT_LE(worst, a.relative) << a.name << "(" << at << ")";
      RecordProperty(a.name, std::to_string(worst));
    }
  });
}

struct Special {
  const char* name;
  block::Kernel* kernel;
  float x, y;
};
const Special kSpecial[] = {
    {"exp", block::exp, -kInf, 0},
    {"exp", block::exp, kInf, kInf},
    {"exp", block::exp, 200, kInf},
    {"exp", block::exp, -200, 0},
    {"exp", block::exp, 0, 1},
    {"exp", block::exp, kNaN, kNaN},
    {"log", block::log, 0, -kInf},
    {"log", block::log, -0.0f, -kInf},
    {"log", block::log, -1, kNaN},
    {"log", block::log, -kInf, kNaN},
    {"log", block::log, kInf, kInf},
    {"log", block::log, 1, 0},
    {"log", block::log, kNaN, kNaN},
    {"log1p", block::log1p, -1, -kInf},
    {"log1p", block::log1p, -2, kNaN},
    {"log1p", block::log1p, 0, 0},
    {"log1p", block::log1p, kInf, kInf},
    {"log1p", block::log1p, kNaN, kNaN},
    {"log1p", block::log1p, 1e-30f, 1e-30f},
    {"tanh", block::tanh, kInf, 1},
    {"tanh", block::tanh, -kInf, -1},
    {"tanh", block::tanh, kNaN, kNaN},
    {"tanh", block::tanh, 1e-30f, 1e-30f},
    {"tanh", block::tanh, 0, 0},
    {"sigmoid", block::sigmoid, kInf, 1},
    {"sigmoid", block::sigmoid, -kInf, 0},
    {"sigmoid", block::sigmoid, 0, 0.5f},
    {"sigmoid", block::sigmoid, kNaN, kNaN},
    {"erf", block::erf, kInf, 1},
    {"erf", block::erf, -kInf, -1},
    {"erf", block::erf, kNaN, kNaN},
    {"erf", block::erf, 0, 0},
    {"softplus", block::softplus, kInf, kInf},
    {"softplus", block::softplus, -kInf, 0},
    {"softplus", block::softplus, kNaN, kNaN},
    {"softplus", block::softplus, 1e30f, 1e30f},
    {"relu", block::relu, kNaN, kNaN},
    {"relu", block::relu, -kInf, 0},
    {"relu", block::relu, kInf, kInf},
    {"gelu", block::gelu, kInf, kInf},
    {"gelu", block::gelu, -100, 0},
    {"gelu", block::gelu, kNaN, kNaN},
    {"sign", block::sign, kNaN, kNaN},
    {"sign", block::sign, -1e-30f, -1},
    {"sign", block::sign, 0, 0},
    {"to_i32", block::to_i32, kNaN, 0},
    {"to_i32", block::to_i32, -1.9f, -1},
    {"to_i32", block::to_i32, kInf, 0x1p31f},
    {"to_i32", block::to_i32, -1e20f, -0x1p31f},
    {"reciprocal", block::reciprocal, 0, kInf},
    {"rsqrt", block::rsqrt, 0, kInf},
    {"sqrt", block::sqrt, -1, kNaN},
};

TEST(ElementwiseKernels, SpecialValues) {
  on_every_target([] {
    for (const Special& s : kSpecial)
      for (const float y : run_block(s.kernel, std::vector<float>(19, s.x)))
        EXPECT_TRUE(y == s.y || (std::isnan(y) && std::isnan(s.y)))
            << s.name << "(" << s.x << ") is " << y << ", wanted " << s.y;
  });
}

TEST(ElementwiseKernels, MaximumAndMinimumKeepNaNOfEitherSide) {
  on_every_target([] {
    for (block::Kernel* kernel : {block::maximum, block::minimum}) {
      const std::vector<float> a(17, kNaN), b(17, 1);
      std::vector<float> y(17);
      for (const bool first : {true, false}) {
        const float* in[] = {first ? a.data() : b.data(), first ? b.data() : a.data()};
        kernel(in, y.data(), 17);
        for (const float v : y) EXPECT_TRUE(std::isnan(v));
      }
    }
  });
}

TEST(ElementwiseKernels, BitsDoNotDependOnThePlaceInTheBlock) {
  on_every_target([] {
    for (const Accuracy& a : kAccuracy) {
      std::vector<float> x(67);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(a.low + (a.high - a.low) * (i + 0.37) / 67);
      const std::vector<float> whole = run_block(a.kernel, x);
      for (size_t i = 0; i < x.size(); ++i) {
        const std::vector<float> alone = run_block(a.kernel, {x[i]});
        ASSERT_EQ(std::bit_cast<uint32_t>(alone[0]), std::bit_cast<uint32_t>(whole[i])) << a.name;
      }
    }
  });
}

TEST(ElementwiseKernels, EveryLengthStaysInsideAndInPlaceWorks) {
  on_every_target([] {
    for (int64_t n = 0; n < 70; ++n) {
      std::vector<float> a(n), b(n), out(n + 1, 7), in_place;
      for (int64_t i = 0; i < n; ++i) a[i] = 1 + i, b[i] = 3 * i;
      const float* in[] = {a.data(), b.data()};
      block::sub(in, out.data(), n);
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(out[i], a[i] - b[i]);
      ASSERT_EQ(out[n], 7);
      in_place = b;
      in_place.push_back(7);
      const float* same[] = {a.data(), in_place.data()};
      block::sub(same, in_place.data(), n);
      ASSERT_EQ(in_place, out);
    }
  });
}

TEST(ElementwiseKernels, AdamStepIsAccurateForEveryMoment) {
  on_every_target([] {
    Stream s(Key::of(5));
    const int64_t n = 1000;
    std::vector<float> w(n, 0), m(n), v(n), out(n);
    for (const float eps : {1e-8f, 1e-15f, 0.0f}) {
      for (int64_t i = 0; i < n; ++i) {
        m[i] = static_cast<float>(s.normal());
        v[i] = static_cast<float>(std::exp2(-140 + 260 * s.uniform()));
      }
      v[0] = 0, v[1] = 1e-45f, v[2] = 1e-40f, v[3] = kInf, v[4] = 0x1p-126f, v[5] = 3e38f;
      const float lr = 1e-3f, correction1 = 10, correction2 = 1.0001f;
      const float* in[] = {w.data(), m.data(), v.data(), &lr, &correction1, &correction2, &eps};
      block::adam_step(in, out.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        const float square =
            v[i] * correction2;  // rounded as the kernel does: denormals are coarse
        const double update = -double{lr} * m[i] * correction1 / (std::sqrt(double{square}) + eps);
        if (std::abs(update) > 3e38)
          ASSERT_TRUE(std::isinf(out[i])) << m[i] << " " << v[i];
        else
          ASSERT_NEAR(out[i], update, 4e-7 * std::abs(update) + kDenormal) << m[i] << " " << v[i];
      }
    }
  });
}

// --- Ops on the bench ---

TEST(Elementwise, Functions) {
  const In any = testing::normal({5, 7}), away = testing::distinct({5, 7}, 0.1);
  const In positive = testing::uniform({5, 7}, 0.3, 4);
  for (One f : {neg, exp, square, tanh, sigmoid, erf, softplus, gelu, gelu_tanh, silu})
    check_op([=](std::vector<Value> x) { return f(x[0]); }, {any});
  for (One f : {One{sin}, One{cos}}) check_op([=](std::vector<Value> x) { return f(x[0]); }, {any});
  for (One f : {One{abs}, One{sign}, One{relu}})
    check_op([=](std::vector<Value> x) { return f(x[0]); }, {away});
  for (One f : {One{log}, One{log1p}, One{sqrt}, One{rsqrt}, One{reciprocal}})
    check_op([=](std::vector<Value> x) { return f(x[0]); }, {positive},
             {.gradient_tolerance = 1e-4});
}

TEST(Elementwise, TwoInputsBroadcast) {
  const std::pair<Shape, Shape> shapes[] = {{{3, 5}, {3, 5}}, {{3, 5}, {5}},       {{3, 5}, {3, 1}},
                                            {{}, {4}},        {{2, 1, 3}, {4, 1}}, {{}, {}}};
  for (const auto& [a, b] : shapes) {
    const std::vector<In> any = {testing::distinct(a, 0.11), testing::distinct(b, 0.13, 1)};
    const std::vector<In> positive = {testing::uniform(a, 0.5, 2), testing::uniform(b, 0.5, 2, 1)};
    for (Two f :
         {Two{add}, Two{sub}, Two{mul}, Two{maximum}, Two{minimum}, Two{equal}, Two{not_equal},
          Two{less}, Two{less_equal}, Two{greater}, Two{greater_equal}, Two{where_positive}})
      check_op([=](std::vector<Value> x) { return f(x[0], x[1]); }, any);
    for (Two f : {Two{div}, Two{pow}})
      check_op([=](std::vector<Value> x) { return f(x[0], x[1]); }, positive);
  }
}

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
  const Value column = in("column", {8, 1}, 0), late = in("late", {8, 8}, 1);
  const Value mixed = in("mixed", {8, 3}, kMixedBatch);
  EXPECT_EQ((rows + bias).type(), (Type{DType::f32, {8, 3}, 0}));
  EXPECT_EQ((bias * column).type(), (Type{DType::f32, {8, 3}, 0}));
  EXPECT_EQ((column * late).type().batch, kMixedBatch);
  EXPECT_EQ((rows * mixed).type().batch, kMixedBatch);
  EXPECT_EQ(where(greater(rows, 0), bias, 1 - column).type().batch, 0);
  try {
    rows + late;
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

TEST(Elementwise, OptimiserSteps) {
  const In a = testing::normal({3, 50}), b = testing::normal({3, 50}, 1);
  const In squares = testing::uniform({3, 50}, 0.2, 2, 2), beta = testing::full({}, 0.9);
  check_op([](std::vector<Value> x) { return ema(x[0], x[1], x[2]); }, {a, b, beta});
  check_op([](std::vector<Value> x) { return ema_square(x[0], x[1], x[2]); }, {a, b, beta});
  check_op([](std::vector<Value> x) { return adam_step(x[0], x[1], x[2], x[3], x[4], x[5], x[6]); },
           {a, b, squares, testing::full({}, 0.1), testing::full({}, 3), testing::full({1}, 2),
            testing::full({}, 0.01)});
}

TEST(Elementwise, OptimiserStepsTakeOneRatePerUnit) {
  const In a = testing::normal({3, 5}), rates = testing::uniform({5}, 0.1, 0.9);
  check_op([](std::vector<Value> x) { return ema(x[0], x[1], x[2]); }, {a, a, rates});
  check_op([](std::vector<Value> x) { return ema_square(x[0], x[1], x[2]); }, {a, a, rates});
  const In squares = testing::uniform({3, 5}, 0.2, 2, 2), one = testing::full({}, 1);
  check_op([](std::vector<Value> x) { return adam_step(x[0], x[1], x[2], x[3], x[4], x[5], x[6]); },
           {a, a, squares, rates, one, one, testing::full({}, 0.01)});
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

}  // namespace
}  // namespace omni
