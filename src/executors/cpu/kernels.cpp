#include "executors/cpu/kernels.h"

#include "cpu/onednn.h"

namespace omni {

std::string kernel_library() { return "oneDNN " + cpu::onednn::version(); }

}  // namespace omni
