// `omni list`: the catalogue; `omni list NAME`: one experiment in full, before anything is run.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/estimates.h"
#include "cli/screen.h"
#include "data/catalogue.h"
#include "lab/judging.h"
#include "store/files.h"

namespace omni::cli {
namespace {

constexpr size_t kIndent = 4;

void section(const char* title, const std::string& text) {
  if (!text.empty()) say("\n{}\n{}", title, wrapped(text, kIndent));
}

std::vector<ClaimSpec> claims_of(const Experiment& e) {
  const auto settings = e.settings();
  Dataset data;
  data.name = usual_data_name(settings->data());
  return omni::claims_of(e, *settings, data);
}

std::string seeds_text(const Preset& p) {
  return fmt::format("{} {}", p.seeds, p.seeds == 1 ? "seed" : "seeds");
}

std::string preset_line(const Preset& p, bool is_default) {
  return fmt::format("{} ({}{}): {}", p.name, is_default ? "the default, " : "", seeds_text(p),
                     p.what);
}

std::string time_of(const Estimates& estimates, const Experiment& e, const Preset& p) {
  const std::optional<double> seconds = estimates.seconds(e, p);
  return seconds ? rough_duration(*seconds) : "on data of yours";
}

// Where times come from.
std::string cores(const Estimates& estimates) {
  return fmt::format("{} core{}", estimates.cores(), estimates.cores() == 1 ? "" : "s");
}

std::string basis(const Estimates& estimates) {
  return fmt::format("estimates for {} of this machine, {}", cores(estimates),
                     estimates.have_seen_runs()
                         ? "corrected by runs that it has finished"
                         : "as if they were typical ones: every run corrects them");
}

void list_all(const Context& context) {
  const Estimates estimates(context);
  say("{}", context.catalogue.size() == 1
                ? "One experiment\n"
                : fmt::format("{} experiments\n", context.catalogue.size()));
  for (const Experiment& e : context.catalogue) {
    say("\n  {}\n{}", e.name, wrapped(e.texts.question, kIndent));
    if (!e.texts.source.empty()) write_out(wrapped("Source: " + e.texts.source, kIndent));
    const size_t claims = claims_of(e).size();
    std::string presets;
    for (const Preset& p : e.presets)
      presets += fmt::format("{}{} ({}, {})", presets.empty() ? "" : ", ", p.name, seeds_text(p),
                             time_of(estimates, e, p));
    write_out(wrapped(fmt::format("Presets: {}. Claims: {}.", presets, claims), kIndent));
  }
  write_out("\n" + wrapped(fmt::format("Times are {}.", basis(estimates)), 0));
  say("More about one: {0} list NAME     To run it: {0} run NAME\n", context.program);
}

void show_options(const Experiment& e) {
  say("\nOptions (key=value; key=a,b,c sweeps)\n");
  const auto settings = e.settings();
  OptionList options = settings->options();
  std::vector<std::string> heads;
  size_t widest = 0;
  for (const Option& o : options.all()) {
    heads.push_back(fmt::format("{}={}", o.name(), o.text()));
    widest = std::max(widest, heads.back().size());
  }
  const size_t column = kIndent + std::min<size_t>(widest, 26) + 2;
  for (size_t i = 0; i < heads.size(); ++i) {
    const Option& o = options.all()[i];
    const std::string with = o.is_used() ? "" : "; has an effect with " + o.used_with();
    const std::string help = help_of(e, o, values_of(options));
    const std::string expects = o.expects() + with;
    const std::string text =
        wrapped(help.empty() ? expects : fmt::format("{} ({})", help, expects), column);
    std::string head = std::string(kIndent, ' ') + heads[i];
    if (head.size() + 2 > column)
      say("{}\n{}", head, text);
    else
      say("{:<{}}{}", head, column, std::string_view(text).substr(column));
  }
}

void show_presets(const Context& context, const Experiment& e) {
  const Estimates estimates(context);
  say("\nPresets; times are\n{}", wrapped(basis(estimates), kIndent));
  for (const Preset& p : e.presets) {
    write_out(wrapped(preset_line(p, &p == &e.presets.front()), kIndent));
    const Counted& counted = estimates.counted(e, p);
    if (!counted.count) {
      write_out(
          wrapped(fmt::format("not counted before it runs: {}", counted.why_not), kIndent + 2));
      continue;
    }
    const auto seeds = static_cast<double>(p.seeds);
    double flops = 0;
    for (const Load& job : counted.count->jobs) flops += job.matmul_flops;
    say("{}{} model-epochs, {} TFLOP, {} on {}\n", std::string(kIndent + 2, ' '),
        quantity(seeds * counted.count->model_epochs), quantity(seeds * flops / 1e12),
        time_of(estimates, e, p), cores(estimates));
  }
}

void show_claims(const Experiment& e) {
  const std::vector<ClaimSpec> claims = claims_of(e);
  if (claims.empty()) return;
  bool sweeps = false;
  const auto show = [&](bool primary) {
    for (const ClaimSpec& c : claims) {
      if (primary != (std::ranges::count(e.primary, c.id) > 0)) continue;
      sweeps = sweeps || !c.variants.empty();
      const std::string text = wrapped(c.text + (c.variants.empty() ? "" : " *"), kIndent + 5);
      say("    {:<5}{}", c.id, std::string_view(text).substr(kIndent + 5));
      if (!c.formula.empty()) write_out(wrapped(c.formula, kIndent + 5));
    }
  };
  if (e.primary.empty()) {
    say("\nClaims, judged over seeds\n");
  } else {
    say("\nPrimary {}, judged first over seeds\n", e.primary.size() == 1 ? "claim" : "claims");
    show(true);
    if (!e.seeds_needed.empty()) write_out(wrapped(e.seeds_needed, kIndent));
    say("\nOther claims, judged if {} decided\n",
        e.primary.size() == 1 ? "it is" : "they are all");
  }
  show(false);
  if (sweeps) say("    * when the options that it compares are swept\n");
}

}  // namespace

int list_command(const Context& context, const ListArguments& arguments) {
  if (!arguments.count.empty()) {
    std::vector<std::string> slips;
    atomic_write(arguments.count, counts_to_json(count_presets(context.catalogue, &slips)));
    for (const std::string& slip : slips) tell("!! {}\n", slip);
    return 0;
  }
  const std::string& name = arguments.name;
  if (name.empty()) {
    list_all(context);
    return 0;
  }
  const Experiment& e = find_experiment(context, name);
  say("{}: {}\n", e.name, e.title);
  section("Question", e.texts.question);
  section("Source", e.texts.source);
  section("Method", e.texts.method);
  section("What it rests on", e.texts.structure);
  section("Controls", e.texts.controls);
  section("Where it should fail", e.texts.expected_failure);
  section("Limits", e.texts.limits);
  show_options(e);
  show_presets(context, e);
  show_claims(e);
  say("\nTo run it: {} run {}\n", context.program, e.name);
  return 0;
}

}  // namespace omni::cli
