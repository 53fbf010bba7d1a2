#include "nn/unlearning.h"

#include <cmath>

#include "nn/losses.h"
#include "ops/elementwise.h"
#include "ops/iota.h"
#include "ops/leaf.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/softmax.h"

namespace omni {

Value grad_diff(Value ce_forget, Value ce_retain, const Scalar& a) {
  if (a.is(0)) return -ce_forget;
  if (a.is(1)) return ce_retain - ce_forget;
  return ce_retain * a.in(*ce_retain.graph) - ce_forget;
}

Value max_entropy(Value forget_logits) {
  const double classes = static_cast<double>(forget_logits.dim(-1));
  return -mean(log_softmax(forget_logits)) - std::log(classes);
}

Value rmu(Value h_forget, Value h_retain, Value frozen_h_retain, Value u, const Scalar& c,
          const Scalar& a) {
  Graph& g = *h_forget.graph;
  require(u.dim(-1) == h_forget.dim(-1), "rmu: a direction of length {} for activations {}",
          u.dim(-1), h_forget.shape());
  const Value misdirected = mean(square(h_forget - u * c.in(g)));
  if (a.is(0)) return misdirected;
  return misdirected + mse(h_retain, stop_gradient(frozen_h_retain)) * a.in(g);
}

Value random_direction(Value key, const std::string& purpose, int64_t width) {
  Graph& g = *key.graph;
  const Value once = convert(constant(g, 0), DType::i32);
  const Value v = random_normal(key, once, iota(g, Shape{1}, 0), purpose, Shape{width});
  return v / sqrt(sum(square(v)));
}

}  // namespace omni
