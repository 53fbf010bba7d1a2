// In which precisions this machine computes.
#pragma once

#include "engine/program.h"

namespace omni {

// All have f32; bf16 needs a processor for which oneDNN has its products, and DNNL_MAX_CPU_ISA can
// take it away.
bool is_available(Precision p);
void require_available(Precision p);  // UserError with what the machine has

}  // namespace omni
