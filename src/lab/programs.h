// Ready-made builds of programs of phases (docs/sessions.md), beside descend() of lab/trial.h.
#pragma once

#include <string>

#include "lab/trial.h"

namespace omni {

// Scales a weight of a set so that all that lies along `axis` has the norm 1: of a weight [out,
// in], axis 1 for each output, 0 for each input. What is all zeros stays so. UserError, with the
// nearest name, for sets and weights that the phase has not, and for an axis that the weight has
// not.
StepBuilder unit_norm(const std::string& set, const std::string& weight, int64_t axis);

// A step of power iteration on the Hessian H of `loss` by the parameters of `set`. Its vector v is
// the set `direction`, which has the same parameters, begins as drawn by another key and goes on
// from where it was: it becomes H v / |H v|, and stays where H v is zero. Gives v.Hv / v.v, a
// scalar, which comes near the eigenvalue of the largest magnitude, sign included, as the square of
// what v lacks. `loss` is called as by descend().
Value power_step(Step& s, const ScalarOf& loss, const std::string& direction = "direction",
                 const std::string& set = "model");
// The build of such a program, whose result is "eigenvalue".
StepBuilder power_iteration(const ScalarOf& loss, const std::string& direction = "direction",
                            const std::string& set = "model");

}  // namespace omni
