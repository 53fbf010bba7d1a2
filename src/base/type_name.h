// Types by the names that they have in C++, for messages.
#pragma once

#include <string>
#include <typeinfo>

namespace omni {

// "omni::Casino": as it is written, without "(anonymous namespace)::".
std::string type_name(const std::type_info& type);

}  // namespace omni
