#include "nn/noise.h"

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/iota.h"
#include "ops/matmul.h"
#include "ops/random.h"

namespace omni {

Value dropout(Value h, double p, Value key, Value step, Value index, const std::string& purpose) {
  require(0 <= p && p < 1, "dropout {}: the probability must be at least 0 and below 1, got {}",
          purpose, p);
  const auto dims = h.type().shape.dims();
  const Shape row(std::vector<int64_t>(dims.begin() + 1, dims.end()));
  return h * random_bernoulli(key, step, index, purpose, row, 1 - p) * (1 / (1 - p));
}

Value shift_images(Value images, int64_t most, double background, Value key, Value step,
                   Value index, const std::string& purpose) {
  require(images.type().shape.rank() == 3 && most >= 0,
          "shift {}: images [rows, height, width] and at least 0 pixels are wanted, got {} and {}",
          purpose, images.type().shape, most);
  // Row i of such a matrix picks element i - by: moving is a product with it.
  const auto move = [&](const std::string& axis, int64_t side) {
    const Value u = random_uniform(key, step, index, purpose + " " + axis, {1, 1});
    const auto span = static_cast<double>(2 * most + 1);
    const Value by = convert(u * span, DType::i32) - static_cast<double>(most);
    Graph& g = *images.graph;
    return equal(iota(g, {1, side, side}, 1) - iota(g, {1, side, side}, 2), by);
  };
  Value moved = images - background;
  if (images.dim(1) > 1) moved = matmul(move("down", images.dim(1)), moved);
  if (images.dim(2) > 1) moved = matmul(moved, move("right", images.dim(2)), false, true);
  return moved + background;
}

Value replace_labels(Value labels, double share, int64_t classes, Value key, Value step,
                     Value index, const std::string& purpose) {
  const Value u = random_uniform(key, step, index, purpose + " label", {});
  const Value other = convert(u * static_cast<double>(classes), DType::i32);
  const Value replaced = random_bernoulli(key, step, index, purpose, {}, share);
  return convert(where(replaced, other, labels), DType::i32);
}

}  // namespace omni
