// Whose kernels compute, for records: bits may differ between versions.
#pragma once

#include <string>

namespace omni {

std::string kernel_library();  // "oneDNN 2.6.3", the one that is loaded

}  // namespace omni
