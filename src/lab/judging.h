// What the store and the report are told about a run beside its measurements.
#pragma once

#include <vector>

#include "lab/runner.h"

namespace omni {

// Arms of all variants, named "arm | variant" in a sweep.
std::vector<ArmInfo> all_arms(const Resolved& r, const Experiment& e);

// The claims that the run's variants allow to speak of, as the unswept settings state them.
std::vector<ClaimSpec> stated_claims(const Resolved& r, const Experiment& e, const Dataset& data);

// The claims of these settings. What is said of a claim, an arm or a figure is the page's
// (lab/words.h) where the code says nothing.
std::vector<ClaimSpec> claims_of(const Experiment& e, const Settings& s, const Dataset& data);

// The experiment's figures; in a sweep, the metric against the swept option instead.
std::vector<FigureRow> all_figures(const Resolved& r, const Experiment& e);

}  // namespace omni
