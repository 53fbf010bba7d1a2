// What an experiment declares against what a dry run of it records: an author's slips in names of
// arms and metrics are found before anything is trained.
#pragma once

#include "lab/judging.h"
#include "lab/runner.h"
#include "lab/worker.h"

namespace omni {

// UserError for an arm that has curves and is never recorded.
void require_recorded(const SeedRecord& record);

// UserError, with the nearest name, for an arm that is recorded and not declared, declared and not
// recorded, or declared twice, as figures and claims may be; for a part that records no arm, or an
// arm outside of all parts; for a
// claim without the threshold that its kind needs, or of an arm or metric that is never recorded;
// for a figure of such; and for pictures and texts of no figure of their kind.
void check_declarations(const Resolved& r, const Experiment& e, const Dataset& data,
                        const SeedRecord& dry, const Recording* recording = nullptr);

}  // namespace omni
