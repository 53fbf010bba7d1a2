#include "lab/programs.h"

#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"

namespace omni {

StepBuilder unit_norm(const std::string& set, const std::string& weight, int64_t axis) {
  return [=](Step& s) {
    const Value w = s.parameter(set, weight);
    const Value norm = sqrt(reduce_sum(square(w), {axis}, true));
    s.graph().update(w, where(greater(norm, 0), w / norm, w));
  };
}

Value power_step(Step& s, const ScalarOf& loss, const std::string& direction,
                 const std::string& set) {
  Net net = s.net(set), along = s.net(direction);
  const Value l = loss(s, net);
  std::vector<Value> w, v, vhv, vv;
  for (const ParameterSpec& spec : net.parameters()) {
    w.push_back(net.raw_parameter(spec.name));
    v.push_back(along.parameter(spec.name, spec.shape, spec.init));
  }
  const std::vector<Value> hv = hessian_times(l, w, v);
  const Value length = global_norm(hv);
  for (size_t i = 0; i < v.size(); ++i) {
    s.graph().update(v[i], where(greater(length, 0), hv[i] / length, v[i]));
    vhv.push_back(sum(v[i] * hv[i]));
    vv.push_back(sum(square(v[i])));
  }
  return sum_n(vhv) / sum_n(vv);
}

StepBuilder power_iteration(const ScalarOf& loss, const std::string& direction,
                            const std::string& set) {
  return [=](Step& s) { s.graph().result("eigenvalue", power_step(s, loss, direction, set)); };
}

}  // namespace omni
