// CPU plans of the ops in random.h.
#pragma once

#include "cpu/planner.h"

namespace omni::cpu {

void plan_random_uniform(Planner& p, int id);
void plan_random_normal(Planner& p, int id);

}  // namespace omni::cpu
