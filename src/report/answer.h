// What a run says, in sentences: the head of its page and of the closing summary on the screen.
#pragma once

#include <string>
#include <vector>

#include "store/results.h"

namespace omni {

struct Answer {
  std::string sentence;            // the verdicts on the primary claims, with their numbers
  std::vector<std::string> notes;  // paragraphs: what would decide open ones; the other claims and
                                   // the models
};

// Of claims of which none is primary the sentence counts verdicts.
Answer answer_of(const Results& results);

// The claims as tables show them: primary ones first, each kind in the order of the experiment.
std::vector<ClaimRow> in_order_of_judging(std::vector<ClaimRow> claims);

// "0.55 [0.48, 0.62], wanted > 0.45, n = 10", "holds on 3 of 4 seeds"; empty without values.
std::string measured_text(const ClaimRow& row);

}  // namespace omni
