// CPU plans of the ops in gather.h.
#pragma once

#include "cpu/planner.h"

namespace omni::cpu {

void plan_gather(Planner& p, int id);
void plan_scatter_add(Planner& p, int id);
void plan_one_hot(Planner& p, int id);
void plan_take_last(Planner& p, int id);

}  // namespace omni::cpu
