// The kernels of elementwise_table.h: BlockKernel of cpu/op_plan.h. Each follows its op's value to
// about two units in the last place; bits depend on the element's value alone, never on its place
// in the block. Single values are read at [0] alone.
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/elementwise_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "ops/elementwise_functions-inl.h"

#define OMNI_VECTOR(x) V x

HWY_BEFORE_NAMESPACE();
namespace omni::block {
namespace HWY_NAMESPACE {

#define OMNI_ELEMENTWISE(name, inputs, value, vector, ...)                                   \
  void name(const float* const* in, float* out, int64_t n) {                                 \
    map<OMNI_COUNT(inputs)>(in, out, n,                                                      \
                            [](OMNI_EACH(OMNI_VECTOR, inputs)) HWY_ATTR { return vector; }); \
  }
#define OMNI_OPTIMIZER_STEP(name, inputs, singles, value, vector, ...)                             \
  void name(const float* const* in, float* out, int64_t n) {                                       \
    map_step<OMNI_COUNT(inputs), OMNI_COUNT(singles)>(                                             \
        in, out, n, [](OMNI_EACH(OMNI_VECTOR, inputs), OMNI_EACH(OMNI_VECTOR, singles)) HWY_ATTR { \
          return vector;                                                                           \
        });                                                                                        \
  }
#include "ops/elementwise_table.h"

// Towards zero within the range of an i32; the runner's store then has nothing left to decide.
void to_i32(const float* const* in, float* out, int64_t n) {
  map<1>(in, out, n, [](V x) HWY_ATTR {
    const V inside = hn::Min(hn::Max(x, set(-0x1p31f)), set(0x1p31f));
    return hn::IfThenZeroElse(hn::IsNaN(x), hn::Trunc(inside));
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace omni::block
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni::block {

// The entry that picks the instruction set at run time.
#define OMNI_ELEMENTWISE(name, ...)                          \
  HWY_EXPORT(name);                                          \
  void name(const float* const* in, float* out, int64_t n) { \
    HWY_DYNAMIC_DISPATCH(name)(in, out, n);                  \
  }
#define OMNI_OPTIMIZER_STEP OMNI_ELEMENTWISE
#include "ops/elementwise_table.h"

HWY_EXPORT(to_i32);
void to_i32(const float* const* in, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(to_i32)(in, out, n);
}

}  // namespace omni::block
#endif
