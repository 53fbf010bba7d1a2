#include "executors/cpu/plan_failure.h"

#include <gtest/gtest.h>

#include <new>

#include "base/error.h"
#include "cpu/planner.h"

namespace omni {
namespace {

TEST(PlanFailure, IsAFaultOfTheProgramUnlessMemoryRanOut) {
  EXPECT_THROW(fail_plan(dnnl_out_of_memory, "no memory"), std::bad_alloc);
  for (const int status : {int{dnnl_invalid_arguments}, int{dnnl_unimplemented},
                           int{dnnl_runtime_error}, 99})
    EXPECT_THROW(fail_plan(status, "no"), Bug) << status;
  try {
    fail_plan(dnnl_runtime_error, "could not create a primitive");
  } catch (const Bug& e) {
    EXPECT_STREQ(e.what(), "oneDNN makes no plan (runtime error): could not create a primitive");
  }
}

}  // namespace
}  // namespace omni
