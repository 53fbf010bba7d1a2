#include "executors/cpu/plan_failure.h"

#include <new>

#include "base/error.h"
#include "cpu/planner.h"

namespace omni {
namespace {

std::string name_of_status(int status) {
  switch (status) {
    case dnnl_invalid_arguments:
      return "invalid arguments";
    case dnnl_unimplemented:
      return "unimplemented";
    case dnnl_runtime_error:
      return "runtime error";
    case dnnl_not_required:
      return "not required";
    default:
      return fmt::format("status {}", status);
  }
}

}  // namespace

void fail_plan(int status, const char* words) {
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  throw Bug(fmt::format("oneDNN makes no plan ({}): {}", name_of_status(status), words));
}

}  // namespace omni
