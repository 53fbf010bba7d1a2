// Convolutions on one core, by oneDNN. Images stay channels-last and are never copied; kernels,
// which are small, are reordered within the step to the layout that the primitive prefers.
//
// Measured with oneDNN 2.6.3 on one Sapphire Rapids core in f32, 3x3 kernels, 16 -> 32 channels on
// 128 images of 14x14 (forward, input gradient, weight gradient): channels-last 1.68 / 1.73 / 1.73
// ms, blocked layouts 1.64 / 1.69 / 1.80 ms and another 0.46 ms to go there and back.
#include <string>

#include "cpu/onednn.h"
#include "cpu/planner.h"
#include "ops/conv.h"

namespace omni::ops {
namespace {

namespace onednn = cpu::onednn;
using dnnl::memory;
using onednn::Convolution;

memory::desc images(const Shape& s, DType stored) {
  return {{s[0], s[3], s[1], s[2]}, cpu::Planner::data_type(stored), memory::format_tag::nhwc};
}

memory::desc kernel(const Shape& s, memory::data_type type, memory::format_tag layout) {
  return {s.dims(), type, layout};
}

// The layout of the kernel is left to the primitive.
Convolution convolution(const Node& n, memory::desc x, const Shape& w, memory::data_type w_type,
                        memory::desc bias, memory::desc y) {
  memory::dims dilation = n.attrs.list("dilation");
  for (int64_t& d : dilation) --d;  // oneDNN counts the gaps
  return {.x = std::move(x),
          .w = kernel(w, w_type, memory::format_tag::any),
          .bias = std::move(bias),
          .y = std::move(y),
          .stride = n.attrs.list("stride"),
          .dilation = std::move(dilation),
          .padding = n.attrs.list("padding")};
}

// The first implementation on oneDNN's list unless its name contains `avoid` and the next that does
// not is another one made for this instruction set. `make` builds the primitive's descriptor.
template <class Make>
auto choose(Make make, const std::string& avoid) {
  auto candidate = make();
  if (avoid.empty()) return candidate;
  do {
    const std::string name = candidate.impl_info_str();
    if (name.find(avoid) != std::string::npos) continue;
    if (name.starts_with("jit")) return candidate;
    break;
  } while (candidate.next_impl());
  return make();
}

// A primitive with at most one operand reordered before it or after it, all of whose memories are
// found anew in each run.
class ConvolutionStep {
 public:
  explicit ConvolutionStep(cpu::Planner& p) : engine_(p.engine()), stream_(p.engine()) {}

  // A memory at a node's value, or at `offset` of the step's scratch memory.
  memory at_node(cpu::Planner& p, int id, const memory::desc& desc) {
    return bind(desc, cpu::Cell<char>(p.address(id)), 0);
  }
  memory at_scratch(cpu::Planner& p, const memory::desc& desc) {
    const int64_t offset = scratch_bytes_;
    scratch_bytes_ += round_up(static_cast<int64_t>(desc.get_size()), kAlignment);
    return bind(desc, p.scratch(scratch_bytes_), offset);
  }

  // `outside` when the primitive likes its layout, else its stand-in in scratch memory.
  memory read(cpu::Planner& p, const memory& outside, const memory::desc& wanted) {
    if (outside.get_desc() == wanted) return outside;
    const memory inside = at_scratch(p, wanted);
    add(reorder(outside, inside), {{DNNL_ARG_FROM, outside}, {DNNL_ARG_TO, inside}});
    return inside;
  }
  void add_write(const memory& inside, const memory& outside) {
    if (inside.get() == outside.get()) return;
    add(reorder(inside, outside), {{DNNL_ARG_FROM, inside}, {DNNL_ARG_TO, outside}});
  }
  void add(dnnl::primitive primitive, std::unordered_map<int, memory> arguments) {
    calls_.push_back({std::move(primitive), std::move(arguments)});
  }

  void operator()() {
    for (Bound& b : bound_)
      if (char* data = b.cell.get() + b.offset; data != b.last) {
        b.last = data;
        b.memory.set_data_handle(data);
      }
    for (const Call& c : calls_) c.primitive.execute(stream_, c.arguments);
  }

 private:
  struct Bound {
    dnnl::memory memory;
    cpu::Cell<char> cell;
    int64_t offset;
    char* last = nullptr;  // set_data_handle only when the place changed
  };
  struct Call {
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
  };

