// What an experiment declares against what a dry run of it records: an author's slips in names of
// arms and metrics are found before anything is trained.
#pragma once

#include "lab/runner.h"
#include "lab/worker.h"

namespace omni {

// UserError, with the nearest name, for an arm that is recorded and not declared; for a claim
// without the threshold that its kind needs, or of an arm or metric that is never recorded; and for
// a figure of such.
void check_declarations(const Resolved& r, const Experiment& e, const Dataset& data,
                        const SeedRecord& dry);

}  // namespace omni
