#include "cpu/onednn.h"

#include <fmt/format.h>

#include <new>
#include <tuple>

#include "base/memory.h"

namespace omni::cpu::onednn {
namespace {

constexpr auto kDirect = dnnl::algorithm::convolution_direct;
constexpr auto kMax = dnnl::algorithm::pooling_max;

// What describes the operation goes in the same order into version 2's description and into version
// 3's descriptor; `hint` is empty or the forward primitive's descriptor.
template <class Primitive, class Hint, class... Operation>
Plan<Primitive> make(const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                     const Hint& hint, const Operation&... operation) {
  require_memory(kMostOfAPrimitive);
  return std::apply(
      [&](const auto&... forward) -> Plan<Primitive> {
        using Made = typename Primitive::primitive_desc;
#if DNNL_VERSION_MAJOR < 3
        const auto described = std::make_shared<const typename Primitive::desc>(operation...);
        return {Made(*described, attributes, engine, forward...), described};
#else
        return {Made(engine, operation..., forward..., attributes), nullptr};
#endif
      },
      hint);
}

}  // namespace

Plan<dnnl::matmul> matmul(const dnnl::engine& engine, const Desc& a, const Desc& b,
                          const Desc& bias, const Desc& out,
                          const dnnl::primitive_attr& attributes) {
  if (bias.is_zero()) return make<dnnl::matmul>(engine, attributes, std::tuple(), a, b, out);
  return make<dnnl::matmul>(engine, attributes, std::tuple(), a, b, bias, out);
}

Plan<dnnl::convolution_forward> convolution(const dnnl::engine& engine, dnnl::prop_kind kind,
                                            const Convolution& c,
                                            const dnnl::primitive_attr& attributes) {
  using Forward = dnnl::convolution_forward;
  if (c.bias.is_zero())
    return make<Forward>(engine, attributes, std::tuple(), kind, kDirect, c.x, c.w, c.y, c.stride,
                         c.dilation, c.padding, c.padding);
  return make<Forward>(engine, attributes, std::tuple(), kind, kDirect, c.x, c.w, c.bias, c.y,
                       c.stride, c.dilation, c.padding, c.padding);
}

Plan<dnnl::convolution_backward_data> convolution_input_gradient(
    const dnnl::engine& engine, const Convolution& c,
    const dnnl::convolution_forward::primitive_desc& forward,
    const dnnl::primitive_attr& attributes) {
  return make<dnnl::convolution_backward_data>(engine, attributes, std::tie(forward), kDirect, c.x,
                                               c.w, c.y, c.stride, c.dilation, c.padding,
                                               c.padding);
}

Plan<dnnl::convolution_backward_weights> convolution_weight_gradient(
    const dnnl::engine& engine, const Convolution& c,
    const dnnl::convolution_forward::primitive_desc& forward,
    const dnnl::primitive_attr& attributes) {
  return make<dnnl::convolution_backward_weights>(engine, attributes, std::tie(forward), kDirect,
                                                  c.x, c.w, c.y, c.stride, c.dilation, c.padding,
                                                  c.padding);
}

Plan<PoolingForward> max_pooling(const dnnl::engine& engine, const Desc& x, const Desc& y,
                                 const Dims& window, const dnnl::primitive_attr& attributes) {
  const Dims none(window.size());
  return make<PoolingForward>(engine, attributes, std::tuple(), dnnl::prop_kind::forward_training,
                              kMax, x, y, window, window, none, none, none);
}

Plan<PoolingBackward> max_pooling_gradient(const dnnl::engine& engine, const Desc& x, const Desc& y,
                                           const Dims& window,
                                           const PoolingForward::primitive_desc& forward,
                                           const dnnl::primitive_attr& attributes) {
  const Dims none(window.size());
  return make<PoolingBackward>(engine, attributes, std::tie(forward), kMax, x, y, window, window,
                               none, none, none);
}

void append_eltwise(dnnl::post_ops& post, dnnl::algorithm function, float alpha, float beta) {
#if DNNL_VERSION_MAJOR < 3
  post.append_eltwise(1.f, function, alpha, beta);
#else
  post.append_eltwise(function, alpha, beta);
#endif
}

Dims dims(const Desc& desc) {
#if DNNL_VERSION_MAJOR < 3
  return desc.dims();
#else
  return desc.get_dims();
#endif
}

dnnl::memory::data_type data_type(const Desc& desc) {
#if DNNL_VERSION_MAJOR < 3
  return desc.data_type();
#else
  return desc.get_data_type();
#endif
}

std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("{}.{}.{}", v->major, v->minor, v->patch);
}

std::string instructions() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 with VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 with VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 with bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX-512 with AMX";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl::cpu_isa::avx2_vnni_2:
      return "AVX2 with VNNI and bf16";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "AVX-512 with fp16";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "AVX-512 with AMX and fp16";
#endif
    default:
      return fmt::format("number {}", static_cast<int>(isa));
  }
}

bool has_bf16() {
  static const bool has = [] {
    const auto array = [](const Dims& dims, dnnl::memory::format_tag layout) {
      return Desc(dims, dnnl::memory::data_type::bf16, layout);
    };
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const dnnl::primitive_attr plain;
    const Desc square = array({16, 16}, dnnl::memory::format_tag::ab);
    const auto any = dnnl::memory::format_tag::any;
    const Convolution c{array({1, 16, 8, 8}, any),
                        array({16, 16, 3, 3}, any),
                        Desc(),
                        array({1, 16, 6, 6}, any),
                        {1, 1},
                        {0, 0},
                        {0, 0}};
    try {
      matmul(engine, square, square, Desc(), square, plain);
      const auto forward = convolution(engine, dnnl::prop_kind::forward_training, c, plain);
      convolution_input_gradient(engine, c, forward, plain);
      convolution_weight_gradient(engine, c, forward, plain);
    } catch (const dnnl::error& e) {
      if (e.status == dnnl_unimplemented) return false;
      if (e.status == dnnl_out_of_memory) throw std::bad_alloc();
      throw;
    }
    return true;
  }();
  return has;
}

// AMX has tiles for it. AMD's cores (Zen 4 on) do twice the bf16 products of f32 ones in a cycle.
// Intel's without AMX do half as many instructions of twice as many products, and products of small
// matrices took 1.8 times those of f32 (Emerald Rapids, oneDNN 2.6).
bool multiplies_bf16_faster() {
  const std::string used = instructions();
  if (used.find("AMX") != used.npos) return has_bf16();
#if defined(__x86_64__)
  return __builtin_cpu_is("amd") && (used.ends_with("bf16") || used.ends_with("fp16")) &&
         has_bf16();
#else
  return false;  // not measured
#endif
}

}  // namespace omni::cpu::onednn
