// Every elementwise op: what is known about it, in one entry. From an entry follow its function
// (elementwise.h), its definition with reference and gradient rule (elementwise.cpp), its kernel for
// every instruction set (elementwise_cpu.cpp), and its tests (test_elementwise.h).
//
// A new op is an entry here, and in elementwise_test.cpp the corners that chance does not reach.
//
//   // One line that says what it computes.
//   OMNI_ELEMENTWISE(name, (inputs),
//     its value in double,
//     the same of vectors, in Highway's functions and those of elementwise_functions-inl.h,
//     the gradient rule: dx = ... for each input x that has one; y is the value, dy its gradient,
//     low, high, relative)
//
// The last line is for tests: with inputs between `low` and `high` the kernel is within `relative`
// times the exact value; a fourth number is an absolute error that is allowed besides.
//
// OMNI_OPTIMIZER_STEP has a second list of inputs, which are single values (where they are not, the
// function emits its value as a formula of other ops, so that the value must be one of Values, too).
// The first input, the old state, is the one that steps update in place.
//
// Whoever includes this file defines both macros first; they are undefined at its end.

#ifndef OMNI_EACH
#define OMNI_INSIDE(...) __VA_ARGS__
#define OMNI_FIFTH(a, b, c, d, e, ...) e
#define OMNI_COUNT_OF(...) OMNI_FIFTH(__VA_ARGS__, 4, 3, 2, 1, 0)
#define OMNI_EACH1(f, x) f(x)
#define OMNI_EACH2(f, x, ...) f(x), OMNI_EACH1(f, __VA_ARGS__)
#define OMNI_EACH3(f, x, ...) f(x), OMNI_EACH2(f, __VA_ARGS__)
#define OMNI_EACH4(f, x, ...) f(x), OMNI_EACH3(f, __VA_ARGS__)
#define OMNI_EACH_OF(f, ...)                                                  \
  OMNI_FIFTH(__VA_ARGS__, OMNI_EACH4, OMNI_EACH3, OMNI_EACH2, OMNI_EACH1, )(f, __VA_ARGS__)
// f(a), f(b), ... and the number of inputs, of a list (a, b, ...) of one to four.
#define OMNI_EACH(f, inputs) OMNI_EACH_OF(f, OMNI_INSIDE inputs)
#define OMNI_COUNT(inputs) OMNI_COUNT_OF(OMNI_INSIDE inputs)
#define OMNI_NAME(x) x
#define OMNI_VALUE(x) [[maybe_unused]] Value x
#endif

// clang-format off: a line for each part of an entry

// --- Arithmetic ---

OMNI_ELEMENTWISE(add, (a, b),
  a + b,
  hn::Add(a, b),
  da = dy; db = dy,
  -8, 8, 6e-8)

OMNI_ELEMENTWISE(sub, (a, b),
  a - b,
  hn::Sub(a, b),
  da = dy; db = -dy,
  -8, 8, 6e-8)

OMNI_ELEMENTWISE(mul, (a, b),
  a * b,
  hn::Mul(a, b),
  da = dy * b; db = dy * a,
  -8, 8, 6e-8)

OMNI_ELEMENTWISE(div, (a, b),
  a / b,
  hn::Div(a, b),
  const Value ratio = dy / b; da = ratio; db = -(ratio * y),
  0.1, 8, 6e-8)

// Of equal values the first counts as chosen: it gets the whole gradient. Max and Min of the
// hardware disagree about NaN; a comparison with NaN is false, so b's shows.
OMNI_ELEMENTWISE(maximum, (a, b),
  a > b || std::isnan(a) ? a : b,
  hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b),
  choose(da, db, greater_equal(a, b), dy),
  -8, 8, 0)

OMNI_ELEMENTWISE(minimum, (a, b),
  a < b || std::isnan(a) ? a : b,
  hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b),
  choose(da, db, less_equal(a, b), dy),
  -8, 8, 0)

// a^b as C's pow: NaN for a negative a and a fractional b. Where a <= 0, b gets no gradient.
OMNI_ELEMENTWISE(pow, (a, b),
  std::pow(a, b),
  one_by_one([](float base, float exponent) { return std::pow(base, exponent); }, a, b),
  pow_gradient(da, db, a, b, y, dy),
  0, 8, 2e-7)

// --- Functions ---

OMNI_ELEMENTWISE(neg, (x),
  -x,
  hn::Neg(x),
  dx = -dy,
  -8, 8, 0)

OMNI_ELEMENTWISE(abs, (x),
  std::abs(x),
  hn::Abs(x),
  dx = dy * sign(x),
  -8, 8, 0)

