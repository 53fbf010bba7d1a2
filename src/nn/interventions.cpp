#include "nn/interventions.h"

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/iota.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {

Intervention patch(std::string activation, Value values, std::optional<Value> mask) {
  return {std::move(activation), [=](Value v) {
            if (!mask && values.type() == v.type()) return values;
            return where(mask.value_or(constant(*v.graph, 1)), values, v);
          }};
}

Intervention steer(std::string activation, Value direction, const Scalar& coefficient,
                   std::optional<Value> mask) {
  return {std::move(activation), [=](Value v) {
            if (coefficient.is(0)) return v;
            const Value moved = v + direction * coefficient.in(*v.graph);
            return mask ? where(*mask, moved, v) : moved;
          }};
}

Intervention freeze(std::string activation) { return {std::move(activation), stop_gradient}; }

void intervene(Net& net, std::span<const Intervention> changes) {
  for (const Intervention& i : changes)
    net.hook(i.activation, i.change);
}

void intervene(Net& net, std::initializer_list<Intervention> changes) {
  intervene(net, std::span(changes.begin(), changes.size()));
}

Value at_positions(Graph& g, int64_t length, std::span<const int64_t> positions) {
  require(!positions.empty(), "at_positions: no positions are given");
  const Value all = iota(g, {length, 1}, 0);
  std::optional<Value> mask;
  for (const int64_t p : positions) {
    require(-length <= p && p < length, "at_positions: position {} of a length of {}", p, length);
    const Value one = equal(all, static_cast<double>(p < 0 ? p + length : p));
    mask = mask ? logical_or(*mask, one) : one;
  }
  return *mask;
}

Value at_positions(Graph& g, int64_t length, std::initializer_list<int64_t> positions) {
  return at_positions(g, length, std::span(positions.begin(), positions.size()));
}

}  // namespace omni
