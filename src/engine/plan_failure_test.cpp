#include "engine/plan_failure.h"

#include <gtest/gtest.h>

#include <new>

#include "base/error.h"
#include "cpu/planner.h"
#include "engine/available.h"

namespace omni {
namespace {

TEST(PlanFailure, MissingInstructionsAreNamedOnlyWhereTheyAreTheReason) {
  for (const Precision p : {Precision::f32, Precision::bf16}) {
    EXPECT_THROW(fail_plan(dnnl_out_of_memory, "no memory", p), std::bad_alloc);
    for (const int status : {int{dnnl_invalid_arguments}, int{dnnl_runtime_error}, 99})
      EXPECT_THROW(fail_plan(status, "no", p), Bug) << status;
  }
  EXPECT_THROW(fail_plan(dnnl_unimplemented, "no", Precision::f32), Bug);
  if (is_available(Precision::bf16)) {
    EXPECT_THROW(fail_plan(dnnl_unimplemented, "no", Precision::bf16), Bug);
  } else {
    EXPECT_THROW(fail_plan(dnnl_unimplemented, "no", Precision::bf16), UserError);
  }
  try {
    fail_plan(dnnl_runtime_error, "could not create a primitive", Precision::bf16);
  } catch (const Bug& e) {
    EXPECT_STREQ(e.what(), "oneDNN makes no plan (runtime error): could not create a primitive");
  }
}

}  // namespace
}  // namespace omni
