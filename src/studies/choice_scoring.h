// Multiple-choice questions put to a language model: which answer it finds likeliest, how sure it
// is, and how many it gets right. The scoring of MMLU (Hendrycks et al. 2021, arXiv:2009.03300) and
// WMDP (Li et al. 2024, arXiv:2403.03218), and that of continuations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "lab/trial.h"
#include "nn/ensemble.h"
#include "nn/transformer.h"
#include "text/choice_items.h"
#include "text/tokenizer.h"

namespace omni {

enum class ChoiceForm {
  letters,        // " A", " B", ... after lettered_prompt()
  continuations,  // each choice's own text after the question, with a space between if none is
                  // there
};

struct ChoiceScoring {
  ChoiceForm form = ChoiceForm::letters;
  std::string preface = "";        // before every question: a topic's name, questions with answers
  bool after_end_of_text = false;  // begin with <|endoftext|>, as the rows of rows_of_stories() do
  int64_t rows = 8;                // side by side
};

struct ChoiceScores {
  // Of each item's choices, in nats: the sum over the tokens of what was scored, given all before.
  std::vector<std::vector<double>> log_likelihoods;
  std::vector<int32_t> chosen;  // the likeliest, the first of equals; -1: a likelihood is NaN
  int64_t right = 0;            // items whose answer was chosen
  int64_t lost = 0;             // items of which none was chosen
  double chance = 0;            // expected accuracy of guessing

  int64_t count() const { return static_cast<int64_t>(chosen.size()); }
  // NaN if any item is lost: to choose nothing is not to be wrong.
  double accuracy() const;
  Interval interval(double level = 0.95) const;  // Wilson's, of the accuracy; unknown where that is
};

// Rows of equal lengths run together, as an inference of the trial's: on the run's executor, and
// with likelihoods of zero in dry runs. A model whose weights have diverged gives NaN, and so its
// accuracy is recorded as missing. UserError without items, for a tokenizer of more tokens than the
// model has, and, naming the item, for a letter that is not a single token, a choice or a question
// without tokens, and a prompt that the context of learned positions does not hold.
ChoiceScores score_choices(Trial& t, const TransformerOptions& options, ModelView model,
                           const Tokenizer& tokenizer, std::span<const ChoiceItem> items,
                           const ChoiceScoring& scoring = {});

}  // namespace omni
