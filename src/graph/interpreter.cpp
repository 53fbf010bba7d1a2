#include "graph/interpreter.h"

#include <bit>
#include <cmath>

namespace omni {

double round_to_bf16(double x) {
  if (!std::isfinite(x)) return x;
  const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(x));
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  return std::bit_cast<float>(rounded);
}

std::vector<RefArray> interpret(const Graph& g, const RefInputs& inputs) {
  std::vector<RefArray> values(g.size());
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    RefArray& out = values[id];
    if (is_input(n)) {
      const auto it = inputs.find(n.name);
      require(it != inputs.end(), "interpret: no value was given for input '{}'", n.name);
      require(static_cast<int64_t>(it->second.v.size()) == n.type.count(),
              "interpret: input '{}' is {}, got {} values", n.name, n.type, it->second.v.size());
      out = it->second;
      out.type = n.type;
    } else {
      check(n.op->reference, "op {} has no reference", n.op->name);
      std::vector<const RefArray*> in;
      for (const int i : n.in) in.push_back(&values[i]);
      out = {n.type, std::vector<double>(n.type.count())};
      RefContext context(std::move(in), out, n.attrs);
      n.op->reference(context);
    }
    check(static_cast<int64_t>(out.v.size()) == n.type.count(),
          "the reference of {} returned {} values for {}", n.op->name, out.v.size(), n.type);
    if (n.type.dtype == DType::bf16)
      for (double& x : out.v) x = round_to_bf16(x);
  }
  return values;
}

}  // namespace omni
