// oneDNN's primitives from memory descriptors and attributes, alike for its versions 2.6 and 3. Who
// includes this uses of dnnl.hpp only what the two have in common.
#pragma once

#include <dnnl.hpp>
#include <memory>
#include <string>

#include "base/memory.h"

namespace omni::cpu::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;

// The descriptor of a primitive, made for the first of the implementations that next_impl() goes
// through. Copies share their place among them. Version 2 reads the description of the operation
// there, so that lives as long.
template <class Primitive>
struct Plan : Primitive::primitive_desc {
  std::shared_ptr<const void> operation;
};

// oneDNN does not bear to be refused memory for a description or for the code that it writes: it
// follows a null pointer. So more than either takes must be there the moment before.
inline constexpr int64_t kMostOfAPrimitive = int64_t{16} << 20;

// The primitive that was planned. Throws std::bad_alloc.
template <class Primitive>
Primitive create(const typename Primitive::primitive_desc& plan) {
  require_memory(kMostOfAPrimitive);
  return Primitive(plan);
}

// All operations throw std::bad_alloc, and dnnl::error where there is no implementation on this
// processor. A bias without axes (Desc()) stands for none.

// out [.., m, n] = a [.., m, k] b [.., k, n] + bias [.., 1, n]
Plan<dnnl::matmul> matmul(const dnnl::engine& engine, const Desc& a, const Desc& b,
                          const Desc& bias, const Desc& out,
                          const dnnl::primitive_attr& attributes);

// Images x [N, I, H, W] and y [N, O, H', W'], kernel w [O, I, kh, kw], bias [O]; dilation counts
// the gaps between taps, padding stands on both sides.
struct Convolution {
  Desc x, w, bias, y;
  Dims stride, dilation, padding;
};

Plan<dnnl::convolution_forward> convolution(const dnnl::engine& engine, dnnl::prop_kind kind,
                                            const Convolution& c,
                                            const dnnl::primitive_attr& attributes);
// Gradients, where c holds the descriptors of the gradients of what is named; `forward` is of the
// same shape.
Plan<dnnl::convolution_backward_data> convolution_input_gradient(
    const dnnl::engine& engine, const Convolution& c,
    const dnnl::convolution_forward::primitive_desc& forward,
    const dnnl::primitive_attr& attributes);
Plan<dnnl::convolution_backward_weights> convolution_weight_gradient(
    const dnnl::engine& engine, const Convolution& c,
    const dnnl::convolution_forward::primitive_desc& forward,
    const dnnl::primitive_attr& attributes);

#if DNNL_VERSION_MAJOR < 3
using PoolingForward = dnnl::pooling_v2_forward;
using PoolingBackward = dnnl::pooling_v2_backward;
#else
using PoolingForward = dnnl::pooling_forward;
using PoolingBackward = dnnl::pooling_backward;
#endif

// Largest value of each window of y; windows lie side by side.
Plan<PoolingForward> max_pooling(const dnnl::engine& engine, const Desc& x, const Desc& y,
                                 const Dims& window, const dnnl::primitive_attr& attributes);
Plan<PoolingBackward> max_pooling_gradient(const dnnl::engine& engine, const Desc& x, const Desc& y,
                                           const Dims& window,
                                           const PoolingForward::primitive_desc& forward,
                                           const dnnl::primitive_attr& attributes);

void append_eltwise(dnnl::post_ops& post, dnnl::algorithm function, float alpha, float beta);

Dims dims(const Desc& desc);
dnnl::memory::data_type data_type(const Desc& desc);

std::string version();       // of the library that is loaded, "2.6.3"
std::string instructions();  // that it uses on this processor at most, "AVX-512 with AMX"
// Whether it multiplies matrices and convolves images in bf16 on this processor, gradients too.
bool has_bf16();
// Whether it does so in less time than in f32.
bool multiplies_bf16_faster();

}  // namespace omni::cpu::onednn
