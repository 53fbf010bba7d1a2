// The claims of an experiment, written before the run, and the settings at which each is judged.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/term.h"

namespace omni {

// An experiment states its claims by calling this: claim("1b", of("aux-only", "accuracy") > 0.45).
// Words stand on its page under the id (lab/words.h). Kind, threshold, variants of sweeps and what
// is read follow from the statement. A claim is judged where all of this holds, and else shown with
// the first reason that it does not:
//   the data set is the one that thresholds were set on (Experiment::judged_on);
//   what it needs is so (below);
//   the run records all that it reads. What no preset records either ends a run before anything is
//   trained, but for what is needed, and for variants of a sweep, of which presets tell nothing;
//   options are as they were calibrated (Experiment::calibrated), or differ harmlessly.
// Conditions are put before it; each gives another handle to state claims by:
//   const Claims gate = claim.at_any("attack_batch rates");
//   gate("1a", of("suppressed", "forget") < 0.005);
//   claim.needs("weak=10")("7a", ...);
class Claims {
 public:
  // UserError for an id that is there already, a statement of no metric, and a fact of which nobody
  // says how often.
  void operator()(const std::string& id, const Statement& s) const;
  // In words of its own, where there is no page.
  void operator()(const std::string& id, const Statement& s, std::string text) const;

  // Does not depend on these options, "rates shots", besides those that are declared harmless.
  Claims at_any(std::string_view options) const;
  // Is judged at all settings and on all data that it can be read at: a fact.
  Claims at_any() const;
  // Is judged where the options are so, "methods=era epochs>=100" (lab/wanted.h): what names of
  // arms and metrics do not show.
  Claims needs(const std::string& options) const;
  // Was calibrated at these settings, given like Experiment::calibrated, and not at the
  // experiment's.
  Claims calibrated(const std::vector<std::string>& settings) const;
  // Fills {name} in its words.
  Claims with(const std::string& name, const std::string& text) const;
  Claims with(const std::string& name, double number) const;

  // Which of Experiment::calibrated is nearest to this run, for bounds that depend on it.
  size_t setting() const;

 private:
  friend class ClaimMaker;  // lab/claim_list.cpp: hands it out and collects what is stated
  struct Context;
  struct Conditions;
  Claims(std::shared_ptr<Context> context, std::shared_ptr<const Conditions> conditions)
      : context_(std::move(context)), conditions_(std::move(conditions)) {}

  std::shared_ptr<Context> context_;
  std::shared_ptr<const Conditions> conditions_;
};

}  // namespace omni
