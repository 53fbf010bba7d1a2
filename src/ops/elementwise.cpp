// What the elementwise ops mean: shape rule, gradient rules, references in double; and what is
// composed of them.
#include "ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "cpu/blocks.h"
#include "cpu/op_plan.h"
#include "graph/interpreter.h"
#include "ops/gradients.h"
#include "ops/leaf.h"

namespace omni {

namespace block {  // elementwise_cpu.cpp
#define OMNI_ELEMENTWISE(name, ...) void name(const float* const* in, float* out, int64_t n);
#define OMNI_OPTIMIZER_STEP OMNI_ELEMENTWISE
#include "ops/elementwise_table.h"
void to_i32(const float* const* in, float* out, int64_t n);
}  // namespace block

// Kernels that passes know a way round.
template <>
constexpr cpu::OpPlan cpu::planned_by<block::mul> = {.block = block::mul,
                                                     .on_bytes = cpu::scale_u8};
template <>
constexpr cpu::OpPlan cpu::planned_by<block::where_positive> = {
    .block = block::where_positive, .on_words = cpu::where_positive_bf16};
template <>
constexpr cpu::OpPlan cpu::planned_by<cpu::copy_block> = {.block = cpu::copy_block, .copies = true};

namespace {

constexpr double kSqrt2 = std::numbers::sqrt2, kInvSqrtPi = std::numbers::inv_sqrtpi;
constexpr double kGeluScale = kSqrt2 * kInvSqrtPi, kGeluCubic = 0.044715;
constexpr int kNoScalars = OpDef{}.scalars_from;

// --- One definition for all ---

// All inputs broadcast; those from kScalarsFrom on must be single values.
template <const char* kName, int kScalarsFrom>
Type broadcast_type(std::span<const Type> in, const Attrs&) {
  Type out;
  for (int i = 0; i < static_cast<int>(in.size()); ++i) {
    require(i < kScalarsFrom || in[i].count() == 1, "{}: input {} must be a single value, it is {}",
            kName, i, in[i]);
    out = broadcast(out, in[i], kName);
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

// Calls f(constants 0, 1, ..., kInputs - 1).
template <int kInputs, class Function>
auto over_inputs(Function f) {
  return [&]<int... k>(std::integer_sequence<int, k...>) {
    return f(std::integral_constant<int, k>()...);
  }
  (std::make_integer_sequence<int, kInputs>());
}

template <auto value, int kInputs>
void map_reference(RefContext& c) {
  RefArray& out = c.out();
  for (int64_t i = 0; i < out.type.count(); ++i)
    out.v[i] = over_inputs<kInputs>(
        [&](auto... k) { return value(element(c.in(k), out.type.shape, i)...); });
}

// The gradient of one input: what a rule assigns to, at most once.
class InputGradient {
 public:
  InputGradient(GradContext& c, int input) : c_(c), input_(input) {}
  void operator=(Value d) {
    const Value x = c_.x(input_);
    if (is_float(x.type().dtype)) c_.add(input_, sum_to(d, x.shape()));
  }

 private:
  GradContext& c_;
  int input_;
};

template <auto rule, int kInputs>
void apply_rule(GradContext& c) {
  over_inputs<kInputs>([&](auto... k) { rule(c.y(), c.dy(), c.x(k)..., InputGradient(c, k)...); });
}

template <class... In>
constexpr int count_inputs(double (*)(In...)) {
  return sizeof...(In);
}

template <const char* kName, auto value, auto rule, auto kernel, int kScalarsFrom = kNoScalars>
constexpr OpDef define() {
  constexpr int kInputs = count_inputs(value);
  return {.name = kName,
          .arity = kInputs,
          .type = broadcast_type<kName, kScalarsFrom>,
          .grad = apply_rule<rule, kInputs>,
          .reference = map_reference<value, kInputs>,
          .cpu = &cpu::planned_by<kernel>,
          .elementwise = true,
          .takes_bf16 = true,
          .scalars_from = kScalarsFrom};
}

Value emit(const OpDef& op, std::initializer_list<Value> in) {
  return in.begin()->graph->add(op, in);
}

bool is_single(Value v) { return v.type().count() == 1; }

// --- Parts of gradient rules ---

void no_gradient() {}

// dy to one input where `first` holds, to the other elsewhere.
void choose(InputGradient da, InputGradient db, Value first, Value dy) {
  const Value zero = constant(*dy.graph, 0);
  da = where(first, dy, zero);
  db = where(first, zero, dy);
}

void pow_gradient(InputGradient da, InputGradient db, Value a, Value b, Value y, Value dy) {
  const Value zero = constant(*dy.graph, 0), one = constant(*dy.graph, 1);
  da = where(b, dy * b * pow(a, b - 1), zero);  // not 0 times infinity at a = 0
  const Value logarithm = log(where(greater(a, 0), a, one));
  db = where_positive(a, dy * y * logarithm);
}

Value gelu_slope(Value x) {
  const Value cumulative = (erf(x * (1 / kSqrt2)) + 1) * 0.5;
  const Value density = exp(square(x) * -0.5) * (kInvSqrtPi / kSqrt2);
  return cumulative + x * density;
}

double gelu_tanh_slope_of(double x) {
  const double t = std::tanh(kGeluScale * x * (1 + kGeluCubic * x * x));
  return 0.5 * (1 + t + x * (1 - t * t) * kGeluScale * (1 + 3 * kGeluCubic * x * x));
}

// The derivative of gelu_tanh_slope.
Value gelu_tanh_bend(Value x) {
  const Value x2 = square(x);
  const Value t = tanh(x * kGeluScale * (x2 * kGeluCubic + 1));
  const Value slope = (x2 * (3 * kGeluCubic) + 1) * kGeluScale;
  return (1 - square(t)) * (slope + x2 * (3 * kGeluScale * kGeluCubic) - x * t * square(slope));
}

double square(double x) { return x * x; }

}  // namespace

// --- The table ---

#define OMNI_DOUBLE(x) double x
#define OMNI_GRADIENT(x) [[maybe_unused]] InputGradient d##x

#define OMNI_ELEMENTWISE(name, inputs, value, vector, gradient, ...)                     \
  namespace {                                                                            \
  constexpr char name##_name[] = #name;                                                  \
  double name##_value(OMNI_EACH(OMNI_DOUBLE, inputs)) { return value; }                  \
  void name##_rule([[maybe_unused]] Value y, [[maybe_unused]] Value dy,                  \
                   OMNI_EACH(OMNI_VALUE, inputs), OMNI_EACH(OMNI_GRADIENT, inputs)) {    \
    gradient;                                                                            \
  }                                                                                      \
  }                                                                                      \
  const OpDef ops::name = define<name##_name, name##_value, name##_rule, block::name>(); \
  Value name(OMNI_EACH(OMNI_VALUE, inputs)) {                                            \
    return emit(ops::name, {OMNI_EACH(OMNI_NAME, inputs)});                              \
  }

#define OMNI_SINGLE(x) is_single(x)

#define OMNI_OPTIMIZER_STEP(name, inputs, singles, value, vector, gradient, ...)           \
  namespace {                                                                              \
  constexpr char name##_name[] = #name;                                                    \
  double name##_value(OMNI_EACH(OMNI_DOUBLE, inputs), OMNI_EACH(OMNI_DOUBLE, singles)) {   \
    using std::sqrt;                                                                       \
    return value;                                                                          \
  }                                                                                        \
  void name##_rule([[maybe_unused]] Value y, [[maybe_unused]] Value dy,                    \
                   OMNI_EACH(OMNI_VALUE, inputs), OMNI_EACH(OMNI_VALUE, singles),          \
                   OMNI_EACH(OMNI_GRADIENT, inputs), OMNI_EACH(OMNI_GRADIENT, singles)) {  \
    gradient;                                                                              \
  }                                                                                        \
  }                                                                                        \
  const OpDef ops::name =                                                                  \
      define<name##_name, name##_value, name##_rule, block::name, OMNI_COUNT(inputs)>();   \
  Value name(OMNI_EACH(OMNI_VALUE, inputs), OMNI_EACH(OMNI_VALUE, singles)) {              \
    for (const bool single : {OMNI_EACH(OMNI_SINGLE, singles)})                            \
      if (!single) return value;                                                           \
    return emit(ops::name, {OMNI_EACH(OMNI_NAME, inputs), OMNI_EACH(OMNI_NAME, singles)}); \
  }

