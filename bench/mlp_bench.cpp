// The MLP 784-256-256-10 with Adam on all cores, one model per core: against its oneDNN matrix
// products alone, and against PyTorch and JAX.
#include <deque>
#include <set>

#include "bench/benches.h"
#include "bench/onednn.h"
#include "bench/peers.h"
#include "bench/sides.h"
#include "engine/flops.h"

namespace omni::bench {
namespace {

struct Case {
  int64_t batch;
  Precision precision;
  double gemm_share;  // target
  double over_peer;   // target, times the best peer in its best arrangement
};
constexpr Case kCases[] = {
    {128, Precision::f32, 0.85, 1.8},
    {1024, Precision::f32, 0.92, 1.4},
    {128, Precision::bf16, 0.75, 3.2},
    {1024, Precision::bf16, 0.85, 2.3},
};

std::string suffix(const Case& c) {
  return fmt::format("{}.b{}", c.precision == Precision::bf16 ? "bf16" : "f32", c.batch);
}

// The products alone in one arrangement, on every core.
struct Products {
  GemmArrangement arrangement;
  std::deque<GemmStep> steps;

  Products(const Case& c, const GemmArrangement& a, int workers) : arrangement(a) {
    for (int w = 0; w < workers; ++w) steps.emplace_back(c.batch, c.precision, a);
  }
  Side side() {
    return {static_cast<int>(steps.size()), [this](int worker) { steps[worker].run(); }};
  }
};

std::deque<Products> arrangements(const Bench& b, const Case& c, int64_t slice_rows) {
  std::deque<Products> all;
  for (const int64_t rows : std::set<int64_t>{c.batch, slice_rows, 128, 256}) {
    if (rows > c.batch) continue;
    for (const bool input_by_output : {false, true})
      all.emplace_back(c, GemmArrangement{rows, input_by_output}, b.cores);
  }
  return all;
}

}  // namespace

// The share is of the rate of the very products that the step's plan runs, alone, in its order; the
// strict share is of the fastest products of any arrangement.
void gemm_share(Bench& b) {
  for (const Case& c : kCases) {
    TrainingSide training(mlp_step, c.batch, c.precision, b.cores);
    const int64_t rows = training.slice_rows();
    Products planned(c, {.rows = rows, .input_by_output = false, .many_sums = true}, b.cores);
    auto products = arrangements(b, c, rows);
    std::vector<Side> sides;
    for (Products& p : products) sides.push_back(p.side());
    Products& best = products[fastest(sides, b.window_s() / 4)];

    const Side all[] = {training.side(), planned.side(), best.side(), multiply_adds(b.cores)};
    const Rates rates = alternate(all, b.repetitions, b.window_s(), b.warm_up_s());
    b.add_ratio("mlp.gemm_share." + suffix(c), quotients(rates[0], rates[1]), c.gemm_share,
                fmt::format("of the step's own products: {}", planned.arrangement.name()));
    b.add_ratio("mlp.gemm_share_strict." + suffix(c), quotients(rates[0], rates[2]), {},
                fmt::format("of the fastest: {}", best.arrangement.name()));
    add_peak_share(b, "mlp.peak_share." + suffix(c), rates[0], rates[3],
                   matmul_flops(training.graph()));
    b.add_rate("mlp.rate." + suffix(c), rates[0], c.batch);
    b.add_rate("mlp.products_rate." + suffix(c), rates[1], c.batch);
  }
}

void mlp_peers(Bench& b) {
  for (const Case& c : kCases)
    compare_with_peers(b, suffix(c), {"mlp", c.batch, c.precision, kSamples}, c.over_peer,
                       epoch_rates(b, mlp_step, c.batch, c.precision));
}

}  // namespace omni::bench
