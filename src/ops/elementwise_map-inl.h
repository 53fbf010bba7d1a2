// Runs a function of vectors over a block. Compiled once per instruction set, like all -inl.h files
// of Highway's users.
#if defined(OMNI_OPS_ELEMENTWISE_MAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OMNI_OPS_ELEMENTWISE_MAP_INL_H_
#undef OMNI_OPS_ELEMENTWISE_MAP_INL_H_
#else
#define OMNI_OPS_ELEMENTWISE_MAP_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstring>
#include <utility>

HWY_BEFORE_NAMESPACE();
namespace omni::block {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V set(float x) { return hn::Set(D(), x); }

// What is left over after whole vectors goes through whole vectors, too, so that an element's bits
// do not depend on where blocks end.
//
// kAhead > 0 asks for the first input's cache lines that many elements ahead, be it past this
// block: for what is updated in place and comes from beyond the L2 cache. The hardware's own
// prefetching starts anew on each page of 4 KiB, which is a block.
template <int kAhead, class Function, size_t... k>
HWY_INLINE void map_inputs(const float* const* in, float* out, int64_t n, Function f,
                           std::index_sequence<k...>) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float* const from[] = {in[k]...};  // or they would be read again after every store
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    if constexpr (kAhead > 0) hwy::Prefetch(from[0] + i + kAhead);
    hn::StoreU(f(hn::LoadU(d, from[k] + i)...), d, out + i);
  }
  if (i >= n) return;
  const size_t bytes = static_cast<size_t>(n - i) * sizeof(float);
  HWY_ALIGN float rest[sizeof...(k)][hn::MaxLanes(D())] = {};
  (std::memcpy(rest[k], from[k] + i, bytes), ...);
  hn::StoreU(f(hn::LoadU(d, rest[k])...), d, rest[0]);
  std::memcpy(out + i, rest[0], bytes);
}

template <int kInputs, int kAhead = 0, class Function>
HWY_INLINE void map(const float* const* in, float* out, int64_t n, Function f) {
  map_inputs<kAhead>(in, out, n, f, std::make_index_sequence<kInputs>());
}

}  // namespace HWY_NAMESPACE
}  // namespace omni::block
HWY_AFTER_NAMESPACE();

// Kernels of one, two and three inputs called a, b, c.
#define OMNI_BLOCK1(Name, expression)                            \
  void Name(const float* const* in, float* out, int64_t n) {     \
    map<1>(in, out, n, [](V a) HWY_ATTR { return expression; }); \
  }
#define OMNI_BLOCK2(Name, expression)                                 \
  void Name(const float* const* in, float* out, int64_t n) {          \
    map<2>(in, out, n, [](V a, V b) HWY_ATTR { return expression; }); \
  }
#define OMNI_BLOCK3(Name, expression)                                      \
  void Name(const float* const* in, float* out, int64_t n) {               \
    map<3>(in, out, n, [](V a, V b, V c) HWY_ATTR { return expression; }); \
  }
// The entry that picks the instruction set at run time.
#define OMNI_BLOCK_ENTRY(name, Name)                         \
  HWY_EXPORT(Name);                                          \
  void name(const float* const* in, float* out, int64_t n) { \
    HWY_DYNAMIC_DISPATCH(Name)(in, out, n);                  \
  }

#endif
