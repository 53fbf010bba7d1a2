// What an experiment is: texts, presets, options, arms, one function that runs a seed, claims that
// were written before the run, and figures. See docs/experiments.md.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/claims.h"
#include "base/error.h"
#include "lab/claim_list.h"
#include "lab/figure_list.h"
#include "lab/options.h"
#include "lab/quantity.h"
#include "lab/term.h"
#include "lab/trial.h"
#include "lab/word_pages.h"
#include "lab/words.h"
#include "store/results.h"

namespace omni {

// A named choice of options and a number of seeds. The first preset is the default.
struct Preset {
  std::string name, what;
  std::vector<std::pair<std::string, std::string>> values;
  int64_t seeds = 0;
  std::string options;  // as typed (lab/wanted.h): "train=2000 width=32"

  Preset(std::string name, std::string what,
         std::vector<std::pair<std::string, std::string>> values, int64_t seeds)
      : name(std::move(name)), what(std::move(what)), values(std::move(values)), seeds(seeds) {}
  Preset(std::string name, int64_t seeds, std::string options = "")
      : name(std::move(name)), seeds(seeds), options(std::move(options)) {}
};

// One seed's metrics, for claims. Missing and diverged ones are NaN, which judging leaves out.
class SeedValues {
 public:
  using Lookup =
      std::function<double(const std::string& arm, const std::string& metric, int64_t step)>;
  using RangeLookup = std::function<Range(const std::string& metric)>;
  // `base` is what arm names end in where the unswept settings ran: "" or " | width=64". `ranges`:
  // where metrics can lie; absent: anywhere.
  SeedValues(Lookup lookup, std::string base, RangeLookup ranges = {})
      : lookup_(std::move(lookup)), base_(std::move(base)), ranges_(std::move(ranges)) {}

  // Of the run's own settings; in a sweep, of the variant with the unswept value.
  Quantity operator()(const std::string& arm, const std::string& metric) const {
    return {lookup_(arm + base_, metric, kFinalStep), range(metric)};
  }
  // A point of a curve.
  Quantity at_step(int64_t step, const std::string& arm, const std::string& metric) const {
    return {lookup_(arm + base_, metric, step), range(metric)};
  }
  Quantity operator()(const MetricRead& r) const {
    return {lookup_(r.arm_in_run(base_), r.metric, r.step), range(r.metric)};
  }
  // Of one variant of a sweep, written as typed: "init_distance=0.2".
  Quantity at(const std::string& variant, const std::string& arm, const std::string& metric) const {
    return {lookup_(arm + " | " + variant, metric, kFinalStep), range(metric)};
  }

 private:
  Range range(const std::string& metric) const { return ranges_ ? ranges_(metric) : Range{}; }

  Lookup lookup_;
  std::string base_;
  RangeLookup ranges_;
};

struct ClaimSpec {
  std::string id, text;
  Claim claim;
  std::function<Quantity(const SeedValues&)> value;
  std::vector<std::string> variants = {};  // sweep values it speaks of; left out without them
  std::string why_not_judged = {};         // not empty: shown, not judged
  // Options that it does not depend on, besides those that are declared harmless: of other arms,
  // say.
  std::vector<std::string> indifferent_to = {};
  bool at_all_settings = false;  // a fact, or one that says itself where it is judged
  // Of a claim that is a Statement, see lab/term.h: all that it reads, and how it reads.
  std::vector<MetricRead> reads = {};
  std::string formula = {};
};

// A claim that is a statement about metrics: its value, what it reads, and the variants of sweeps
// among that. UserError, naming it, for one of no metric at all, and for a fact of which nobody
// says whether always() or sometimes().
ClaimSpec stated(const std::string& id, std::string text, const Statement& s);

// Leaves out, with the reason, claims that depend on one of these options.
void leave_out_changed(std::vector<ClaimSpec>& claims, const std::vector<OptionChange>& changes);

// What may be chosen in every experiment, beside its own options.
struct CommonOptions {
  std::string on_divergence = "stop-model";

  void visit(auto&& option) {
    option("on_divergence", on_divergence, "when a model's loss is not finite or explodes",
           one_of({"keep", "stop-model", "stop-run"}),
           harmless("a model that diverges is left out, however it goes on"));
  }
  OnDivergence when_diverging() const {
    if (on_divergence == "keep") return OnDivergence::keep;
    return on_divergence == "stop-run" ? OnDivergence::stop_run : OnDivergence::stop_model;
  }
};

// An experiment's settings and behaviour; experiments derive through SettingsOf.
class Settings {
 public:
  virtual ~Settings() = default;
  virtual OptionList options() = 0;  // points into this object
  virtual const CommonOptions& common() const = 0;
  virtual std::unique_ptr<Settings> clone() const = 0;
  virtual void check() const = 0;                 // what single options cannot tell; UserError
  virtual std::string data() const = 0;           // data set's name, or "" for none
  virtual std::vector<ArmInfo> arms() const = 0;  // none: what a dry run records
  virtual void run(Trial& trial) const = 0;
  virtual std::vector<ClaimSpec> claims(const Dataset& data) const = 0;
  // The same where they are statements; false if they are not.
  virtual bool state(Claims& claim) const = 0;
  virtual std::vector<FigureRow> figures() const = 0;
  // The same where they are built; false if they are not.
  virtual bool draw(Figures& figure) const = 0;
};

// Makes Settings of a plain struct S with members
//   void visit(auto&& option);                        // options, see OptionList
//   void run(Trial& t) const;                         // one seed; what it records are the arms
//   std::vector<ClaimSpec> claims(const Dataset&) const;  std::vector<FigureRow> figures() const;
//   or void claims(Claims& claim) const;              // see lab/claim_list.h
//   and void figures(Figures& figure) const;          // see lab/figure_list.h
// and, where wanted, void check() const, std::string data (an option like others),
//   std::vector<ArmInfo> arms() const;                // labels, where there is no page
//   std::vector<S> calibrated() const;                // settings that claims were calibrated at
// the defaults, unless said. Claims are judged where every option is as in one of these, or its
// change is declared harmless.
template <class S>
class SettingsOf final : public Settings {
  static constexpr bool kVisits = requires(S s, OptionList list) { s.visit(list); };
  static constexpr bool kRuns = requires(const S s, Trial& t) { s.run(t); };
  static_assert(kVisits,
                "settings have a member `void visit(auto&& option)`, which says what each "
                "option may be");
  static_assert(kRuns, "settings have a member `void run(Trial& t) const`, which runs one seed");

