// Every experiment's training graphs against the same graphs with nothing left but their matrix
// products: what the rest of a step costs.
#include <algorithm>
#include <deque>

#include "base/memory.h"
#include "bench/benches.h"
#include "bench/measure.h"
#include "data/catalogue.h"
#include "engine/passes.h"
#include "experiments/catalogue.h"
#include "graph/inspect.h"
#include "lab/runner.h"

namespace omni::bench {
namespace {

constexpr double kTarget = 0.75;
constexpr double kCovered = 0.8;  // share of an experiment's FLOPs whose graphs are measured
constexpr size_t kMostGraphs = 4;

bool is_product(const Node& n) { return n.op->flops != nullptr; }

// The matrix products of a graph, each on inputs of its operands' types.
void keep_products(const Graph& from, Graph& to) {
  Graph whole;
  simplify(from, whole, {});
  std::map<int, Value> operands;
  const auto operand = [&](int id) {
    const auto [it, fresh] = operands.try_emplace(id);
    if (fresh)
      it->second = input(to, fmt::format("operand.{}", id), whole.node(id).type, Role::data);
    return it->second;
  };
  for (int id = 0; id < whole.size(); ++id) {
    const Node& n = whole.node(id);
    if (!is_product(n)) continue;
    std::vector<Value> in;
    for (const int i : n.in) in.push_back(operand(i));
    to.result(fmt::format("product.{}", id), to.add(*n.op, in, n.attrs));
  }
}

// A program on memory of its own, filled with small numbers.
class Bound {
 public:
  explicit Bound(const Graph& g) : program_(g) {
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
  Side side() {
    return {1, [this](int) { program_.run(); }};
  }

 private:
  Program program_;
  std::deque<AlignedBytes> memory_;
};

bool trains(const Graph& g) {
  return std::ranges::any_of(g.outputs(), [](const Output& o) { return o.update; });
}

}  // namespace

void experiments(Bench& b) {
  for (const Experiment& e : catalogue()) {
    const Resolved resolved = resolve(e, {});
    const Work work =
        work_of_seed(resolved, blank_dataset(resolved.variants.front().settings->data()));
    std::vector<const Work::Item*> items;
    double total = 0, covered = 0;
    for (const auto& [print, item] : work.items())
      if (trains(*item.graph)) items.push_back(&item), total += item.total();
    std::ranges::sort(items, std::greater{}, &Work::Item::total);
    std::vector<double> shares;
    for (const Work::Item* item : items) {
      if (covered > kCovered * total || shares.size() == kMostGraphs) break;
      covered += item->total();
      Graph products;
      keep_products(*item->graph, products);
      Bound step(*item->graph), bare(products);
      const Side sides[] = {step.side(), bare.side()};
      const Rates rates = alternate(sides, b.repetitions, b.window_s(), b.warm_up_s());
      shares.push_back(median(quotients(rates[0], rates[1])));
    }
    if (shares.empty()) continue;
    b.add({fmt::format("experiment.product_share.{}", e.name), std::ranges::min(shares), "ratio",
           kTarget, false,
           fmt::format("the lowest of the {} largest training graphs of preset {}", shares.size(),
                       resolved.preset)});
  }
}

}  // namespace omni::bench
