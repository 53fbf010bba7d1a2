// What the store and the report are told about a run beside its measurements.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lab/runner.h"
#include "lab/worker.h"

namespace omni {

// What a run records, by a dry run of it: by arms with their variants.
struct Recording {
  RecordedMetrics metrics;
  std::vector<std::string> arms;   // in the order in which they are recorded
  std::set<std::string> pictured;  // figures that have pictures or texts
  // What presets record is asked for only where something is missing; may be empty.
  std::function<const PresetReads&()> presets = {};
};
Recording recording_of(const SeedRecord& dry);

// "after 10, at the end"; of many steps those that are near `wanted`, and how many more there are.
std::string steps_text(const std::set<int64_t>& steps, int64_t wanted);

// Arms of all variants, named "arm | variant" in a sweep.
std::vector<ArmInfo> all_arms(const Resolved& r, const Experiment& e, const Recording& recording);

// The claims that the run's variants allow to speak of, as the unswept settings state them. With
// what the run records, statements that read something else are left out with the reason. UserError
// where no preset records it either.
std::vector<ClaimSpec> stated_claims(const Resolved& r, const Experiment& e, const Dataset& data,
                                     const Recording* recording = nullptr);

// The claims of these settings. What is said of a claim, an arm or a figure is the page's
// (lab/words.h) where the code says nothing. `r`: only those of which its variants allow to speak;
// `recording`: as above, with `r`.
std::vector<ClaimSpec> claims_of(const Experiment& e, const Settings& s, const Dataset& data,
                                 const Resolved* r = nullptr, const Recording* recording = nullptr);
// Whether options and data are those at which claims that are statements were calibrated, or differ
// harmlessly: then the source's values may stand beside the run's.
bool as_calibrated(const Experiment& e, const Settings& s, const Dataset& data);
// Whether the variants that ran allow to speak of a claim.
bool can_speak(const Resolved& r, const ClaimSpec& c);

// What the claims of these settings read and a run of them records: as in PresetReads.
std::vector<std::string> recorded_reads(const Resolved& r, const Experiment& e, const Dataset& data,
                                        const Recording& recording);

// The experiment's figures; in a sweep, the metric against the swept option instead.
std::vector<FigureRow> all_figures(const Resolved& r, const Experiment& e, const Dataset& data,
                                   const Recording& recording);

}  // namespace omni
