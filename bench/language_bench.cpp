// A language model of 0.9 M parameters (preset M) with AdamW, one model per core: against its
// matrix products alone and against PyTorch and JAX.
#include <deque>
#include <tuple>

#include "bench/benches.h"
#include "bench/peers.h"
#include "bench/products.h"
#include "bench/resident_models.h"
#include "bench/sides.h"
#include "engine/flops.h"

namespace omni::bench {
namespace {

constexpr int64_t kBatch = 64, kSmallBatch = 4;  // rows of 128 tokens

TrainingSide training_side(int workers, Build build = language_step,
                           Precision precision = Precision::f32) {
  return TrainingSide(build, kBatch, precision, workers, 1, random_text());
}

double arena_MB(const TrainingSide& side) {
  return static_cast<double>(side.plan().arena_bytes()) / 1e6;
}

}  // namespace

void language(Bench& b) {
  TrainingSide all = training_side(b.cores), one = training_side(1);
  TrainingSide again = training_side(b.cores, recomputed_language_step);
  TrainingSide narrow = training_side(b.cores, language_step, Precision::bf16);
  Graph step, products;
  Step s(step, kBatch, random_text());
  language_step(s);
  keep_products(step, products);
  std::deque<GraphSide> bare;
  for (int w = 0; w < b.cores; ++w) bare.emplace_back(products);
  const Side sides[] = {all.side(),    {b.cores, [&](int worker) { bare[worker].run(); }},
                        one.side(),    again.side(),
                        narrow.side(), multiply_adds(b.cores)};
  const Rates rates = alternate(sides, b.repetitions, b.window_s(), b.warm_up_s());
  b.add_ratio("language.product_share.f32.M", quotients(rates[0], rates[1]), 0.6,
              "of the step's own products, attention among them");
  for (const auto& [name, rate] : {std::pair("f32.M", rates[0]), {"bf16.M", rates[4]}})
    add_peak_share(b, fmt::format("language.peak_share.{}", name), rate, rates[5],
                   matmul_flops(all.graph()));
  b.add_ratio("language.workers.f32.M", quotients(rates[0], rates[2]), {},
              fmt::format("{} workers, a model each, over one", b.cores));
  b.add({"language.rate.f32.M", median(rates[0]) * kBatch * kTokens, "tokens/s", {}, false, ""});
  b.add({"language.activations.f32.M",
         arena_MB(all),
         "MB",
         {},
         false,
         fmt::format("of one worker, for all activations and gradients of {} rows of {} tokens",
                     kBatch, kTokens)});
  b.add({"language.recomputed_activations.f32.M",
         arena_MB(again),
         "MB",
         {},
         false,
         "the same where blocks are computed again in the backward pass"});
  b.add_ratio("language.recomputed_rate.f32.M", quotients(rates[3], rates[0]), {},
              "computing blocks again over keeping them");
  b.add_ratio("language.bf16_over_f32.M", quotients(rates[4], rates[0]), {});
  compare_resident_models(b, {"language.models.lowest_over_highest",
                              language_step,
                              kSmallBatch,
                              4,
                              {2, 16, 64},
                              random_text()});
}

void language_peers(Bench& b) {
  for (const auto& [precision, name, target] :
       {std::tuple(Precision::f32, "f32.M", 1.25), std::tuple(Precision::bf16, "bf16.M", 2.2)})
    compare_with_peers(b, name, {"language", kBatch, precision, kTextRows}, target,
                       epoch_rates(b, language_step, kBatch, precision, random_text(), kTextRows));
}

}  // namespace omni::bench
