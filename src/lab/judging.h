// What the store and the report are told about a run beside its measurements.
#pragma once

#include <vector>

#include "lab/runner.h"

namespace omni {

// Arms of all variants, named "arm | variant" in a sweep.
std::vector<ArmInfo> all_arms(const Resolved& r);

// The claims that the run's variants allow to speak of, as the unswept settings state them.
std::vector<ClaimSpec> stated_claims(const Resolved& r, const Dataset& data);

// The experiment's figures; in a sweep, the metric against the swept option instead.
std::vector<FigureRow> all_figures(const Resolved& r, const Experiment& e);

}  // namespace omni
