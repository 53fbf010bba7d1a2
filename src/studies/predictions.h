// What classifiers say about the same inputs, compared: how often two of them disagree, whether
// they err alike, how far apart their outputs are. Rows are inputs; logits are [rows, classes].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace omni {

// The logarithm of the sum of exp of a row of logits, in double precision, without overflow.
double log_sum_exp(std::span<const float> logits);

// The class of the largest logit of each row, the first of equals.
std::vector<int32_t> chosen_classes(std::span<const float> logits, int64_t classes);

// Of each row, the label's logit minus the largest other one: above zero where the row is right.
std::vector<double> margins(std::span<const float> logits, std::span<const int32_t> labels,
                            int64_t classes);

// The share of rows on which two lists of classes differ. Of a model's choices and the labels it is
// the error; of two models' choices the disagreement, also called churn (Milani Fard et al. 2016,
// "Launch and iterate").
double disagreement(std::span<const int32_t> a, std::span<const int32_t> b);

// Of the rows that at least one of two models gets wrong, the share on which both give the same
// wrong answer. 1: the same errors; NaN if there are no errors.
double shared_errors(std::span<const int32_t> a, std::span<const int32_t> b,
                     std::span<const int32_t> labels);

// Mean over rows of KL(softmax(a) || softmax(b)), in nats, computed in double precision.
double mean_kl(std::span<const float> a, std::span<const float> b, int64_t classes);

}  // namespace omni
