// How fast the processor's cores multiply and add at most, in f32: what no step can exceed.
#pragma once

namespace omni::bench {

// Multiplies and adds in registers for some tens of microseconds, all units busy; returns the
// floating-point operations that this was.
double multiply_and_add();

}  // namespace omni::bench
