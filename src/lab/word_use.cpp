// Collects names from settings and dry runs.
#include "lab/word_use.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "lab/judging.h"

namespace omni {

void WordUse::add(const Resolved& r, const Experiment& e, const Dataset& data,
                  const SeedRecord& dry) {
  Settings& settings = *r.variants.front().settings;
  const OptionList options = settings.options();
  for (const Option& o : options.all()) of(WordTable::options).insert(o.name());
  of(WordTable::metrics).insert(e.metric);
  for (const auto& [arm, model] : dry.models) {
    of(WordTable::conditions).insert(arm);
    for (const Metric& m : model.metrics) of(WordTable::metrics).insert(m.name);
  }
  for (const ClaimSpec& c : claims_of(e, settings, data)) of(WordTable::claims).insert(c.id);
  const Recording recording = recording_of(dry);
  for (const FigureRow& f : all_figures(r, e, data, recording)) of(WordTable::figures).insert(f.id);
  of(WordTable::presets).insert(r.preset);
}

void WordUse::merge(const WordUse& other) {
  for (size_t i = 0; i < kWordTables; ++i)
    used_[i].insert(other.used_[i].begin(), other.used_[i].end());
}

std::vector<std::string> WordUse::unused(const Words& words) const {
  std::vector<std::string> all;
  for (size_t i = 0; i < kWordTables; ++i) {
    const std::vector<std::string> names(used_[i].begin(), used_[i].end());
    std::ranges::move(words.unused(static_cast<WordTable>(i), names), std::back_inserter(all));
  }
  return all;
}

}  // namespace omni
