// CPU plans of the ops in shape_ops.h.
#pragma once

#include "cpu/planner.h"

namespace omni::cpu {

void plan_transpose(Planner& p, int id);
void plan_slice(Planner& p, int id);
void plan_concat(Planner& p, int id);
void plan_pad(Planner& p, int id);

}  // namespace omni::cpu
