// Block kernels on every instruction set: accuracy over ranges, special values, nothing outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "cpu/op_plan.h"
#include "cpu/testing.h"
#include "graph/interpreter.h"
#include "ops/test_elementwise.h"

namespace omni {
namespace {

using testing::on_every_target;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// The kernel's block by block results; inputs in[k] have one length, or are single values.
std::vector<float> run_block(const OpDef& op, const std::vector<std::vector<float>>& in) {
  std::vector<float> y(in[0].size());
  for (size_t i = 0; i < y.size(); i += cpu::kBlock) {
    std::vector<const float*> at;
    for (size_t k = 0; k < in.size(); ++k)
      at.push_back(in[k].data() + (static_cast<int>(k) < op.scalars_from ? i : 0));
    op.cpu->block(at.data(), y.data() + i,
                  std::min<int64_t>(cpu::kBlock, static_cast<int64_t>(y.size() - i)));
  }
  return y;
}

std::vector<double> run_reference(const OpDef& op, const std::vector<std::vector<float>>& in) {
  const Type type = {DType::f32, {static_cast<int64_t>(in[0].size())}};
  std::vector<RefArray> arrays;
  for (size_t k = 0; k < in.size(); ++k) {
    const bool single = static_cast<int>(k) >= op.scalars_from;
    arrays.push_back({single ? Type() : type, {in[k].begin(), in[k].end()}});
    if (single) arrays.back().v.resize(1);
  }
  std::vector<const RefArray*> inputs;
  for (const RefArray& a : arrays) inputs.push_back(&a);
  RefArray out{type, std::vector<double>(in[0].size())};
  const Attrs none;
  RefContext c(inputs, out, none);
  op.reference(c);
  return out.v;
}

struct Accuracy {
  const OpDef* op;
  double low, high;     // range
  double relative;      // allowed error relative to the exact value,
  double absolute = 0;  // plus this