#include "ops/elementwise_table.h"

// --- Types and shapes ---

namespace {

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

constexpr char kToF32[] = "to_f32", kToI32[] = "to_i32", kBroadcastTo[] = "broadcast_to",
               kRoundToBf16[] = "round_to_bf16";

double same(double x) { return x; }
double whole(double x) {
  return std::isnan(x) ? 0 : std::trunc(std::clamp(x, -0x1p31, 0x1p31 - 1));
}
double nearest_bf16(double x) { return omni::round_to_bf16(x); }

void pass_on(Value, Value dy, Value, InputGradient dx) { dx = dy; }
void pass_nothing(Value, Value, Value, InputGradient) {}

}  // namespace

namespace ops {
const OpDef to_f32 = define<kToF32, same, pass_on, cpu::copy_block>();
const OpDef to_i32 = with_type(define<kToI32, whole, pass_nothing, block::to_i32>(), to_i32_type);
const OpDef broadcast_to =
    with_type(define<kBroadcastTo, same, pass_on, cpu::copy_block>(), broadcast_to_type);
const OpDef round_to_bf16 =
    define<kRoundToBf16, nearest_bf16, pass_nothing, cpu::round_bf16_block>();
}  // namespace ops

Value convert(Value v, DType to) {
  require(to == DType::f32 || to == DType::i32, "convert: to {} is not possible, f32 and i32 are",
          name_of(to));
  if (v.type().dtype == to) return v;
  return emit(to == DType::i32 ? ops::to_i32 : ops::to_f32, {v});
}
Value round_to_bf16(Value x) { return emit(ops::round_to_bf16, {x}); }

