#include "engine/available.h"

#include "base/error.h"
#include "cpu/onednn.h"

namespace omni {

bool is_available(Precision p) { return p == Precision::f32 || cpu::onednn::has_bf16(); }

void require_available(Precision p) {
  require(is_available(p),
          "bf16 needs a processor for which oneDNN has it, such as one with AVX-512; of this one "
          "oneDNN uses {} at most. Use f32 precision",
          cpu::onednn::instructions());
}

}  // namespace omni
