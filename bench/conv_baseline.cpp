#include <omp.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>

#include "bench/onednn.h"

namespace omni::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto kF32 = memory::data_type::f32;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;
constexpr auto kForward = dnnl::prop_kind::forward_training;
const memory::dims kOne = {1, 1};

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

  memory::desc x(Tag t) const { return {{batch, in, side, side}, kF32, t}; }
  memory::desc y(Tag t) const { return {{batch, out, side, side}, kF32, t}; }
  memory::desc w() const { return {{out, in, 3, 3}, kF32, Tag::any}; }
};

void add_conv(Primitives& p, const Conv& c, bool input_gradient) {
  Choice forward, data, weights;
  for (const auto& [tx, ty] :
       {std::pair{Tag::nhwc, Tag::nhwc}, {Tag::any, Tag::any}, {Tag::nchw, Tag::nChw16c}}) {
    // next_impl() reads the descriptors, which therefore stay here.
    const dnnl::convolution_forward::desc f(kForward, kDirect, c.x(tx), c.w(), c.y(ty), kOne, kOne,
                                            kOne);
    using Forward = dnnl::convolution_forward::primitive_desc;
    const Forward hint(f, attributes(), p.engine());
    forward.offer(hint, [](Forward& q) -> Candidate {
      return {dnnl::convolution_forward(q),
              {{DNNL_ARG_SRC, q.src_desc()},
               {DNNL_ARG_WEIGHTS, q.weights_desc()},
               {DNNL_ARG_DST, q.dst_desc()}}};
    });
    const dnnl::convolution_backward_weights::desc w(kDirect, c.x(tx), c.w(), c.y(ty), kOne, kOne,
                                                     kOne);
    using Weights = dnnl::convolution_backward_weights::primitive_desc;
    weights.offer(Weights(w, attributes(), p.engine(), hint), [](Weights& q) -> Candidate {
      return {dnnl::convolution_backward_weights(q),
              {{DNNL_ARG_SRC, q.src_desc()},
               {DNNL_ARG_DIFF_DST, q.diff_dst_desc()},
               {DNNL_ARG_DIFF_WEIGHTS, q.diff_weights_desc()}}};
    });
    if (!input_gradient) continue;
    const dnnl::convolution_backward_data::desc d(kDirect, c.x(tx), c.w(), c.y(ty), kOne, kOne,
                                                  kOne);
    using Data = dnnl::convolution_backward_data::primitive_desc;
    data.offer(Data(d, attributes(), p.engine(), hint), [](Data& q) -> Candidate {
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
  const memory::dims two = {2, 2}, none = {0, 0};
  Choice forward, backward;
  for (const Tag t : {Tag::nhwc, Tag::nChw16c}) {
    const memory::desc x({batch, channels, side, side}, kF32, t);
    const memory::desc y({batch, channels, side / 2, side / 2}, kF32, t);
    const dnnl::pooling_v2_forward::desc f(kForward, dnnl::algorithm::pooling_max, x, y, two, two,
                                           none, none, none);
    using Forward = dnnl::pooling_v2_forward::primitive_desc;
    const Forward hint(f, attributes(), p.engine());
    forward.offer(hint, [&](Forward& q) -> Candidate {
      return {dnnl::pooling_v2_forward(q),
              {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}, {DNNL_ARG_WORKSPACE, q.workspace_desc()}}};
    });
    const dnnl::pooling_v2_backward::desc b(dnnl::algorithm::pooling_max, x, y, two, two, none,
                                            none, none);
    using Backward = dnnl::pooling_v2_backward::primitive_desc;
    backward.offer(Backward(b, attributes(), p.engine(), hint), [&](Backward& q) -> Candidate {
      return {dnnl::pooling_v2_backward(q),
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
      const dnnl::matmul::desc d({{m, k}, kF32, ta}, {{k, n}, kF32, tb}, {{m, n}, kF32, Tag::ab});
      using Product = dnnl::matmul::primitive_desc;
      choice.offer(Product(d, attributes(), p.engine()), [](Product& q) -> Candidate {
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
