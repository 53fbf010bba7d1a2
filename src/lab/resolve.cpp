// Settings from presets, files and arguments; sweeps become variants.
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/nearest.h"
#include "engine/passes.h"
#include "lab/numbers.h"
#include "lab/runner.h"
#include "lab/wanted.h"

namespace omni {
namespace {

// A guard against a slip of the finger; every combination is a network of its own per arm and seed.
constexpr size_t kMostVariants = 10'000;

const Preset& find_preset(const Experiment& e, const std::string& name) {
  if (name.empty()) return e.presets.front();
  std::vector<std::string> known;
  for (const Preset& p : e.presets) {
    if (p.name == name) return p;
    known.push_back(p.name);
  }
  fail_user("{} has no preset '{}'{}", e.name, name, suggest(name, known));
}

// A path that holds a comma, and is no list of paths.
bool names_a_file(const std::string& typed) {
  std::error_code ignored;
  return !typed.empty() && std::filesystem::exists(typed, ignored);
}

// lr=0,001 sweeps over 0 and 1, which nobody means.
void refuse_comma_for_point(const Assignment& a, const Option& option) {
  if (option.is_text() || option.is_list() || a.values.size() != 2) return;
  const char* point = option.is_whole() ? "" : ".";  // 1,000 steps are a thousand
  require(!is_fraction_cut_by_comma(a.values[0], a.values[1]),
          "{}: a comma separates values to sweep over. For one value write {}={}{}{}; for two, "
          "{}={},{}",
          a.where, a.key, a.values[0], point, a.values[1], a.key, a.values[0],
          a.values[1].substr(std::min(a.values[1].find_first_not_of('0'), a.values[1].size() - 1)));
}

// A value that stands twice, perhaps in two spellings, would be trained twice under one name.
void refuse_repeated(const Assignment& a, const Settings& base) {
  std::map<std::string, std::string> typed_as;  // by what it means
  const auto settings = base.clone();
  OptionList options = settings->options();
  Option& option = options.find(a.key, a.where);
  for (const std::string& typed : a.values) {
    option.set(typed, a.where);
    const auto [first, is_new] = typed_as.try_emplace(option.text(), typed);
    if (is_new) continue;
    require(first->second != typed, "{}: '{}' stands there twice", a.where, typed);
    fail_user("{}: '{}' and '{}' are the same value, {}={}", a.where, first->second, typed, a.key,
              option.text());
  }
}

// Who sets an option wants it to do something. Values that it has anyway may be repeated, as
// config.toml does with all of them; what sweeps over an option must use it in every variant, else
// some are trained twice.
void refuse_unused(const Experiment& e, const Preset& preset,
                   const std::vector<Assignment>& assignments,
                   const std::vector<std::unique_ptr<Settings>>& variants) {
  std::vector<size_t> unused(assignments.size());
  std::vector<std::string> with(assignments.size());
  for (const auto& v : variants) {
    OptionList options = v->options();
    for (size_t i = 0; i < assignments.size(); ++i) {
      const Option& option = options.find(assignments[i].key, assignments[i].where);
      if (option.is_used()) continue;
      ++unused[i];
      with[i] = option.used_with();
    }
  }
  const auto text_in = [](Settings& settings, const Assignment& a) {
    OptionList options = settings.options();
    return options.find(a.key, a.where).text();
  };
  for (size_t i = 0; i < assignments.size(); ++i) {
    const Assignment& a = assignments[i];
    const bool swept = a.values.size() > 1;
    if (unused[i] == 0 || (!swept && unused[i] < variants.size())) continue;
    require(unused[i] == variants.size(),
            "{}: some variants of this sweep have no use for {}, which has an effect with {}; give "
            "that to all of them",
            a.where, a.key, with[i]);
    const std::string now = text_in(*variants.front(), a);
    if (!swept && (now == text_in(*preset_settings(e, preset), a) ||
                   now == text_in(*e.settings(), a)))
      continue;
    fail_user(
        "{}: {} has no effect in this run; it has one with {}. Give that as well, or leave {} out",
        a.where, a.key, with[i], a.key);
  }
}

std::string toml_of(const Experiment& e, const Resolved& r, const RunRequest& request,
                    const std::vector<Assignment>& swept) {
  std::string text = fmt::format("# {}: the settings of this run\n", e.title);
  text += fmt::format("experiment = \"{}\"\npreset = \"{}\"\n", e.name, r.preset);
  text += fmt::format("seeds = [{}]\n", fmt::join(r.seeds, ", "));
  text += fmt::format("precision = \"{}\"\n", name_of(request.precision));
  if (request.executor != RunRequest{}.executor)
    text += fmt::format("executor = \"{}\"\n", row_of(request.executor).name);
  if (const auto off = names_of(passes_named(request.passes_off)); !off.empty())
    text += fmt::format("# passes switched off: {}\n", fmt::join(off, ", "));
  text += '\n';
  OptionList options = r.variants.front().settings->options();
  for (const Option& o : options.all()) {
    const auto sweep = std::ranges::find(swept, o.name(), &Assignment::key);
    if (sweep == swept.end()) {
      text += fmt::format("{} = {}\n", o.name(), o.toml());
      continue;
    }
    std::vector<std::string> values;
    for (const std::string& value : sweep->values) {
      const auto with_value = r.variants.front().settings->clone();
      OptionList list = with_value->options();
      Option& option = list.find(o.name(), sweep->where);
      option.set(value, sweep->where);
      values.push_back(option.toml());
    }
    text += fmt::format("{} = [{}]  # swept\n", o.name(), fmt::join(values, ", "));
  }
  return text;
}

}  // namespace

std::unique_ptr<Settings> preset_settings(const Experiment& e, const Preset& p) {
  auto s = e.settings();
  OptionList options = s->options();
  const std::string where = fmt::format("preset {} of {}", p.name, e.name);
  for (const auto& [key, value] : p.values) options.find(key, where).set(value, where);
  set_all(options, p.options, where);
  return s;
}

Resolved resolve(const Experiment& e, const RunRequest& request) {
  require_takes(request.executor, request.precision, request.passes_off);
  const Preset& preset = find_preset(e, request.preset);
  Resolved r;
  r.preset = preset.name;
  r.seeds.resize(preset.seeds);
  std::iota(r.seeds.begin(), r.seeds.end(), 0);
  if (request.seeds) r.seeds = *request.seeds;
  require(!r.seeds.empty(), "there are no seeds to run");

  const auto base = preset_settings(e, preset);
  OptionList base_options = base->options();
  std::vector<Assignment> fixed, swept;
  for (Assignment a : request.assignments) {
    const Option& option = base_options.find(a.key, a.where);
    if (option.is_list()) a.values = {fmt::format("{}", fmt::join(a.values, ","))};
    if (option.is_free_text() && a.values.size() > 1 && names_a_file(a.typed)) a.values = {a.typed};
    refuse_comma_for_point(a, option);
    std::erase_if(fixed, [&](const Assignment& old) { return old.key == a.key; });
    std::erase_if(swept, [&](const Assignment& old) { return old.key == a.key; });
    (a.values.size() == 1 ? fixed : swept).push_back(a);
  }
  for (const Assignment& a : fixed) base_options.find(a.key, a.where).set(a.values[0], a.where);

  std::vector<std::unique_ptr<Settings>> combinations;
  std::vector<std::string> labels = {""};
  combinations.push_back(base->clone());
  std::string base_label;
  for (const Assignment& a : swept) {
    r.swept.push_back(a.key);
    const std::string usual = base_options.find(a.key, a.where).text();
    require(combinations.size() * a.values.size() <= kMostVariants,
            "{}: the sweep has more than {} combinations of values", a.where, kMostVariants);
    refuse_repeated(a, *base);
    std::vector<std::unique_ptr<Settings>> next;
    std::vector<std::string> next_labels;
    for (size_t i = 0; i < combinations.size(); ++i)
      for (const std::string& value : a.values) {
        auto s = combinations[i]->clone();
        OptionList options = s->options();
        Option& option = options.find(a.key, a.where);
        option.set(value, a.where);
        next_labels.push_back(labels[i] + (labels[i].empty() ? "" : ", ") + a.key + "=" +
                              option.text());
        next.push_back(std::move(s));
      }
    base_label += (base_label.empty() ? "" : ", ") + a.key + "=" + usual;
    combinations = std::move(next);
    labels = std::move(next_labels);
  }
  const auto over_data = std::ranges::find(swept, "data", &Assignment::key);
  for (const auto& c : combinations) {
    require(c->data() == combinations.front()->data(),
            "{}: a run has one data set and cannot sweep over several; compare two runs instead",
            over_data == swept.end() ? "data" : over_data->where);
    c->check();
  }
  for (const auto* assignments : {&fixed, &swept})
    refuse_unused(e, preset, *assignments, combinations);
  for (size_t i = 0; i < combinations.size(); ++i)
    r.variants.push_back({labels[i], std::move(combinations[i])});
  if (std::ranges::find(labels, base_label) != labels.end()) r.base = base_label;
  r.toml = toml_of(e, r, request, swept);
  return r;
}

}  // namespace omni
