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

RefValues interpret_in_place(const Graph& g, const std::map<std::string, const RefArray*>& inputs) {
  RefValues values;
  values.own_.resize(static_cast<size_t>(g.size()));
  values.at_.resize(static_cast<size_t>(g.size()));
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    RefArray& own = values.own_[static_cast<size_t>(id)];
    const RefArray*& at = values.at_[static_cast<size_t>(id)];
    at = &own;
    if (is_input(n)) {
      const auto it = inputs.find(n.name);
      require(it != inputs.end(), "interpret: no value was given for input '{}'", n.name);
      const RefArray& given = *it->second;
      require(given.type.dtype == n.type.dtype && given.type.shape == n.type.shape &&
                  std::ssize(given.v) == n.type.count(),
              "interpret: input '{}' is {}, got {} with {} values", n.name, n.type, given.type,
              given.v.size());
      if (n.type.dtype == DType::bf16)
        own = given;
      else
        at = &given;
    } else {
      check(n.op->reference, "op {} has no reference", n.op->name);
      std::vector<const RefArray*> in;
      for (const int i : n.in) in.push_back(values.at_[static_cast<size_t>(i)]);
      own = {n.type, std::vector<double>(static_cast<size_t>(n.type.count()))};
      RefContext context(std::move(in), own, n.attrs);
      n.op->reference(context);
    }
    check(std::ssize(at->v) == n.type.count(), "the reference of {} returned {} values for {}",
          n.op->name, at->v.size(), n.type);
    if (n.type.dtype == DType::bf16)
      for (double& x : own.v) x = round_to_bf16(x);
  }
  return values;
}

std::vector<RefArray> interpret(const Graph& g, const RefInputs& inputs) {
  RefInputs typed;
  std::map<std::string, const RefArray*> places;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    const auto it = inputs.find(n.name);
    require(it != inputs.end(), "interpret: no value was given for input '{}'", n.name);
    places[n.name] = &(typed[n.name] = {n.type, it->second.v});
  }
  RefValues values = interpret_in_place(g, places);
  for (size_t id = 0; id < values.own_.size(); ++id)
    if (values.at_[id] != &values.own_[id])
      values.own_[id] = std::move(typed.at(g.node(static_cast<int>(id)).name));
  return std::move(values.own_);
}

}  // namespace omni
