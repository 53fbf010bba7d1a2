#include "text/token_counts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace omni {

std::vector<int64_t> count_targets(const TokenRows& rows, int32_t size, bool forget,
                                   int64_t rows_at_most) {
  std::vector<int64_t> counts(static_cast<size_t>(size));
  int64_t used = 0;
  for (int64_t i = 0; i < rows.count(); ++i) {
    if ((rows.forget[static_cast<size_t>(i)] != 0) != forget) continue;
    if (rows_at_most > 0 && used++ == rows_at_most) break;
    const auto length = static_cast<size_t>(rows.lengths[static_cast<size_t>(i)]);
    for (const int32_t token : rows.row(i).subspan(1, length - 1)) {
      check(token >= 0 && token < size, "count_targets: token {} of a vocabulary of {}", token,
            size);
      ++counts[static_cast<size_t>(token)];
    }
  }
  return counts;
}

PseudoCounts PseudoCounts::for_retain_tokens(int64_t tokens) {
  constexpr double kPaperTokens = 3.3e6, kLeast = 0.5;
  const PseudoCounts paper;
  const double retain = std::max(paper.retain * static_cast<double>(tokens) / kPaperTokens, kLeast);
  return {retain, retain * paper.forget / paper.retain};
}

std::vector<double> forget_ratios(std::span<const int64_t> retain, std::span<const int64_t> forget,
                                  const PseudoCounts& pseudo) {
  check(retain.size() == forget.size(), "forget_ratios: {} and {} tokens", retain.size(),
        forget.size());
  require(pseudo.retain > 0 && pseudo.forget > 0,
          "token weights: expected pseudo-counts above 0, found {} and {}", pseudo.retain,
          pseudo.forget);
  const auto total = [](std::span<const int64_t> counts, double added) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0})) +
           added * static_cast<double>(counts.size());
  };
  const double all_retain = total(retain, pseudo.retain), all_forget = total(forget, pseudo.forget);
  std::vector<double> ratios;
  for (size_t t = 0; t < retain.size(); ++t)
    ratios.push_back((static_cast<double>(forget[t]) + pseudo.forget) / all_forget /
                     ((static_cast<double>(retain[t]) + pseudo.retain) / all_retain));
  return ratios;
}

std::vector<double> retain_weights(std::span<const double> ratios) {
  std::vector<double> weights;
  for (const double rho : ratios) weights.push_back(1 / (1 + std::exp(rho - 1 / rho - 4)));
  return weights;
}

std::vector<int32_t> topic_tokens(std::span<const double> ratios, std::span<const int64_t> forget,
                                  int64_t count, int64_t least_count) {
  check(ratios.size() == forget.size(), "topic_tokens: {} ratios of {} tokens", ratios.size(),
        forget.size());
  std::vector<int32_t> tokens;
  for (size_t t = 0; t < ratios.size(); ++t)
    if (forget[t] >= least_count) tokens.push_back(static_cast<int32_t>(t));
  require(count >= 1 && count <= static_cast<int64_t>(tokens.size()),
          "topic tokens: expected 1 to {}, the tokens seen {} times or more in what is to be "
          "forgotten, found {}",
          tokens.size(), least_count, count);
  std::stable_sort(tokens.begin(), tokens.end(),
                   [&](int32_t a, int32_t b) { return ratios[a] > ratios[b]; });
  tokens.resize(static_cast<size_t>(count));
  return tokens;
}

std::vector<double> token_ratios(const TokenRows& rows, int32_t tokens) {
  const std::vector<int64_t> kept = count_targets(rows, tokens, false);
  const int64_t read = std::accumulate(kept.begin(), kept.end(), int64_t{0});
  return forget_ratios(kept, count_targets(rows, tokens, true),
                       PseudoCounts::for_retain_tokens(read));
}

}  // namespace omni