Value broadcast_to(Value v, const Shape& to, int batch) {
  if (batch == kNoBatch) batch = aligned_batch(v.type(), to.rank());
  return v.graph->add(ops::broadcast_to, {v}, {{"shape", to.dims()}, {"batch", int64_t{batch}}});
}

// --- Composed of the above ---

namespace {
Value number(Value beside, double x) { return constant(*beside.graph, x); }
}  // namespace

Value sum_n(std::span<const Value> values) {
  require(!values.empty(), "sum_n: there is nothing to add");
  Value sum = values[0];
  for (const Value& v : values.subspan(1)) sum = sum + v;
  return sum;
}

Value operator+(Value a, Value b) { return add(a, b); }
Value operator-(Value a, Value b) { return sub(a, b); }
Value operator*(Value a, Value b) { return mul(a, b); }
Value operator/(Value a, Value b) { return div(a, b); }
Value operator+(Value a, double b) { return add(a, number(a, b)); }
Value operator-(Value a, double b) { return sub(a, number(a, b)); }
Value operator*(Value a, double b) { return mul(a, number(a, b)); }
Value operator/(Value a, double b) { return div(a, number(a, b)); }
Value operator+(double a, Value b) { return add(number(b, a), b); }
Value operator-(double a, Value b) { return sub(number(b, a), b); }
Value operator*(double a, Value b) { return mul(number(b, a), b); }
Value operator/(double a, Value b) { return div(number(b, a), b); }
Value operator-(Value a) { return neg(a); }

Value clamp(Value x, double low, double high) {
  require(low <= high, "clamp: the lower bound {} is above the upper bound {}", low, high);
  const Value above = maximum(x, number(x, low));
  return minimum(above, number(x, high));
}

Value equal(Value a, double b) { return equal(a, number(a, b)); }
Value not_equal(Value a, double b) { return not_equal(a, number(a, b)); }
Value less(Value a, double b) { return less(a, number(a, b)); }
Value less_equal(Value a, double b) { return less_equal(a, number(a, b)); }
Value greater(Value a, double b) { return greater(a, number(a, b)); }
Value greater_equal(Value a, double b) { return greater_equal(a, number(a, b)); }
Value logical_not(Value a) { return 1 - a; }
Value logical_and(Value a, Value b) { return a * b; }
Value logical_or(Value a, Value b) { return maximum(a, b); }

}  // namespace omni
