// What this machine is, for records and for the default number of threads.
#pragma once

#include <string>

namespace omni {

// "AMD EPYC 9B45, 2 cores, avx512_bf16": processor, cores this process may use, instruction set.
std::string machine_description();

// Cores for this process: those it may run on, at most the quota of its control groups (rounded up).
int available_cores();
std::string processor_name();
std::string instruction_set();  // the widest that matters here: "avx512", "avx2", "neon", ...

}  // namespace omni
