// Damage to a trained model's weights, from a key.
#pragma once

#include <string>
#include <vector>

#include "nn/ensemble.h"

namespace omni {

// Shrink and perturb, in place: W <- (1 - alpha) W + alpha beta N for every parameter, where N is a
// fresh Xavier-uniform draw for weights of two and more dimensions (fans as in nn/init.h) and 0 for
// vectors: biases and norms only shrink.
// alpha = 0 leaves every bit; alpha = beta = 1 is a Xavier start with zero biases. Draws are keyed
// by (key, name), so that two alphas of one key take the same N. 0 <= alpha <= 1, else UserError.
// Ash & Adams 2020, arXiv:1910.08475; in UNDO: Lee et al. 2025, arXiv:2506.06278.
void shrink_and_perturb(Ensemble& e, int64_t model, Key key, double alpha, double beta);

// Draws the named parameters again, as they were drawn at the start: by their own initialisers,
// from key.fold(name). UserError for an unknown name.
void reinitialise(Ensemble& e, int64_t model, Key key, const std::vector<std::string>& names);

}  // namespace omni
