// How common each token is in what is to be forgotten and in the rest, and what gradient routing
// makes of it. A. Cloud et al., "Gradient Routing", arXiv 2410.04332, appendix C.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/token_rows.h"

namespace omni {

// Times that each of `size` tokens is a target in the first `rows_at_most` rows that are, or are
// not, to be forgotten (0: in all). <|endoftext|> and padding are no targets.
std::vector<int64_t> count_targets(const TokenRows& rows, int32_t size, bool forget,
                                   int64_t rows_at_most = 0);

// Added to every token's count, so that a token seen once or never does not look like a topic's.
struct PseudoCounts {
  double retain = 20, forget = 1;  // of the paper, for 3.3 million retain tokens

  // The same relative to a smaller corpus: in proportion, but retain at least 0.5.
  static PseudoCounts for_retain_tokens(int64_t tokens);
};

// rho of each token: its share among the forget targets over its share among the retain targets,
// both after adding the pseudo-counts.
std::vector<double> forget_ratios(std::span<const int64_t> retain, std::span<const int64_t> forget,
                                  const PseudoCounts& pseudo);

// w of each token, by which Expand-Route-Ablate weighs its gradients: near 1 for tokens as common
// in both topics, 0 for the forget topic's own. w = 1 - sigmoid(rho - 1 / rho - 4).
std::vector<double> retain_weights(std::span<const double> ratios);

// The `count` tokens that most mark the forget topic, best first, among those seen at least
// `least_count` times in it: candidates for routing single tokens (appendix E there ranks by the
// same kind of ratio). Ties: the smaller id. UserError if there are fewer.
std::vector<int32_t> topic_tokens(std::span<const double> ratios, std::span<const int64_t> forget,
                                  int64_t count, int64_t least_count = 1);

// forget_ratios of the rows' own targets among `tokens` tokens, with the pseudo-counts for as many
// retain tokens as they have.
std::vector<double> token_ratios(const TokenRows& rows, int32_t tokens);

}  // namespace omni
