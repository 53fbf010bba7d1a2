// Training looked at after epochs in place of steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/trial.h"

namespace omni {

// Of a phase over the subset `how.on`; the last of an epoch may be short.
int64_t steps_per_epoch(const Trial& t, const Training& how);
// 1, 2, 4, ... below n, and n.
std::vector<int64_t> doublings(int64_t n);

// Probes the phase over a subset after these epochs; those after its last are left out.
void look_after_epochs(const Trial& t, Training& how, const std::string& on,
                       const std::vector<int64_t>& epochs, StepBuilder build);
// What was probed so, by its names, as curves over epochs of an arm.
void epoch_curves(Trial& t, const std::string& arm, const Trained& m, const Training& how);

}  // namespace omni