 public:
  explicit SettingsOf(S s = {}) : s_(std::move(s)) {}
  OptionList options() override {
    OptionList list;
    if constexpr (kVisits) s_.visit(list);
    common_.visit(list);
    return list;
  }
  const CommonOptions& common() const override { return common_; }
  std::unique_ptr<Settings> clone() const override { return std::make_unique<SettingsOf>(*this); }
  void check() const override {
    SettingsOf copy = *this;  // which options point into
    copy.options().check();
    if constexpr (requires { s_.check(); }) s_.check();
  }
  std::string data() const override {
    if constexpr (requires { s_.data; }) return s_.data;
    return "";
  }
  std::vector<ArmInfo> arms() const override {
    if constexpr (requires { s_.arms(); })
      return s_.arms();
    else
      return {};
  }
  void run(Trial& t) const override {
    if constexpr (kRuns) s_.run(t);
  }
  std::vector<ClaimSpec> claims(const Dataset& d) const override {
    if constexpr (requires { s_.claims(d); }) {
      std::vector<ClaimSpec> list = s_.claims(d);
      leave_out_changed(list, changes());
      return list;
    } else {
      return {};
    }
  }
  bool state(Claims& claim) const override {
    if constexpr (requires { s_.claims(claim); }) {
      s_.claims(claim);
      return true;
    } else {
      return false;
    }
  }
  std::vector<FigureRow> figures() const override {
    if constexpr (requires { s_.figures(); })
      return s_.figures();
    else
      return {};
  }
  bool draw(Figures& figure) const override {
    if constexpr (requires { s_.figures(figure); }) {
      s_.figures(figure);
      return true;
    } else {
      return false;
    }
  }

 private:
  // From the nearest of the settings that claims were calibrated at.
  std::vector<OptionChange> changes() const {
    if constexpr (requires { s_.calibrated(); }) {
      std::vector<std::vector<OptionChange>> each;
      for (const S& at : s_.calibrated()) each.push_back(changes_of(s_, at));
      omni::check(!each.empty(), "calibrated() names no settings");
      return *std::ranges::min_element(each, {}, &std::vector<OptionChange>::size);
    } else if constexpr (kVisits) {
      return changes_of(s_, S{});
    } else {
      return {};
    }
  }

  S s_;
  CommonOptions common_;
};

// The texts of a report, in the reader's words; see run_key in store/results.h.
struct ExperimentTexts {
  std::string question, source, method, structure, controls, translation, expected_failure, costs,
      limits;
};

struct Experiment {
  std::string name;  // "subliminal-learning", of subliminal_learning.md
  std::string title;
  ExperimentTexts texts;
  std::string metric;                     // of the table of arms
  std::string metric_label;               // empty: the page's
  std::vector<std::string> primary = {};  // ids of the one to three claims that it is about, judged
                                          // first; without any all claims are judged as one family
  std::vector<MetricRange> ranges = {};   // where metrics can lie; anywhere if not said
  std::string seeds_needed = {};          // in words: seeds that decide the primary claims
  // Of claims that are statements: the data set that thresholds were set on ("": any), and settings
  // that they were calibrated at, as changes of the defaults ("train=60000 epochs>=100").
  std::string judged_on = {};
  std::vector<std::string> calibrated = {""};
  std::vector<Preset> presets;
  std::function<std::unique_ptr<Settings>()> settings = {};
  Words words = {};  // of NAME.md; with_words() gives them
};

// Each with the words of its page (lab/words.h), if there is one for its name with _ for -. Texts
// that the code leaves empty, labels and help included, are the page's. UserError for a damaged
// page, for what it does not say of the table's metric or a preset, for what both say, and for a
// page of no experiment.
std::vector<Experiment> with_words(std::vector<Experiment> all, WordPages pages);

// The options' present values, for {name} in words.
WordValues values_of(const OptionList& options);
WordValues values_of(const Settings& s);

// What the metric of the table of arms is, at these settings.
std::string metric_label(const Experiment& e, const Settings& s);

// What an option is: the page's words, else the declaration's. UserError if neither says it where
// there is a page.
std::string help_of(const Experiment& e, const Option& o, const WordValues& values);

template <class S>
std::function<std::unique_ptr<Settings>()> settings_of() {
  return [] { return std::make_unique<SettingsOf<S>>(); };
}

// The same experiment with settings of S.
template <class S>
Experiment experiment(Experiment e) {
  e.settings = settings_of<S>();
  return e;
}

}  // namespace omni
