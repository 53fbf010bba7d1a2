// `omni ask`: how many multiple-choice questions a language model answers.
#include "base/error.h"
#include "base/machine.h"
#include "cli/commands.h"
#include "cli/language_model.h"
#include "cli/screen.h"
#include "lab/inference.h"
#include "store/files.h"
#include "studies/choice_scoring.h"

namespace omni::cli {
namespace {

// A row per choice; which one was chosen is left empty where that is not known.
std::string csv(std::span<const ChoiceItem> items, const ChoiceScores& scores) {
  std::string text = "question,choice,log_likelihood,chosen,right\n";
  for (size_t i = 0; i < items.size(); ++i)
    for (size_t c = 0; c < items[i].choices.size(); ++c) {
      const auto number = static_cast<int32_t>(c);
      const bool known = scores.chosen[i] >= 0;
      text += fmt::format(
          "{},{},{},{},{}\n", i + 1, c + 1, csv_number(scores.log_likelihoods[i][c]),
          known ? scores.chosen[i] == number ? "1" : "0" : "", int{items[i].answer == number});
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
  LoneTrial here({.threads = available_cores()});
  const ChoiceScores scores =
      score_choices(here.trial, model.options(), model.view(), *model.tokenizer, items, how);
  if (!a.to.empty()) atomic_write(a.to, csv(items, scores));

  const Interval interval = scores.interval();
  say("questions  {}\n", scores.count());
  if (scores.lost > 0)
    say("accuracy   no value\n");
  else
    say("accuracy   {:.3f} [{:.3f}, {:.3f}]  (95 % Wilson interval)\n", scores.accuracy(),
        interval.low, interval.high);
  say("chance     {:.3f}\n", scores.chance);
  if (scores.lost > 0)
    tell(
        "omni: warning: the likelihoods of {} of {} questions are not numbers, so the model has no "
        "accuracy; its weights may have diverged\n",
        scores.lost, scores.count());
  return 0;
}

}  // namespace omni::cli