// -1, 0 or 1; its gradient is zero.
OMNI_ELEMENTWISE(sign, (x),
  x > 0 ? 1 : x < 0 ? -1 : x,
  hn::IfThenElse(hn::Gt(x, set(0)), set(1), hn::IfThenElse(hn::Lt(x, set(0)), set(-1), x)),
  no_gradient(),
  -8, 8, 0)

OMNI_ELEMENTWISE(exp, (x),
  std::exp(x),
  exp_of(x),
  dx = dy * y,
  -87, 88.7, 2e-7)

// NaN below zero, -inf at zero.
OMNI_ELEMENTWISE(log, (x),
  std::log(x),
  log_of(x),
  dx = dy / x,
  0.01, 100, 2e-7)

// log(1 + x), exact near zero.
OMNI_ELEMENTWISE(log1p, (x),
  std::log1p(x),
  log1p_of(x),
  dx = dy / (x + 1),
  -0.999, 4, 4e-7)

OMNI_ELEMENTWISE(sqrt, (x),
  std::sqrt(x),
  hn::Sqrt(x),
  dx = dy * 0.5 / y,
  0, 1e10, 6e-8)

// 1 / sqrt(x).
OMNI_ELEMENTWISE(rsqrt, (x),
  1 / std::sqrt(x),
  hn::Div(set(1), hn::Sqrt(x)),
  dx = dy * -0.5 * y * square(y),
  1e-10, 1e10, 2e-7)

OMNI_ELEMENTWISE(reciprocal, (x),
  1 / x,
  hn::Div(set(1), x),
  dx = -(dy * square(y)),
  0.1, 8, 6e-8)

OMNI_ELEMENTWISE(square, (x),
  x * x,
  hn::Mul(x, x),
  dx = dy * (x * 2),
  -8, 8, 6e-8)

OMNI_ELEMENTWISE(tanh, (x),
  std::tanh(x),
  tanh_of(x),
  dx = dy * (1 - square(y)),
  -12, 12, 4e-7)

OMNI_ELEMENTWISE(sigmoid, (x),
  1 / (1 + std::exp(-x)),
  sigmoid_of(x),
  dx = dy * (y * (1 - y)),
  -87, 100, 3e-7)

OMNI_ELEMENTWISE(erf, (x),
  std::erf(x),
  erf_of(x),
  dx = dy * (exp(-square(x)) * (2 * kInvSqrtPi)),
  -5, 5, 3e-7)

// Sine and cosine are seldom on a hot path, and the C library is exact for every argument.
OMNI_ELEMENTWISE(sin, (x),
  std::sin(x),
  one_by_one([](float angle) { return std::sin(angle); }, x),
  dx = dy * cos(x),
  -1000, 1000, 2e-7, 1e-9)

OMNI_ELEMENTWISE(cos, (x),
  std::cos(x),
  one_by_one([](float angle) { return std::cos(angle); }, x),
  dx = -(dy * sin(x)),
  -1000, 1000, 2e-7, 1e-9)

// log(1 + exp(x)) without overflow.
OMNI_ELEMENTWISE(softplus, (x),
  (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))),
  hn::Add(hn::IfThenElseZero(hn::Gt(x, set(0)), x), log1p_of(exp_of(hn::Neg(hn::Abs(x))))),
  dx = dy * sigmoid(x),
  -80, 80, 4e-7)

// The gradient at zero is zero.
OMNI_ELEMENTWISE(relu, (x),
  x < 0 ? 0 : x,
  hn::IfThenZeroElse(hn::Lt(x, set(0)), x),
  dx = where_positive(y, dy),
  -8, 8, 0)

// x Phi(x) (Hendrycks & Gimpel, arXiv:1606.08415).
OMNI_ELEMENTWISE(gelu, (x),
  0.5 * x * (1 + std::erf(x / kSqrt2)),
  half_and_half(x, erf_of(hn::Mul(x, set(0.70710678f)))),
  dx = dy * gelu_slope(x),
  -10, 10, 4e-7, 2e-7)

// Its usual approximation by tanh.
OMNI_ELEMENTWISE(gelu_tanh, (x),
  0.5 * x * (1 + std::tanh(kGeluScale * x * (1 + kGeluCubic * x * x))),
  half_and_half(x, tanh_of(hn::Mul(hn::Mul(x, set(0.79788456f)),
                                   hn::MulAdd(hn::Mul(x, x), set(0.044715f), set(1))))),
  dx = dy * gelu_tanh_slope(x),
  -10, 10, 4e-7, 4e-7)