  // `count` numbers of the range for each input; some inputs equal the one before.
  std::vector<std::vector<float>> inputs(size_t count) const {
    std::vector<std::vector<float>> in(op->arity, std::vector<float>(count));
    Stream s(Key::of(3));
    for (size_t k = 0; k < in.size(); ++k)
      for (size_t i = 0; i < count; ++i) {
        in[k][i] = static_cast<float>(low + (high - low) * s.uniform());
        if (k > 0 && i % 4 == 0) in[k][i] = in[k - 1][i];
      }
    return in;
  }
};

constexpr double kDenormal = 1.5e-45;

// The table's ranges, and others where errors are smaller or differ in kind.
std::vector<Accuracy> accuracies() {
  std::vector<Accuracy> all = {
      {&ops::exp, -120, -87, 2e-7, kDenormal},
      {&ops::exp, -1e-3, 1e-3, 1e-7},
      {&ops::log, 0.5, 2, 2e-7},
      {&ops::log, 1e-45, 1e-37, 2e-7},
      {&ops::log, 0, 1e38, 2e-7},
      {&ops::log1p, -1e-4, 1e-4, 3e-7},
      {&ops::log1p, 4, 1e20, 2e-7},
      {&ops::tanh, -1, 1, 4e-7},
      {&ops::tanh, -1e-5, 1e-5, 2e-7},
      {&ops::erf, -1.2, 1.2, 3e-7},
      {&ops::erf, -1e-5, 1e-5, 3e-7},
  };
  for (const auto& e : testing::elementwise_entries())
    all.push_back({e.op, e.low, e.high, e.relative, e.absolute});
  return all;
}

TEST(ElementwiseKernels, AreAccurate) {
  for (const Accuracy& a : accuracies()) {
    const auto in = a.inputs(1 << 15);
    const std::vector<double> exact = run_reference(*a.op, in);
    on_every_target([&] {
      const std::vector<float> y = run_block(*a.op, in);
      double worst = 0;
      size_t at = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        const double error = std::max(0.0, std::abs(y[i] - exact[i]) - a.absolute);
        const double relative = error == 0 ? 0 : error / std::abs(exact[i]);
        if (!(relative <= worst)) worst = relative, at = i;
      }
      EXPECT_LE(worst, a.relative) << a.op->name << " at " << in[0][at] << ", ...";
      RecordProperty(a.op->name, std::to_string(worst));
    });
  }
}

// Formulas of this file's own, some written otherwise: a constant that is wrong in both columns of
// an entry agrees with itself.
double gelu_exact(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double gelu_tanh_exact(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double gelu_tanh_slope_exact(double x) {
  const double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x), cosine = std::cosh(u);
  const double du = std::sqrt(2 / M_PI) * (1 + 0.134145 * x * x);
  return 0.5 * (1 + std::tanh(u)) + 0.5 * x * du / (cosine * cosine);
}
double softplus_exact(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

struct Formula {
  const OpDef* op;
  double (*exact)(double);
};
const Formula kFormulas[] = {
    {&ops::exp, std::exp},
    {&ops::log, std::log},
    {&ops::log1p, std::log1p},
    {&ops::sqrt, std::sqrt},
    {&ops::rsqrt, [](double x) { return std::pow(x, -0.5); }},
    {&ops::reciprocal, [](double x) { return std::pow(x, -1); }},
    {&ops::square, [](double x) { return std::pow(x, 2); }},
    {&ops::tanh, std::tanh},
    {&ops::sigmoid, [](double x) { return std::exp(-softplus_exact(-x)); }},
    {&ops::erf, std::erf},
    {&ops::sin, std::sin},
    {&ops::cos, std::cos},
    {&ops::softplus, softplus_exact},
    {&ops::gelu, gelu_exact},
    {&ops::gelu_tanh, gelu_tanh_exact},
    {&ops::gelu_tanh_slope, gelu_tanh_slope_exact},
    {&ops::silu, [](double x) { return x * std::exp(-softplus_exact(-x)); }},
};

TEST(ElementwiseKernels, FollowFormulasThatAreNotTheTables) {
  for (const Formula& f : kFormulas) {
    const auto e =
        std::ranges::find(testing::elementwise_entries(), f.op, &testing::ElementwiseEntry::op);
    const Accuracy a{e->op, e->low, e->high, e->relative, e->absolute};
    const auto in = a.inputs(1 << 13);
    const std::vector<double> reference = run_reference(*f.op, in);
    on_every_target([&] {
      const std::vector<float> y = run_block(*f.op, in);
      for (size_t i = 0; i < y.size(); ++i) {
        const double exact = f.exact(in[0][i]);
        ASSERT_NEAR(reference[i], exact, 1e-13 * std::abs(exact) + 1e-14)
            << f.op->name << " at " << in[0][i];
        ASSERT_NEAR(y[i], exact, a.relative * std::abs(exact) + a.absolute)
            << f.op->name << " at " << in[0][i];
      }
    });
  }
}

TEST(ElementwiseKernels, EveryFunctionOfOneNumberThatRoundsHasSuchAFormula) {
  for (const testing::ElementwiseEntry& e : testing::elementwise_entries()) {
    const Accuracy a{e.op, e.low, e.high, e.relative, e.absolute};
    if (e.relative > 0 && a.inputs(1).size() == 1) {
      EXPECT_NE(std::ranges::find(kFormulas, e.op, &Formula::op), std::end(kFormulas))
          << e.op->name << " has no formula of its own in kFormulas";
    }
  }
}

struct Special {
  const OpDef* op;
  float x, y;
};
const Special kSpecial[] = {
    {&ops::exp, -kInf, 0},
    {&ops::exp, kInf, kInf},
    {&ops::exp, 200, kInf},
    {&ops::exp, -200, 0},
    {&ops::exp, 0, 1},
    {&ops::exp, kNaN, kNaN},
    {&ops::log, 0, -kInf},
    {&ops::log, -0.0f, -kInf},
    {&ops::log, -1, kNaN},
    {&ops::log, -kInf, kNaN},
    {&ops::log, kInf, kInf},
    {&ops::log, 1, 0},
    {&ops::log, kNaN, kNaN},
    {&ops::log1p, -1, -kInf},
    {&ops::log1p, -2, kNaN},
    {&ops::log1p, 0, 0},
    {&ops::log1p, kInf, kInf},
    {&ops::log1p, kNaN, kNaN},
    {&ops::log1p, 1e-30f, 1e-30f},
    {&ops::tanh, kInf, 1},
    {&ops::tanh, -kInf, -1},
    {&ops::tanh, kNaN, kNaN},
    {&ops::tanh, 1e-30f, 1e-30f},
    {&ops::tanh, 0, 0},
    {&ops::sigmoid, kInf, 1},
    {&ops::sigmoid, -kInf, 0},
    {&ops::sigmoid, 0, 0.5f},
    {&ops::sigmoid, kNaN, kNaN},
    {&ops::erf, kInf, 1},
    {&ops::erf, -kInf, -1},
    {&ops::erf, kNaN, kNaN},
    {&ops::erf, 0, 0},
    {&ops::softplus, kInf, kInf},
    {&ops::softplus, -kInf, 0},
    {&ops::softplus, kNaN, kNaN},
    {&ops::softplus, 1e30f, 1e30f},
    {&ops::relu, kNaN, kNaN},
    {&ops::relu, -kInf, 0},
    {&ops::relu, kInf, kInf},
    {&ops::gelu, kInf, kInf},
    {&ops::gelu, -100, 0},
    {&ops::gelu, kNaN, kNaN},
    {&ops::gelu_tanh_slope, 1e19f, 1},
    {&ops::gelu_tanh_slope, -1e19f, 0},
    {&ops::gelu_tanh_slope, 1e20f, kNaN},  // as in the chain of ops that it stands for
    {&ops::gelu_tanh_slope, kInf, kNaN},
    {&ops::gelu_tanh_slope, kNaN, kNaN},
    {&ops::sign, kNaN, kNaN},
    {&ops::sign, -1e-30f, -1},
    {&ops::sign, 0, 0},
    {&ops::to_i32, kNaN, 0},
    {&ops::to_i32, -1.9f, -1},
    {&ops::to_i32, kInf, 0x1p31f},
    {&ops::to_i32, -1e20f, -0x1p31f},
    {&ops::reciprocal, 0, kInf},
    {&ops::rsqrt, 0, kInf},
    {&ops::sqrt, -1, kNaN},
};

TEST(ElementwiseKernels, SpecialValues) {
  on_every_target([] {
    for (const Special& s : kSpecial)
      for (const float y : run_block(*s.op, {std::vector<float>(19, s.x)}))
        EXPECT_TRUE(y == s.y || (std::isnan(y) && std::isnan(s.y)))
            << s.op->name << "(" << s.x << ") is " << y << ", wanted " << s.y;
  });
}

TEST(ElementwiseKernels, MaximumAndMinimumKeepNaNOfEitherSide) {
  on_every_target([] {
    for (const OpDef* op : {&ops::maximum, &ops::minimum}) {
      const std::vector<float> a(17, kNaN), b(17, 1);
      std::vector<float> y(17);
      for (const bool first : {true, false}) {
        const float* in[] = {first ? a.data() : b.data(), first ? b.data() : a.data()};
        op->cpu->block(in, y.data(), 17);
        for (const float v : y) EXPECT_TRUE(std::isnan(v));
      }
    }
  });
}

TEST(ElementwiseKernels, BitsDoNotDependOnThePlaceInTheBlock) {
  on_every_target([] {
    for (const Accuracy& a : accuracies()) {
      const auto in = a.inputs(67);
      const std::vector<float> whole = run_block(*a.op, in);
      for (size_t i = 0; i < whole.size(); ++i) {
        std::vector<std::vector<float>> one;
        for (size_t k = 0; k < in.size(); ++k)
          one.push_back({in[k][static_cast<int>(k) < a.op->scalars_from ? i : 0]});
        const std::vector<float> alone = run_block(*a.op, one);
        ASSERT_EQ(std::bit_cast<uint32_t>(alone[0]), std::bit_cast<uint32_t>(whole[i]))
            << a.op->name;
      }
    }
  });
}

// Into memory of its own, and over each of the inputs.
TEST(ElementwiseKernels, EveryLengthStaysInsideAndInPlaceWorks) {
  on_every_target([] {
    for (const auto& e : testing::elementwise_entries())
      for (int64_t n = 0; n < 70; ++n) {
        const auto in = Accuracy{e.op, e.low, e.high, 0}.inputs(static_cast<size_t>(n) + 1);
        std::vector<const float*> at;
        for (const auto& v : in) at.push_back(v.data());
        std::vector<float> out(n + 1, 7);
        e.op->cpu->block(at.data(), out.data(), n);
        ASSERT_EQ(out[n], 7) << e.op->name;
        out[n] = in[0][n];
        std::vector<float> first = in[0];
        at[0] = first.data();
        e.op->cpu->block(at.data(), first.data(), n);
        ASSERT_EQ(first, out) << e.op->name;
        if (e.op->arity == 1 || e.op->scalars_from == 1) continue;
        std::vector<float> second = in[1];
        at = {in[0].data(), second.data()};
        for (size_t k = 2; k < in.size(); ++k) at.push_back(in[k].data());
        e.op->cpu->block(at.data(), second.data(), n);
        second[n] = out[n];
        ASSERT_EQ(second, out) << e.op->name;
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
      ops::adam_step.cpu->block(in, out.data(), n);
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

}  // namespace
}  // namespace omni
