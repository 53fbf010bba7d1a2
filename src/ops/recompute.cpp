#include "ops/recompute.h"

namespace omni {
namespace {

Type first_type(std::span<const Type> in, const Attrs&) { return in[0]; }
// What all rows share and waits for rows is neither one per row nor a sum over them, which a value
// without a batch axis that reads rows is taken for: such a batch cannot be cut.
Type after_type(std::span<const Type> in, const Attrs&) {
  const bool waits_for_rows = in[0].batch == kNoBatch && in[1].batch != kNoBatch;
  return {in[0].dtype, in[0].shape, waits_for_rows ? kMixedBatch : in[0].batch};
}
void copy_reference(RefContext& c) { c.out().v = c.in(0).v; }
void same_grad(GradContext& c) { c.add(0, c.dy()); }

}  // namespace

namespace ops {
// Dropped before planning, when gradients have been taken, so that nobody cuts what it reads.
const OpDef recompute = {.name = "recompute",
                         .arity = 2,
                         .type = first_type,
                         .grad = same_grad,
                         .reference = copy_reference,
                         .identity = true};
// Not an identity, which would be dropped and make both expressions one. Steps run in the order of
// their nodes, which puts what reads this behind the gradients made before it.
const OpDef after = {.name = "after",
                     .arity = 2,
                     .type = after_type,
                     .grad = same_grad,
                     .reference = copy_reference,
                     .alias = true};
}  // namespace ops

Value recompute(Value y, Value x) {
  check(x.id < y.id, "recompute: x, %{}, comes after y, %{}", x.id, y.id);
  return y.graph->add(ops::recompute, {y, x});
}

void compute_again(Graph& g, int section, Value dy, StandIns& stand_ins) {
  const int to = g.node(section).in[0], from = g.node(section).in[1];
  std::map<int, int> again = {{from, after(g.value(from), dy).id}};
  for (int id = from + 1; id <= to; ++id) {
    const Node n = g.node(id);  // a copy: the list grows
    bool depends = false;
    std::vector<Value> in;
    for (const int i : n.in) {
      const auto it = again.find(i);
      depends |= it != again.end();
      in.push_back(g.value(it == again.end() ? i : it->second));
    }
    if (!depends) continue;
    const int copy = g.add(*n.op, in, n.attrs).id;
    again[id] = copy;
    stand_ins.emplace(id, copy);
  }
}

Value after(Value x, Value other) { return x.graph->add(ops::after, {x, other}); }

}  // namespace omni
