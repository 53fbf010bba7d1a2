// Block kernels on every instruction set: accuracy over ranges, special values, nothing outside.
#include "ops/elementwise_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "cpu/op_plan.h"
#include "cpu/testing.h"

namespace omni {
namespace {

using testing::on_every_target;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> run_block(block::Kernel* kernel, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  for (size_t i = 0; i < x.size(); i += cpu::kBlock) {
    const float* in[] = {x.data() + i};
    kernel(in, y.data() + i, std::min<int64_t>(cpu::kBlock, static_cast<int64_t>(x.size() - i)));
  }
  return y;
}

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

}  // namespace
}  // namespace omni
