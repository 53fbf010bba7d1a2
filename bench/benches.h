// The benches, each of which adds its figures. Their names are what --only takes.
#pragma once

#include "bench/figures.h"

namespace omni::bench {

void gemm_share(Bench& b);   // a training step against its oneDNN matrix products alone
void many_models(Bench& b);  // models resident at once, workers, cores for one model
void memory(Bench& b);       // bytes per parameter and model
void page_faults(Bench& b);  // page faults per step after warm-up
void convnet(Bench& b);      // a small ConvNet against its oneDNN primitives
void language(Bench& b);     // a small language model against its products
void experiments(Bench& b);  // every experiment's steps against their matrix products alone
void example(Bench& b);      // building an experiment outside the tree
void ensemble(Bench& b);     // 256 small models on MNIST-1D, from start to finish

// Against PyTorch and JAX, each in its best arrangement.
void mlp_peers(Bench& b);
void conv_peers(Bench& b);
void language_peers(Bench& b);
void ensemble_peers(Bench& b);

}  // namespace omni::bench
