// What this machine is, for records and for the default number of threads.
#pragma once

#include <string>

namespace omni {

// "AMD EPYC 9B45, 2 cores, avx512_bf16": processor, cores this process may use, instruction set.
std::string machine_description();

int available_cores();        // that this process may run on; at least 1
std::string processor_name();
std::string instruction_set();  // the widest that matters here: "avx512", "avx2", "neon", ...

}  // namespace omni
