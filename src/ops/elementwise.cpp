#include "ops/elementwise.h"

#include "ops/leaf.h"

namespace omni {
namespace {

Value one(const OpDef& op, Value x) { return x.graph->add(op, {x}); }
Value two(const OpDef& op, Value a, Value b) { return a.graph->add(op, {a, b}); }
Value two(const OpDef& op, Value a, double b) { return two(op, a, constant(*a.graph, b)); }
Value two(const OpDef& op, double a, Value b) { return two(op, constant(*b.graph, a), b); }

bool is_single(Value v) { return v.type().count() == 1; }

}  // namespace

Value add(Value a, Value b) { return two(ops::add, a, b); }
Value sub(Value a, Value b) { return two(ops::sub, a, b); }
Value mul(Value a, Value b) { return two(ops::mul, a, b); }
Value div(Value a, Value b) { return two(ops::div, a, b); }
Value maximum(Value a, Value b) { return two(ops::maximum, a, b); }
Value minimum(Value a, Value b) { return two(ops::minimum, a, b); }
Value pow(Value a, Value b) { return two(ops::pow, a, b); }

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
Value operator+(Value a, double b) { return two(ops::add, a, b); }
Value operator-(Value a, double b) { return two(ops::sub, a, b); }
Value operator*(Value a, double b) { return two(ops::mul, a, b); }
Value operator/(Value a, double b) { return two(ops::div, a, b); }
Value operator+(double a, Value b) { return two(ops::add, a, b); }
Value operator-(double a, Value b) { return two(ops::sub, a, b); }
Value operator*(double a, Value b) { return two(ops::mul, a, b); }
Value operator/(double a, Value b) { return two(ops::div, a, b); }
Value operator-(Value a) { return neg(a); }

Value neg(Value x) { return one(ops::neg, x); }
Value abs(Value x) { return one(ops::abs, x); }
Value sign(Value x) { return one(ops::sign, x); }
Value exp(Value x) { return one(ops::exp, x); }
Value log(Value x) { return one(ops::log, x); }
Value log1p(Value x) { return one(ops::log1p, x); }
Value sqrt(Value x) { return one(ops::sqrt, x); }
Value rsqrt(Value x) { return one(ops::rsqrt, x); }
Value reciprocal(Value x) { return one(ops::reciprocal, x); }
Value square(Value x) { return one(ops::square, x); }
Value tanh(Value x) { return one(ops::tanh, x); }
Value sigmoid(Value x) { return one(ops::sigmoid, x); }
Value erf(Value x) { return one(ops::erf, x); }
Value sin(Value x) { return one(ops::sin, x); }
Value cos(Value x) { return one(ops::cos, x); }
Value softplus(Value x) { return one(ops::softplus, x); }
Value relu(Value x) { return one(ops::relu, x); }
Value gelu(Value x) { return one(ops::gelu, x); }
Value gelu_tanh(Value x) { return one(ops::gelu_tanh, x); }
Value silu(Value x) { return one(ops::silu, x); }

Value clamp(Value x, double low, double high) {
  require(low <= high, "clamp: the lower bound {} is above the upper bound {}", low, high);
  return two(ops::minimum, two(ops::maximum, x, low), high);
}

Value equal(Value a, Value b) { return two(ops::equal, a, b); }
Value not_equal(Value a, Value b) { return two(ops::not_equal, a, b); }
Value less(Value a, Value b) { return two(ops::less, a, b); }
Value less_equal(Value a, Value b) { return two(ops::less_equal, a, b); }
Value greater(Value a, Value b) { return two(ops::greater, a, b); }
Value greater_equal(Value a, Value b) { return two(ops::greater_equal, a, b); }
Value equal(Value a, double b) { return two(ops::equal, a, b); }
Value not_equal(Value a, double b) { return two(ops::not_equal, a, b); }
Value less(Value a, double b) { return two(ops::less, a, b); }
Value less_equal(Value a, double b) { return two(ops::less_equal, a, b); }
Value greater(Value a, double b) { return two(ops::greater, a, b); }
Value greater_equal(Value a, double b) { return two(ops::greater_equal, a, b); }
Value logical_not(Value a) { return 1 - a; }
Value logical_and(Value a, Value b) { return a * b; }
Value logical_or(Value a, Value b) { return maximum(a, b); }

Value where(Value condition, Value a, Value b) {
  return condition.graph->add(ops::where, {condition, a, b});
}
Value where_positive(Value gate, Value a) { return two(ops::where_positive, gate, a); }

Value convert(Value v, DType to) {
  require(to == DType::f32 || to == DType::i32, "convert: to {} is not possible, f32 and i32 are",
          name_of(to));
  if (v.type().dtype == to) return v;
  return one(to == DType::i32 ? ops::to_i32 : ops::to_f32, v);
}
Value round_to_bf16(Value x) { return one(ops::round_to_bf16, x); }

Value broadcast_to(Value v, const Shape& to, int batch) {
  if (batch == kNoBatch) batch = aligned_batch(v.type(), to.rank());
  return v.graph->add(ops::broadcast_to, {v}, {{"shape", to.dims()}, {"batch", int64_t{batch}}});
}

Value ema(Value old, Value x, Value beta) {
  if (is_single(beta)) return old.graph->add(ops::ema, {old, x, beta});
  return beta * old + (1 - beta) * x;
}

Value ema_square(Value old, Value x, Value beta) {
  if (is_single(beta)) return old.graph->add(ops::ema_square, {old, x, beta});
  return beta * old + (1 - beta) * square(x);
}

Value adam_step(Value w, Value m, Value v, Value lr, Value correction1, Value correction2,
                Value eps) {
  if (is_single(lr) && is_single(correction1) && is_single(correction2) && is_single(eps))
    return w.graph->add(ops::adam_step, {w, m, v, lr, correction1, correction2, eps});
  return w - lr * (m * correction1) / (sqrt(v * correction2) + eps);
}

}  // namespace omni
