#include "bench/products.h"

#include <algorithm>
#include <map>

#include "engine/passes.h"
#include "ops/leaf.h"

namespace omni::bench {

void keep_products(const Graph& from, Graph& to) {
  Graph whole;
  simplify(from, whole, cpu::limits().fold, {});
  std::map<int, Value> operands;
  const auto operand = [&](int id) {
    const auto [it, fresh] = operands.try_emplace(id);
    if (fresh)
      it->second = input(to, fmt::format("operand.{}", id), whole.node(id).type, Role::data);
    return it->second;
  };
  for (int id = 0; id < whole.size(); ++id) {
    const Node& n = whole.node(id);
    if (!n.op->flops) continue;
    std::vector<Value> in;
    for (const int i : n.in) in.push_back(operand(i));
    to.result(fmt::format("product.{}", id), to.add(*n.op, in, n.attrs));
  }
}

GraphSide::GraphSide(const Graph& g, ProgramOptions options) : program_(g, std::move(options)) {
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n) || !program_.has_input(n.name)) continue;
    AlignedBytes& bytes = memory_.emplace_back(std::max<int64_t>(n.type.bytes(), 1));
    std::fill_n(bytes.data(), bytes.size(), std::byte{0});
    if (n.type.dtype == DType::f32)
      for (int64_t i = 0; i < n.type.count(); ++i)
        reinterpret_cast<float*>(bytes.data())[i] = 0.01f * static_cast<float>(i % 13 - 6);
    program_.bind(n.name, bytes.data());
  }
  program_.refresh();
}

Side GraphSide::side() {
  return {1, [this](int) { program_.run(); }};
}

}  // namespace omni::bench
