// An experiment's texts, taken from its page.
#include "lab/experiment.h"

#include <algorithm>
#include <utility>

namespace omni {

Experiment with_words(Experiment e, std::string_view (*words_of)(std::string_view stem)) {
  std::string stem = e.name;
  std::ranges::replace(stem, '-', '_');
  const std::string_view page = words_of(stem);
  if (page.empty()) return e;
  e.words = Words::parse(page, stem + ".md");
  const Words& w = e.words;
  const auto take = [&](std::string& text, const std::string& what, const std::string& words) {
    require(text.empty() || words.empty(),
            "{} and the code of {} both say {}; leave it to the page", w.file(), e.name, what);
    if (text.empty()) text = words;
  };
  take(e.title, "the title", w.title());
  ExperimentTexts& t = e.texts;
  for (const auto& [text, heading] : {std::pair{&t.question, "Question"},
                                      {&t.source, "Source"},
                                      {&t.method, "Method"},
                                      {&t.structure, "What it rests on"},
                                      {&t.controls, "Controls"},
                                      {&t.translation, "In large systems"},
                                      {&t.expected_failure, "Where it should fail"},
                                      {&t.costs, "Costs"},
                                      {&t.limits, "Limits"},
                                      {&e.seeds_needed, "How many seeds"}})
    take(*text, heading, w.section(heading));
  const auto defaults = e.settings();
  const WordValues values = values_of(defaults->options());
  take(e.metric_label, "what the metric " + e.metric + " is",
       w.row(WordTable::metrics, e.metric, values)[0]);
  for (Preset& p : e.presets)
    take(p.what, "what the preset " + p.name + " is", w.row(WordTable::presets, p.name, values)[0]);
  return e;
}

WordValues values_of(const OptionList& options) {
  WordValues values;
  for (const Option& o : options.all()) values[o.name()] = o.text();
  return values;
}

}  // namespace omni
