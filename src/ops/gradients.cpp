#include "ops/gradients.h"

#include "ops/elementwise.h"
#include "ops/leaf.h"
#include "ops/recompute.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

// Which nodes depend on one of `wrt`: the others need no cotangent.
std::vector<bool> depends_on(const Graph& g, std::span<const Value> wrt) {
  std::vector<bool> wanted(g.size());
  for (const Value& w : wrt) wanted[w.id] = true;
  for (int id = 0; id < g.size(); ++id)
    for (const int i : g.node(id).in)
      if (wanted[i] && is_float(g.node(id).type.dtype)) wanted[id] = true;
  return wanted;
}

}  // namespace

std::vector<Value> pullback(Value y, Value dy, std::span<const Value> wrt) {
  Graph& g = *y.graph;
  require(y.shape() == dy.shape(), "pullback: y is {}, its cotangent is {}", y.type(), dy.type());
  const std::vector<bool> wanted = depends_on(g, wrt);
  std::vector<std::optional<Value>> adjoint(g.size());
  adjoint[y.id] = dy;
  StandIns stand_ins;
  for (int id = y.id; id >= 0; --id) {
    if (!adjoint[id] || !wanted[id] || g.node(id).in.empty()) continue;
    const Node n = g.node(id);  // a copy: rules append, and the list may move
    require(n.op->grad, "gradients: op {} has no gradient rule", n.op->name);
    int read = id;  // a stand-in may have one itself
    for (auto it = stand_ins.find(read); it != stand_ins.end(); it = stand_ins.find(read))
      read = it->second;
    if (n.op == &ops::recompute) compute_again(g, read, *adjoint[id], stand_ins);
    GradContext c(g, read, *adjoint[id], n.in.size());
    n.op->grad(c);
    for (size_t i = 0; i < n.in.size(); ++i) {
      if (!c.d[i] || !wanted[n.in[i]]) continue;
      check(c.d[i]->shape() == g.node(n.in[i]).type.shape,
            "gradient of {} for input {} is {}, the input is {}", n.op->name, i, c.d[i]->type(),
            g.node(n.in[i]).type);
      auto& a = adjoint[n.in[i]];
      a = a ? *a + *c.d[i] : *c.d[i];
    }
  }
  std::vector<Value> out;
  for (const Value& w : wrt)
    out.push_back(adjoint[w.id] ? *adjoint[w.id] : broadcast_to(constant(g, 0), w.shape()));
  return out;
}

std::vector<Value> gradients(Value loss, std::span<const Value> wrt) {
  require(loss.shape().rank() == 0, "gradients: the loss must be a scalar, got {}", loss.type());
  return pullback(loss, constant(*loss.graph, 1), wrt);
}

std::vector<Value> hessian_times(Value loss, std::span<const Value> wrt, std::span<const Value> v) {
  require(!wrt.empty() && wrt.size() == v.size(),
          "hessian_times: by {} values, with a vector of {} parts: it needs one for each",
          wrt.size(), v.size());
  const std::vector<Value> g = gradients(loss, wrt);
  std::vector<Value> along;
  for (size_t i = 0; i < wrt.size(); ++i) {
    require(v[i].shape() == wrt[i].shape(), "hessian_times: part {} of the vector is {}, by {}", i,
            v[i].type(), wrt[i].type());
    along.push_back(sum(g[i] * stop_gradient(v[i])));
  }
  return gradients(sum_n(along), wrt);
}

Value sum_to(Value v, const Shape& to) {
  if (v.shape() == to) return v;
  const int extra = v.shape().rank() - to.rank();
  std::vector<int64_t> axes;
  for (int i = 0; i < v.shape().rank(); ++i)
    if (i < extra || (to[i - extra] == 1 && v.shape()[i] != 1)) axes.push_back(i);
  const Value summed = reduce_sum(v, axes, false);
  return summed.shape() == to ? summed : reshape(summed, to);
}

}  // namespace omni
