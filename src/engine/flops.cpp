#include "engine/flops.h"

#include <vector>

#include "engine/passes.h"

namespace omni {

double matmul_flops(const Graph& g) {
  Graph needed;
  simplify(g, needed, nullptr, {});  // a count of products needs no numbers
  double flops = 0;
  for (int id = 0; id < needed.size(); ++id) {
    const Node& n = needed.node(id);
    if (!n.op->flops) continue;
    std::vector<Type> in;
    for (const int i : n.in) in.push_back(needed.node(i).type);
    flops += n.op->flops(in, n.type);
  }
  return flops;
}

}  // namespace omni
