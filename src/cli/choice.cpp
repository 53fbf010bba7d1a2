#include "cli/choice.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/nearest.h"
#include "engine/passes.h"
#include "lab/numbers.h"
#include "store/files.h"
#include "text/lines.h"

namespace omni::cli {
namespace {

constexpr double kMostModels = 1'000'000;  // as parse_seeds() allows

Precision precision_of(const std::string& text, const std::string& where) {
  const std::vector<std::string> known = {"f32", "bf16"};
  require(std::ranges::find(known, text) != known.end(),
          "{}: 'precision' expects f32 or bf16, got '{}'{}", where, text, suggest(text, known));
  return text == "bf16" ? Precision::bf16 : Precision::f32;
}

const std::string& only_value(const Assignment& a) {
  require(a.values.size() == 1, "{}: '{}' takes one value and cannot be swept", a.where, a.key);
  return a.values.front();
}

// Flags that are easily taken for options of an experiment.
void refuse_flag(const Assignment& a) {
  for (const char* flag : {"threads", "out", "config", "data-dir", "passes-off"})
    require(a.key != flag, "{}: this one is written with dashes: --{} {}", a.where, flag,
            a.values.front());
  require(a.key != "seed", "{}: random seeds are chosen with --seeds {}", a.where,
          fmt::join(a.values, ","));
}

// Takes what is about the run as a whole; anything else is left to the experiment's options.
void take(const Assignment& a, const Experiment& e, RunRequest& request) {
  if (a.key == "experiment") {
    require(only_value(a) == e.name, "{}: these are settings of the experiment '{}', not of '{}'",
            a.where, a.values.front(), e.name);
  } else if (a.key == "preset") {
    request.preset = only_value(a);
  } else if (a.key == "seeds") {
    request.seeds = parse_seeds(fmt::format("{}", fmt::join(a.values, ",")), a.where);
  } else if (a.key == "models") {
    request.seeds = seeds_of_models(only_value(a), a.where);
  } else if (a.key == "executor") {
    request.executor = executor_of(only_value(a), a.where);
  } else if (a.key == "precision") {
    request.precision = precision_of(only_value(a), a.where);
  } else {
    refuse_flag(a);
    request.assignments.push_back(a);
  }
}

}  // namespace

std::string sweep_text(const Resolved& resolved, const RunRequest& request) {
  if (resolved.swept.empty()) return "";
  std::vector<std::string> sweeps;
  std::string hints;
  OptionList options = resolved.variants.front().settings->options();
  for (const std::string& name : resolved.swept) {
    const auto last = std::ranges::find(request.assignments.rbegin(), request.assignments.rend(),
                                        name, &Assignment::key);
    const std::vector<std::string>& values = last->values;
    sweeps.push_back(fmt::format("{} ({})", name, fmt::join(values, ", ")));
    const Option& option = options.find(name, last->where);
    double x = 0;
    if (option.is_free_text() && !last->typed.empty())
      hints += fmt::format("  (a text that holds a comma: {}='\"...\"' or {}='...\\,...')\n", name,
                           name);
    else if (values.size() == 2 && parse_number(values[0] + "." + values[1], x) &&
             option.expects().starts_with("a number"))
      hints += fmt::format("  (a fraction is written with a point: {}={}.{})\n", name, values[0],
                           values[1]);
  }
  const size_t n = resolved.variants.size();
  return fmt::format("Sweep over {}: {} variant{}\n{}", fmt::join(sweeps, ", "), n,
                     n == 1 ? "" : "s", hints);
}

std::vector<int64_t> seeds_of_models(const std::string& n, const std::string& where) {
  int64_t models = 0;
  Option option("models", &models);
  option.add(between(1, kMostModels));
  option.set(n, where);
  std::vector<int64_t> seeds(static_cast<size_t>(models));
  std::iota(seeds.begin(), seeds.end(), 0);
  return seeds;
}

Chosen choose(const Context& context, const Choice& choice) {
  std::vector<Assignment> from_file, typed;
  if (!choice.config.empty())
    from_file =
        parse_assignments(plain_text(read_file(choice.config), choice.config), choice.config);

  std::string name;
  for (const std::string& word : choice.words) {
    if (&word == &choice.words.front() && word.find('=') == std::string::npos) {
      name = word;
      continue;
    }
    // Words such as seeds=0,4 and an empty seeds= deserve their own errors, not those of a sweep.
    if (word.starts_with("seeds="))
      typed.push_back({"seeds", {word.substr(6)}, "argument " + word});
    else
      typed.push_back(parse_assignment(word));
  }
  if (name.empty())
    for (const Assignment& a : from_file)
      if (a.key == "experiment") name = only_value(a);

  const Experiment& e = find_experiment(context, name);
  Chosen chosen{&e, {}};
  RunRequest& request = chosen.request;
  for (const Assignment& a : from_file) take(a, e, request);
  const auto is_typed = [&](const char* key) {
    return std::ranges::find(typed, key, &Assignment::key) != typed.end();
  };
  const auto in_file = [&](const char* key) {
    return std::ranges::find(from_file, key, &Assignment::key) != from_file.end();
  };
  require(!in_file("seeds") || !in_file("models"), "{}: give either models or seeds, not both",
          choice.config);
  require(is_typed("seeds") + is_typed("models") + !choice.seeds.empty() <= 1,
          "give one of models=N, seeds=A..B and --seeds A..B, not several");
  for (const Assignment& a : typed) take(a, e, request);
  if (!choice.preset.empty()) request.preset = choice.preset;
  if (!choice.seeds.empty()) request.seeds = parse_seeds(choice.seeds, "--seeds");
  if (!choice.executor.empty()) request.executor = executor_of(choice.executor, "--executor");
  if (!choice.precision.empty())
    request.precision = precision_of(choice.precision, "--precision");
  request.passes_off = passes_in(choice.passes_off);
  request.passes_off.merge(passes_off_here());
  request.data = DataOptions::from_environment(choice.data_dir);
  request.data.allow_download = !choice.no_download;
  return chosen;
}

}  // namespace omni::cli
