#include "nn/losses.h"

#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/softmax.h"

namespace omni {
namespace {

void require_equal_shapes(const char* loss, Value a, Value b) {
  require(a.shape() == b.shape(), "{}: shapes {} and {} must be equal", loss, a.shape(), b.shape());
}

}  // namespace

Value cross_entropy(Value logits, Value labels) {
  return mean(softmax_cross_entropy(logits, labels));
}

Value kl(Value teacher_logits, Value student_logits, const Scalar& temperature) {
  require_equal_shapes("kl", teacher_logits, student_logits);
  if (temperature.is(1)) return mean(kl_divergence(teacher_logits, student_logits));
  const Value t = temperature.in(*student_logits.graph);
  return mean(kl_divergence(teacher_logits / t, student_logits / t));
}

Value mse(Value a, Value b) {
  require_equal_shapes("mse", a, b);
  return mean(square(a - b));
}

Value l1(Value a, Value b) {
  require_equal_shapes("l1", a, b);
  return mean(abs(a - b));
}

Value correct(Value logits, Value labels) {
  const Value chosen = arg_max(logits);
  require_equal_shapes("correct", chosen, labels);
  return equal(chosen, labels);
}

Value accuracy(Value logits, Value labels) { return mean(correct(logits, labels)); }

}  // namespace omni
