// What the elementwise ops mean: shape rule, gradient rules, references in double, kernels.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "cpu/blocks.h"
#include "cpu/op_plan.h"
#include "graph/interpreter.h"
#include "ops/elementwise.h"
#include "ops/elementwise_kernels.h"
#include "ops/gradients.h"
#include "ops/leaf.h"

namespace omni {
namespace {

constexpr double kSqrt2 = std::numbers::sqrt2, kInvSqrtPi = std::numbers::inv_sqrtpi;
constexpr double kGeluScale = kSqrt2 * kInvSqrtPi, kGeluCubic = 0.044715;
constexpr int kNoScalars = OpDef{}.scalars_from;

// --- One definition for all ---

template <size_t n>
struct Text {
  constexpr Text(const char (&text)[n]) { std::copy_n(text, n, chars); }
  char chars[n];
};

// All inputs broadcast; those from kScalarsFrom on must be single values.
template <Text kName, int kScalarsFrom>
Type broadcast_type(std::span<const Type> in, const Attrs&) {
  Type out;
  for (int i = 0; i < static_cast<int>(in.size()); ++i) {
    require(i < kScalarsFrom || in[i].count() == 1, "{}: input {} must be a single value, it is {}",
            kName.chars, i, in[i]);
    out = broadcast(out, in[i], kName.chars);
  }
  return out;
}

// Element i of a result of shape `shape` reads this element of a broadcast input.
double element(const RefArray& in, const Shape& shape, int64_t i) {
  int64_t offset = 0, stride = 1;
  for (int axis = shape.rank() - 1, at = in.type.shape.rank() - 1; at >= 0; --axis, --at) {
    if (in.type.shape[at] != 1) offset += i % shape[axis] * stride;
    stride *= in.type.shape[at];
    i /= shape[axis];
  }
  return in.v[offset];
}

template <auto f, int kInputs>
void map_reference(RefContext& c) {
  RefArray& out = c.out();
  for (int64_t i = 0; i < out.type.count(); ++i)
    out.v[i] = [&]<int... k>(std::integer_sequence<int, k...>) {
      return f(element(c.in(k), out.type.shape, i)...);
    }
  (std::make_integer_sequence<int, kInputs>());
}

template <cpu::BlockKernel kernel>
constexpr cpu::OpPlan on_cpu = {.block = kernel};

using Grad = void (*)(GradContext&);

template <Text kName, int kInputs, auto f, int kScalarsFrom = kNoScalars>
constexpr OpDef define(const cpu::OpPlan& plan, Grad grad) {
  return {.name = kName.chars,
          .arity = kInputs,
          .type = broadcast_type<kName, kScalarsFrom>,
          .grad = grad,
          .reference = map_reference<f, kInputs>,
          .cpu = &plan,
          .elementwise = true,
          .takes_bf16 = true,
          .scalars_from = kScalarsFrom};
}

// --- Gradient rules ---

void no_gradient(GradContext&) {}

void give(GradContext& c, int i, Value v) {
  if (is_float(c.x(i).type().dtype)) c.add(i, sum_to(v, c.x(i).shape()));
}

void add_grad(GradContext& c) {
  give(c, 0, c.dy());
  give(c, 1, c.dy());
}
void sub_grad(GradContext& c) {
  give(c, 0, c.dy());
  give(c, 1, -c.dy());
}
void mul_grad(GradContext& c) {
  give(c, 0, c.dy() * c.x(1));
  give(c, 1, c.dy() * c.x(0));
}
void div_grad(GradContext& c) {
  const Value da = c.dy() / c.x(1);
  give(c, 0, da);
  give(c, 1, -(da * c.y()));
}

// dy to input 1 where `first` holds, to input 2 elsewhere, with inputs numbered from `from`.
void choose_grad(GradContext& c, Value first, int from) {
  const Value zero = constant(c.graph(), 0);
  give(c, from, where(first, c.dy(), zero));
  give(c, from + 1, where(first, zero, c.dy()));
}
void maximum_grad(GradContext& c) { choose_grad(c, greater_equal(c.x(0), c.x(1)), 0); }
void minimum_grad(GradContext& c) { choose_grad(c, less_equal(c.x(0), c.x(1)), 0); }
void where_grad(GradContext& c) { choose_grad(c, c.x(0), 1); }
void where_positive_grad(GradContext& c) { give(c, 1, where_positive(c.x(0), c.dy())); }

void pow_grad(GradContext& c) {
  const Value a = c.x(0), b = c.x(1), zero = constant(c.graph(), 0), one = constant(c.graph(), 1);
  give(c, 0, where(b, c.dy() * b * pow(a, b - 1), zero));  // not 0 times infinity at a = 0
  const Value logarithm = log(where(greater(a, 0), a, one));
  give(c, 1, where_positive(a, c.dy() * c.y() * logarithm));
}

void gelu_grad(GradContext& c) {
  const Value x = c.x(0);
  const Value cumulative = (erf(x * (1 / kSqrt2)) + 1) * 0.5;
  const Value density = exp(square(x) * -0.5) * (kInvSqrtPi / kSqrt2);
  give(c, 0, c.dy() * (cumulative + x * density));
}
void gelu_tanh_grad(GradContext& c) {
  const Value x = c.x(0), x2 = square(x);
  const Value t = tanh(x * kGeluScale * (x2 * kGeluCubic + 1));
  const Value slope = (x2 * (3 * kGeluCubic) + 1) * kGeluScale;
  give(c, 0, c.dy() * 0.5 * (t + 1 + x * (1 - square(t)) * slope));
}
void silu_grad(GradContext& c) {
  const Value s = sigmoid(c.x(0));
  give(c, 0, c.dy() * (s + c.y() * (1 - s)));
}

// Of the averages beta old + (1 - beta) average.
void average_grad(GradContext& c, Value average, Value dx) {
  const Value beta = c.x(2);
  give(c, 0, c.dy() * beta);
  give(c, 1, c.dy() * (1 - beta) * dx);
  give(c, 2, c.dy() * (c.x(0) - average));
}
void ema_grad(GradContext& c) { average_grad(c, c.x(1), constant(c.graph(), 1)); }
void ema_square_grad(GradContext& c) { average_grad(c, square(c.x(1)), c.x(1) * 2); }

void adam_step_grad(GradContext& c) {
  const Value m = c.x(1), v = c.x(2), lr = c.x(3), correction1 = c.x(4), correction2 = c.x(5);
  const Value root = sqrt(v * correction2);
  const Value slope = -c.dy() / (root + c.x(6));  // d loss / d (lr m correction1)
  const Value d_root = -slope * lr * m * correction1 / (root + c.x(6));
  const Value d_square = where_positive(root, d_root * 0.5 / root);
  give(c, 0, c.dy());
  give(c, 1, slope * lr * correction1);
  give(c, 2, d_square * correction2);
  give(c, 3, slope * m * correction1);
  give(c, 4, slope * m * lr);
  give(c, 5, d_square * v);
  give(c, 6, d_root);
}

// --- References ---

double erf_of(double x) { return std::erf(x); }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double softplus_of(double x) { return (x > 0 ? x : 0.0) + std::log1p(std::exp(-std::abs(x))); }
double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double maximum_of(double a, double b) { return a > b || std::isnan(a) ? a : b; }
double minimum_of(double a, double b) { return a < b || std::isnan(a) ? a : b; }
double greater_of(double a, double b) { return a > b ? 1 : 0; }
double where_positive_of(double gate, double a) { return gate > 0 ? a : 0; }
double gelu_of(double x) { return 0.5 * x * (1 + erf_of(x / kSqrt2)); }
double gelu_tanh_of(double x) {
  return 0.5 * x * (1 + std::tanh(kGeluScale * x * (1 + kGeluCubic * x * x)));
}
double to_i32_of(double x) {
  return std::isnan(x) ? 0 : std::trunc(std::clamp(x, -0x1p31, 0x1p31 - 1));
}
double nearest_bf16(double x) { return omni::round_to_bf16(x); }
double adam_step_of(double w, double m, double v, double lr, double correction1, double correction2,
                    double eps) {
  return w - lr * (m * correction1) / (std::sqrt(v * correction2) + eps);
}

Type to_i32_type(std::span<const Type> in, const Attrs&) {
  return {DType::i32, in[0].shape, in[0].batch};
}

// The batch axis that a value of type `in` has when it is stretched to `shape`.
Type broadcast_to_type(std::span<const Type> in, const Attrs& a) {
  const Type to{DType::f32, Shape(a.list("shape")), static_cast<int>(a.integer("batch"))};
  require(to.batch >= kMixedBatch && to.batch < to.shape.rank(),
          "broadcast_to: batch axis {} is outside the {} axes", to.batch, to.shape.rank());
  const Type target{DType::f32, to.shape};
  require(broadcast(in[0], target, "broadcast_to").shape == to.shape,
          "broadcast_to: {} does not stretch to {}", in[0], to.shape);
  const int own_batch = aligned_batch(in[0], to.shape.rank());
  require(own_batch == kNoBatch || own_batch == to.batch,
          "broadcast_to: the input's batch axis becomes axis {}, axis {} was asked for", own_batch,
          to.batch);
  return to;
}

constexpr OpDef with_type(OpDef op, Type (*type)(std::span<const Type>, const Attrs&)) {
  op.type = type;
  return op;
}
constexpr auto kSame = [](double x) { return x; };

}  // namespace

namespace ops {

const OpDef add =
    define<"add", 2, [](double a, double b) { return a + b; }>(on_cpu<block::add>, add_grad);
const OpDef sub =
    define<"sub", 2, [](double a, double b) { return a - b; }>(on_cpu<block::sub>, sub_grad);
const OpDef mul =
    define<"mul", 2, [](double a, double b) { return a * b; }>(on_cpu<block::mul>, mul_grad);
const OpDef div =
    define<"div", 2, [](double a, double b) { return a / b; }>(on_cpu<block::div>, div_grad);
const OpDef maximum = define<"maximum", 2, maximum_of>(on_cpu<block::maximum>, maximum_grad);
const OpDef minimum = define<"minimum", 2, minimum_of>(on_cpu<block::minimum>, minimum_grad);
const OpDef pow = define<"pow", 2, [](double a, double b) { return std::pow(a, b); }>(
    on_cpu<block::pow>, pow_grad);

const OpDef neg = define<"neg", 1, [](double x) { return -x; }>(
    on_cpu<block::neg>, [](GradContext& c) { give(c, 0, -c.dy()); });
const OpDef abs = define<"abs", 1, [](double x) { return std::abs(x); }>(
    on_cpu<block::abs>, [](GradContext& c) { give(c, 0, c.dy() * omni::sign(c.x(0))); });
const OpDef sign = define<"sign", 1, sign_of>(on_cpu<block::sign>, no_gradient);
const OpDef exp = define<"exp", 1, [](double x) { return std::exp(x); }>(
    on_cpu<block::exp>, [](GradContext& c) { give(c, 0, c.dy() * c.y()); });
const OpDef log = define<"log", 1, [](double x) { return std::log(x); }>(
    on_cpu<block::log>, [](GradContext& c) { give(c, 0, c.dy() / c.x(0)); });
const OpDef log1p = define<"log1p", 1, [](double x) { return std::log1p(x); }>(
    on_cpu<block::log1p>, [](GradContext& c) { give(c, 0, c.dy() / (c.x(0) + 1)); });
const OpDef sqrt = define<"sqrt", 1, [](double x) { return std::sqrt(x); }>(
    on_cpu<block::sqrt>, [](GradContext& c) { give(c, 0, c.dy() * 0.5 / c.y()); });
const OpDef rsqrt = define<"rsqrt", 1, [](double x) { return 1 / std::sqrt(x); }>(
    on_cpu<block::rsqrt>,
    [](GradContext& c) { give(c, 0, c.dy() * -0.5 * c.y() * omni::square(c.y())); });
const OpDef reciprocal = define<"reciprocal", 1, [](double x) { return 1 / x; }>(
    on_cpu<block::reciprocal>, [](GradContext& c) { give(c, 0, -(c.dy() * omni::square(c.y()))); });
const OpDef square = define<"square", 1, [](double x) { return x * x; }>(
    on_cpu<block::square>, [](GradContext& c) { give(c, 0, c.dy() * (c.x(0) * 2)); });
const OpDef tanh = define<"tanh", 1, [](double x) { return std::tanh(x); }>(
    on_cpu<block::tanh>, [](GradContext& c) { give(c, 0, c.dy() * (1 - omni::square(c.y()))); });
const OpDef sigmoid = define<"sigmoid", 1, sigmoid_of>(
    on_cpu<block::sigmoid>, [](GradContext& c) { give(c, 0, c.dy() * (c.y() * (1 - c.y()))); });
const OpDef erf = define<"erf", 1, erf_of>(on_cpu<block::erf>, [](GradContext& c) {
  give(c, 0, c.dy() * (omni::exp(-omni::square(c.x(0))) * (2 * kInvSqrtPi)));
});
const OpDef sin = define<"sin", 1, [](double x) { return std::sin(x); }>(
    on_cpu<block::sin>, [](GradContext& c) { give(c, 0, c.dy() * omni::cos(c.x(0))); });
const OpDef cos = define<"cos", 1, [](double x) { return std::cos(x); }>(
    on_cpu<block::cos>, [](GradContext& c) { give(c, 0, -(c.dy() * omni::sin(c.x(0)))); });
const OpDef softplus = define<"softplus", 1, softplus_of>(
    on_cpu<block::softplus>, [](GradContext& c) { give(c, 0, c.dy() * omni::sigmoid(c.x(0))); });
const OpDef relu = define<"relu", 1, [](double x) { return x < 0 ? 0.0 : x; }>(
    on_cpu<block::relu>, [](GradContext& c) { give(c, 0, omni::where_positive(c.y(), c.dy())); });
const OpDef gelu = define<"gelu", 1, gelu_of>(on_cpu<block::gelu>, gelu_grad);
const OpDef gelu_tanh =
    define<"gelu_tanh", 1, gelu_tanh_of>(on_cpu<block::gelu_tanh>, gelu_tanh_grad);
const OpDef silu = define<"silu", 1, [](double x) { return x / (1 + std::exp(-x)); }>(
    on_cpu<block::silu>, silu_grad);

const OpDef equal = define<"equal", 2, [](double a, double b) { return a == b ? 1.0 : 0; }>(
    on_cpu<block::equal>, no_gradient);
const OpDef not_equal = define<"not_equal", 2, [](double a, double b) { return a != b ? 1.0 : 0; }>(
    on_cpu<block::not_equal>, no_gradient);
const OpDef less = define<"less", 2, [](double a, double b) { return a < b ? 1.0 : 0; }>(
    on_cpu<block::less>, no_gradient);
const OpDef less_equal =
    define<"less_equal", 2, [](double a, double b) { return a <= b ? 1.0 : 0; }>(
        on_cpu<block::less_equal>, no_gradient);
const OpDef greater = define<"greater", 2, greater_of>(on_cpu<block::greater>, no_gradient);
const OpDef greater_equal =
    define<"greater_equal", 2, [](double a, double b) { return a >= b ? 1.0 : 0; }>(
        on_cpu<block::greater_equal>, no_gradient);

const OpDef where =
    define<"where", 3, [](double condition, double a, double b) { return condition != 0 ? a : b; }>(
        on_cpu<block::where>, where_grad);
const OpDef where_positive = define<"where_positive", 2, where_positive_of>(
    on_cpu<cpu::where_positive_block>, where_positive_grad);

const OpDef to_f32 =
    define<"to_f32", 1, kSame>(on_cpu<cpu::copy_block>, [](GradContext& c) { give(c, 0, c.dy()); });
const OpDef to_i32 =
    with_type(define<"to_i32", 1, to_i32_of>(on_cpu<block::to_i32>, no_gradient), to_i32_type);
const OpDef broadcast_to =
    with_type(define<"broadcast_to", 1, kSame>(on_cpu<cpu::copy_block>,
                                               [](GradContext& c) { give(c, 0, c.dy()); }),
              broadcast_to_type);

const OpDef round_to_bf16 =
    define<"round_to_bf16", 1, nearest_bf16>(on_cpu<cpu::round_bf16_block>, no_gradient);

const OpDef ema =
    define<"ema", 3, [](double old, double x, double beta) { return beta * old + (1 - beta) * x; },
           2>(on_cpu<block::ema>, ema_grad);
const OpDef ema_square =
    define<"ema_square", 3,
           [](double old, double x, double beta) { return beta * old + (1 - beta) * x * x; }, 2>(
        on_cpu<block::ema_square>, ema_square_grad);
const OpDef adam_step =
    define<"adam_step", 7, adam_step_of, 3>(on_cpu<block::adam_step>, adam_step_grad);

}  // namespace ops
}  // namespace omni