// Its derivative: as one op, since language models ask for it in every step. Where tanh is nearly 1,
// its distance to 1 has few digits left.
OMNI_ELEMENTWISE(gelu_tanh_slope, (x),
  gelu_tanh_slope_of(x),
  gelu_tanh_slope_of(x),
  dx = dy * gelu_tanh_bend(x),
  -10, 10, 4e-7, 3e-6)

// x sigmoid(x).
OMNI_ELEMENTWISE(silu, (x),
  x / (1 + std::exp(-x)),
  hn::Div(x, hn::Add(set(1), exp_of(hn::Neg(x)))),
  const Value s = sigmoid(x); dx = dy * (s + y * (1 - s)),
  -80, 80, 4e-7)

// --- Truth values: 1 where it holds, else 0; gradients are zero ---

OMNI_ELEMENTWISE(equal, (a, b),
  a == b,
  one_if(hn::Eq(a, b)),
  no_gradient(),
  -8, 8, 0)

OMNI_ELEMENTWISE(not_equal, (a, b),
  a != b,
  one_if(hn::Not(hn::Eq(a, b))),
  no_gradient(),
  -8, 8, 0)

OMNI_ELEMENTWISE(less, (a, b),
  a < b,
  one_if(hn::Lt(a, b)),
  no_gradient(),
  -8, 8, 0)

OMNI_ELEMENTWISE(less_equal, (a, b),
  a <= b,
  one_if(hn::Le(a, b)),
  no_gradient(),
  -8, 8, 0)

OMNI_ELEMENTWISE(greater, (a, b),
  a > b,
  one_if(hn::Gt(a, b)),
  no_gradient(),
  -8, 8, 0)

OMNI_ELEMENTWISE(greater_equal, (a, b),
  a >= b,
  one_if(hn::Ge(a, b)),
  no_gradient(),
  -8, 8, 0)

// a where condition is not zero, else b; the other one's NaN does not show.
OMNI_ELEMENTWISE(where, (condition, a, b),
  condition != 0 ? a : b,
  hn::IfThenElse(hn::Eq(condition, set(0)), b, a),
  choose(da, db, condition, dy),
  -8, 8, 0)

// a where gate > 0, else 0. No gradient to gate.
OMNI_ELEMENTWISE(where_positive, (gate, a),
  gate > 0 ? a : 0,
  hn::IfThenElseZero(hn::Gt(gate, set(0)), a),
  da = where_positive(gate, dy),
  -8, 8, 0)

// --- Steps of optimisers: one pass when the second list are single values ---

// beta old + (1 - beta) x.
OMNI_OPTIMIZER_STEP(ema, (old, x), (beta),
  beta * old + (1 - beta) * x,
  hn::MulAdd(beta, old, hn::Mul(hn::Sub(set(1), beta), x)),
  dold = dy * beta; dx = dy * (1 - beta); dbeta = dy * (old - x),
  0.1, 0.9, 2e-7)

// beta old + (1 - beta) x^2.
OMNI_OPTIMIZER_STEP(ema_square, (old, x), (beta),
  beta * old + (1 - beta) * square(x),
  hn::MulAdd(beta, old, hn::Mul(hn::Sub(set(1), beta), hn::Mul(x, x))),
  dold = dy * beta; dx = dy * (1 - beta) * (x * 2); dbeta = dy * (old - square(x)),
  0.1, 0.9, 3e-7)

// w - lr (m correction1) / (sqrt(v correction2) + eps): Adam (Kingma & Ba, arXiv:1412.6980) with
// correction1 = 1 / (1 - beta1^t), correction2 = 1 / (1 - beta2^t). Where v is 0, it gets no
// gradient.
OMNI_OPTIMIZER_STEP(adam_step, (w, m, v), (lr, correction1, correction2, eps),
  w - lr * (m * correction1) / (sqrt(v * correction2) + eps),
  hn::Sub(w, hn::Div(hn::Mul(hn::Mul(lr, correction1), m),
                     hn::Add(quick_root(hn::Mul(v, correction2)), eps))),
  const Value root = sqrt(v * correction2);
  const Value slope = -dy / (root + eps);  // d loss / d (lr m correction1)
  const Value droot = -slope * lr * m * correction1 / (root + eps);
  const Value dsquare = where_positive(root, droot * 0.5 / root);
  dw = dy;
  dm = slope * lr * correction1;
  dv = dsquare * correction2;
  dlr = slope * m * correction1;
  dcorrection1 = slope * m * lr;
  dcorrection2 = dsquare * v;
  deps = droot,
  0.1, 0.9, 3e-7, 1e-7)

// clang-format on

#undef OMNI_ELEMENTWISE
#undef OMNI_OPTIMIZER_STEP
