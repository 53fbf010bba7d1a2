#include <omp.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>

#include "bench/onednn.h"
#include "cpu/onednn.h"

namespace omni::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto kF32 = memory::data_type::f32;
constexpr auto kForward = dnnl::prop_kind::forward_training;

// A primitive and the descriptors of its arguments, by DNNL_ARG_...
struct Candidate {
  dnnl::primitive primitive;
  std::vector<std::pair<int, memory::desc>> arguments;
};

void add(Primitives& p, const Candidate& c) {
  Primitives::Arguments arguments;
  for (const auto& [name, desc] : c.arguments) arguments.insert({name, p.memory(desc)});
  p.add(c.primitive, std::move(arguments));
}

double run_us(const Candidate& c) {
  using Clock = std::chrono::steady_clock;
  Primitives alone;
  add(alone, c);
  alone.run();
  double best = std::numeric_limits<double>::max();
  for (int r = 0; r < 5; ++r) {
    const auto begin = Clock::now();
    alone.run();
    best = std::min(best, std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  return best;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr a;
  a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return a;
}

// Keeps the fastest of the optimised implementations that `make` offers for each layout.
class Choice {
 public:
  template <class Plan, class Describe>
  void offer(Plan plan, Describe describe) {
    do {
      if (!std::string(plan.impl_info_str()).starts_with("ref")) {
        Candidate c = describe(plan);
        c.arguments.push_back({DNNL_ARG_SCRATCHPAD, plan.scratchpad_desc()});
        if (const double us = run_us(c); us < best_us_) best_us_ = us, best_ = std::move(c);
      }
    } while (plan.next_impl());
  }
  const Candidate& best() const { return best_.value(); }

 private:
  std::optional<Candidate> best_;
  double best_us_ = std::numeric_limits<double>::max();
};

struct Conv {
  int64_t batch, in, out, side;

  cpu::onednn::Convolution with(Tag tx, Tag ty) const {
    return {.x = {{batch, in, side, side}, kF32, tx},
            .w = {{out, in, 3, 3}, kF32, Tag::any},
            .bias = {},
            .y = {{batch, out, side, side}, kF32, ty},
            .stride = {1, 1},
            .dilation = {0, 0},
            .padding = {1, 1}};
  }
};

void add_conv(Primitives& p, const Conv& c, bool input_gradient) {
  Choice forward, data, weights;
  for (const auto& [tx, ty] :
       {std::pair{Tag::nhwc, Tag::nhwc}, {Tag::any, Tag::any}, {Tag::nchw, Tag::nChw16c}}) {
    const auto shape = c.with(tx, ty);
    const auto planned = [&] {
      return cpu::onednn::convolution(p.engine(), kForward, shape, attributes());
    };
    const auto hint = planned();
    forward.offer(planned(), [](auto& q) -> Candidate {
      return {dnnl::convolution_forward(q),
              {{DNNL_ARG_SRC, q.src_desc()},
               {DNNL_ARG_WEIGHTS, q.weights_desc()},
               {DNNL_ARG_DST, q.dst_desc()}}};
    });
    weights.offer(cpu::onednn::convolution_weight_gradient(p.engine(), shape, hint, attributes()),
                  [](auto& q) -> Candidate {
                    return {dnnl::convolution_backward_weights(q),
                            {{DNNL_ARG_SRC, q.src_desc()},
                             {DNNL_ARG_DIFF_DST, q.diff_dst_desc()},
                             {DNNL_ARG_DIFF_WEIGHTS, q.diff_weights_desc()}}};
                  });
    if (!input_gradient) continue;
    data.offer(cpu::onednn::convolution_input_gradient(p.engine(), shape, hint, attributes()),
               [](auto& q) -> Candidate {
                 return {dnnl::convolution_backward_data(q),
                         {{DNNL_ARG_DIFF_DST, q.diff_dst_desc()},
                          {DNNL_ARG_WEIGHTS, q.weights_desc()},
                          {DNNL_ARG_DIFF_SRC, q.diff_src_desc()}}};
               });
  }
  add(p, forward.best());
  add(p, weights.best());
  if (input_gradient) add(p, data.best());
}

void add_pool(Primitives& p, int64_t batch, int64_t channels, int64_t side) {
  const memory::dims two = {2, 2};
  Choice forward, backward;
  for (const Tag t : {Tag::nhwc, Tag::nChw16c}) {
    const memory::desc x({batch, channels, side, side}, kF32, t);
    const memory::desc y({batch, channels, side / 2, side / 2}, kF32, t);
    const auto planned = [&] {
      return cpu::onednn::max_pooling(p.engine(), x, y, two, attributes());
    };
    const auto hint = planned();
    forward.offer(planned(), [&](auto& q) -> Candidate {
      return {cpu::onednn::PoolingForward(q),
              {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}, {DNNL_ARG_WORKSPACE, q.workspace_desc()}}};
    });
    backward.offer(cpu::onednn::max_pooling_gradient(p.engine(), x, y, two, hint, attributes()),
                   [&](auto& q) -> Candidate {
                     return {cpu::onednn::PoolingBackward(q),
                             {{DNNL_ARG_DIFF_DST, y},
                              {DNNL_ARG_DIFF_SRC, x},
                              {DNNL_ARG_WORKSPACE, q.workspace_desc()}}};
                   });
  }
  add(p, forward.best());
  add(p, backward.best());
}

// [m, k] x [k, n], each operand as it lies best.
void add_product(Primitives& p, int64_t m, int64_t k, int64_t n) {
  Choice choice;
  for (const Tag ta : {Tag::ab, Tag::ba})
    for (const Tag tb : {Tag::ab, Tag::ba}) {
      const memory::desc a({m, k}, kF32, ta), b({k, n}, kF32, tb), out({m, n}, kF32, Tag::ab);
      choice.offer(cpu::onednn::matmul(p.engine(), a, b, {}, out, attributes()),
                   [](auto& q) -> Candidate {
                     return {dnnl::matmul(q),
                             {{DNNL_ARG_SRC, q.src_desc()},
                              {DNNL_ARG_WEIGHTS, q.weights_desc()},
                              {DNNL_ARG_DST, q.dst_desc()}}};
                   });
    }
  add(p, choice.best());
}

}  // namespace

ConvNetStep::ConvNetStep(int64_t batch, bool with_pooling) {
  omp_set_num_threads(1);
  add_conv(primitives_, {batch, 1, 16, 28}, false);
  add_conv(primitives_, {batch, 16, 32, 14}, true);
  constexpr int64_t kFeatures = 1568, kOut = 10;
  add_product(primitives_, batch, kFeatures, kOut);  // logits
  add_product(primitives_, kOut, batch, kFeatures);  // weight gradient
  add_product(primitives_, batch, kOut, kFeatures);  // input gradient
  if (!with_pooling) return;
  add_pool(primitives_, batch, 16, 28);
  add_pool(primitives_, batch, 32, 14);
}

}  // namespace omni::bench
