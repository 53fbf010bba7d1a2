// Every experiment's training graphs against the same graphs with nothing left but their matrix
// products: what the rest of a step costs.
#include <algorithm>

#include "bench/benches.h"
#include "bench/products.h"
#include "data/catalogue.h"
#include "experiments/catalogue.h"
#include "graph/inspect.h"
#include "lab/runner.h"

namespace omni::bench {
namespace {

constexpr double kTarget = 0.75;
constexpr double kCovered = 0.8;  // share of an experiment's FLOPs whose graphs are measured
constexpr size_t kMostGraphs = 4;

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
      GraphSide step(*item->graph), bare(products);
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
