// What it means that oneDNN makes no plan.
#pragma once

namespace omni {

// Throws what a dnnl::error of this status stands for: std::bad_alloc where memory ran out, else
// Bug, with the status by name and oneDNN's own words.
[[noreturn]] void fail_plan(int status, const char* words);

}  // namespace omni