  memory bind(const memory::desc& desc, cpu::Cell<char> cell, int64_t offset) {
    memory m(desc, engine_, nullptr);
    bound_.push_back({m, cell, offset});
    return m;
  }
  static dnnl::primitive reorder(const memory& from, const memory& to) {
    return onednn::create<dnnl::reorder>({from, to, cpu::Planner::attributes()});
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Bound> bound_;
  std::vector<Call> calls_;
  int64_t scratch_bytes_ = 0;
};

// Of f32 kernels brgconv comes first on the list, but the older one is faster on small images (80
// against 162 us for 1 -> 16 channels on 28x28, 401 against 458 us for 16 -> 32 on 14x14).
// With one input channel tiles are nearly empty, too (bf16: 252 against 295 us).
std::string slow_forward(const memory::desc& x) {
  const bool narrow = onednn::dims(x)[1] == 1;
  return onednn::data_type(x) == memory::data_type::f32 || narrow ? "brgconv" : "";
}

// bf16 weight gradients of one input channel: 136 us without tiles, 293 us with.
std::string slow_weight_gradient(const memory::desc& x) {
  return onednn::data_type(x) == memory::data_type::bf16 && onednn::dims(x)[1] == 1 ? "amx" : "";
}

constexpr auto kDense = memory::format_tag::oihw;

// What backward primitives are made after; only shapes matter in it.
dnnl::convolution_forward::primitive_desc hint(cpu::Planner& p, Convolution c, DType stored) {
  for (memory::desc* d : {&c.x, &c.w, &c.y})
    *d = {onednn::dims(*d), cpu::Planner::data_type(stored), memory::format_tag::any};
  return onednn::convolution(p.engine(), dnnl::prop_kind::forward_training, c, {});
}

}  // namespace

void plan_conv2d(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Type &x = p.type(n.in[0]), &w = p.type(n.in[1]);
  const Epilogue epilogue = p.epilogue(id);
  const auto stored = cpu::Planner::data_type(w.dtype);
  memory::desc bias;
  if (epilogue.bias >= 0)
    bias = {{n.type.shape[3]}, cpu::Planner::data_type(p.dtype(epilogue.bias)),
            memory::format_tag::a};
  const Convolution c = convolution(n, images(x.shape, x.dtype), w.shape, stored, bias,
                                    images(n.type.shape, p.dtype(epilogue.output)));
  const dnnl::primitive_attr attributes = cpu::Planner::attributes(epilogue.relu);
  const auto plan = choose(
      [&] {
        return onednn::convolution(p.engine(), dnnl::prop_kind::forward_inference, c, attributes);
      },
      slow_forward(c.x));

  ConvolutionStep step(p);
  const memory weights = step.at_node(p, n.in[1], kernel(w.shape, stored, kDense));
  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, step.at_node(p, n.in[0], c.x)},
      {DNNL_ARG_WEIGHTS, step.read(p, weights, plan.weights_desc())},
      {DNNL_ARG_DST, step.at_node(p, epilogue.output, c.y)},
      {DNNL_ARG_SCRATCHPAD, step.at_scratch(p, plan.scratchpad_desc())}};
  if (epilogue.bias >= 0) arguments[DNNL_ARG_BIAS] = step.at_node(p, epilogue.bias, bias);
  step.add(onednn::create<dnnl::convolution_forward>(plan), std::move(arguments));
  p.step(id, std::move(step));
}

void plan_conv2d_input_gradient(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Type &dy = p.type(n.in[0]), &w = p.type(n.in[1]);
  const auto stored = cpu::Planner::data_type(w.dtype);
  const Convolution c = convolution(n, images(n.type.shape, p.dtype(id)), w.shape, stored, {},
                                    images(dy.shape, dy.dtype));
  const auto plan = onednn::convolution_input_gradient(p.engine(), c, hint(p, c, w.dtype),
                                                       cpu::Planner::attributes());

  ConvolutionStep step(p);
  const memory weights = step.at_node(p, n.in[1], kernel(w.shape, stored, kDense));
  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_DIFF_DST, step.at_node(p, n.in[0], c.y)},
      {DNNL_ARG_WEIGHTS, step.read(p, weights, plan.weights_desc())},
      {DNNL_ARG_DIFF_SRC, step.at_node(p, id, c.x)},
      {DNNL_ARG_SCRATCHPAD, step.at_scratch(p, plan.scratchpad_desc())}};
  step.add(onednn::create<dnnl::convolution_backward_data>(plan), std::move(arguments));
  p.step(id, std::move(step));
}

// The sum over the batch is kept in f32 until it is stored.
void plan_conv2d_weight_gradient(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Type &x = p.type(n.in[0]), &dy = p.type(n.in[1]);
  const Convolution c = convolution(n, images(x.shape, x.dtype), n.type.shape,
                                    memory::data_type::f32, {}, images(dy.shape, dy.dtype));
  const auto forward = hint(p, c, x.dtype);
  const auto plan = choose(
      [&] {
        return onednn::convolution_weight_gradient(p.engine(), c, forward,
                                                   cpu::Planner::attributes());
      },
      slow_weight_gradient(c.x));

  ConvolutionStep step(p);
  const memory outside = step.at_node(
      p, id, kernel(n.type.shape, cpu::Planner::data_type(p.dtype(id)), kDense));
  const memory::desc wanted = plan.diff_weights_desc();
  const memory inside = outside.get_desc() == wanted ? outside : step.at_scratch(p, wanted);
  step.add(onednn::create<dnnl::convolution_backward_weights>(plan),
           {{DNNL_ARG_SRC, step.at_node(p, n.in[0], c.x)},
            {DNNL_ARG_DIFF_DST, step.at_node(p, n.in[1], c.y)},
            {DNNL_ARG_DIFF_WEIGHTS, inside},
            {DNNL_ARG_SCRATCHPAD, step.at_scratch(p, plan.scratchpad_desc())}});
  step.add_write(inside, outside);
  p.step(id, std::move(step));
}

}  // namespace omni::ops
