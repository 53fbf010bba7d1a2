// An experiment's texts, taken from its page.
#include "lab/experiment.h"

#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "lab/runner.h"

namespace omni {
namespace {

std::string stem_of(const Experiment& e) {
  std::string stem = e.name;
  std::ranges::replace(stem, '-', '_');
  return stem;
}

// The preset's own values; the usual ones where it names what there is not, which resolve() tells.
WordValues values_of_preset(const Experiment& e, const Preset& p) {
  try {
    return values_of(*preset_settings(e, p));
  } catch (const UserError&) {
    return values_of(*e.settings());
  }
}

void add_words(Experiment& e, const WordPage& page) {
  e.words = Words::parse(page.text, std::string(page.stem) + ".md");
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
  require(e.metric_label.empty() || !w.has(WordTable::metrics, e.metric),
          "{} and the code of {} both say what the metric {} is; leave it to the page", w.file(),
          e.name, e.metric);
  metric_label(e, *e.settings());
  for (Preset& p : e.presets)
    take(p.what, "what the preset " + p.name + " is",
         w.row(WordTable::presets, p.name, values_of_preset(e, p))[0]);
}

}  // namespace

std::vector<Experiment> with_words(std::vector<Experiment> all, WordPages pages) {
  std::vector<std::string> stems;
  for (Experiment& e : all) {
    stems.push_back(stem_of(e));
    const auto page = std::ranges::find(pages, stems.back(), &WordPage::stem);
    if (page != pages.end()) add_words(e, *page);
  }
  for (const WordPage& page : pages)
    if (std::ranges::count(stems, page.stem) == 0)
      fail_user("{0}.md is the page of no experiment; none is called {0}{1}", page.stem,
                suggest(page.stem, stems));
  return all;
}

WordValues values_of(const OptionList& options) {
  WordValues values;
  for (const Option& o : options.all()) values[o.name()] = o.text();
  return values;
}

WordValues values_of(const Settings& s) {
  const auto copy = s.clone();  // which options point into
  return values_of(copy->options());
}

std::string metric_label(const Experiment& e, const Settings& s) {
  if (!e.metric_label.empty()) return e.metric_label;
  return e.words.row(WordTable::metrics, e.metric, values_of(s))[0];
}

std::string help_of(const Experiment& e, const Option& o, const WordValues& values) {
  const bool is_said = !o.help().empty() && !e.words.has(WordTable::options, o.name());
  if (is_said || !e.words.there()) return o.help();
  return e.words.row(WordTable::options, o.name(), values)[0];
}

}  // namespace omni
