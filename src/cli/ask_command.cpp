// `omni ask`: how many multiple-choice questions a language model answers.
#include <algorithm>

#include "base/error.h"
#include "base/machine.h"
#include "cli/commands.h"
#include "cli/language_model.h"
#include "cli/screen.h"
#include "lab/choice_scoring.h"
#include "store/files.h"

namespace omni::cli {
namespace {

// A row per choice.
std::string csv(std::span<const ChoiceItem> items, const ChoiceScores& scores) {
  std::string text = "question,choice,log_likelihood,chosen,right\n";
  for (size_t i = 0; i < items.size(); ++i)
    for (size_t c = 0; c < items[i].choices.size(); ++c) {
      const auto number = static_cast<int32_t>(c);
      text +=
          fmt::format("{},{},{},{},{}\n", i + 1, c + 1, csv_number(scores.log_likelihoods[i][c]),
                      int{scores.chosen[i] == number}, int{items[i].answer == number});
    }
  return text;
}

}  // namespace

int ask_command(const AskArguments& a) {
  require(a.words.size() == 2,
          "ask: expected a model's folder and a file of questions, got {} words; see ask --help",
          a.words.size());
  require(a.to.empty() || !std::filesystem::exists(a.to),
          "ask: '{}' is there already: choose another name", a.to.string());
  const std::vector<ChoiceItem> items = read_choice_items(a.words[1]);
  const LanguageModel model = load_language_model(a.words[0]);
  bool told = tell_of_specials(*model.tokenizer, a.preface);
  const auto tell_once = [&](std::string_view text) {
    told = told || tell_of_specials(*model.tokenizer, text);
  };
  for (const ChoiceItem& item : items) {
    tell_once(item.question);
    for (const std::string& choice : item.choices) tell_once(choice);
  }
  ChoiceScoring how;
  how.form = a.continuations ? ChoiceForm::continuations : ChoiceForm::letters;
  how.preface = a.preface;
  how.after_end_of_text = a.end_of_text;
  how.threads = available_cores();
  const ChoiceScores scores =
      score_choices(model.options(), model.view(), *model.tokenizer, items, how);
  if (!a.to.empty()) atomic_write(a.to, csv(items, scores));

  const Interval interval = scores.interval();
  say("questions  {}\n", scores.count());
  say("accuracy   {:.3f} [{:.3f}, {:.3f}]  (95 % Wilson interval)\n", scores.accuracy(),
      interval.low, interval.high);
  say("chance     {:.3f}\n", scores.chance);
  if (const auto lost = std::ranges::count(scores.chosen, -1); lost > 0)
    tell(
        "omni: warning: {} likelihoods are not numbers, which counts as wrong; the model's weights "
        "may have diverged\n",
        lost);
  return 0;
}

}  // namespace omni::cli
