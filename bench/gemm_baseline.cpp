#include <fmt/format.h>
#include <omp.h>

#include "bench/onednn.h"
#include "cpu/onednn.h"

namespace omni::bench {

using dnnl::memory;

std::string GemmArrangement::name() const {
  return fmt::format("{} rows at a time, weights {}{}", rows,
                     input_by_output ? "[in, out]" : "[out, in]",
                     many_sums ? ", gradients kept apart" : "");
}

namespace {

constexpr int64_t kWidths[] = {784, 256, 256, 10};
constexpr int kLayers = 3;

memory::desc matrix(int64_t rows, int64_t columns, memory::data_type type, bool transposed) {
  return {{rows, columns}, type, transposed ? memory::format_tag::ba : memory::format_tag::ab};
}

// out = a b; a and b stand in given memory, seen transposed or not.
void add_product(Primitives& p, const memory& a, const memory::desc& a_desc, const memory& b,
                 const memory::desc& b_desc, const memory& out) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto plan = cpu::onednn::matmul(p.engine(), a_desc, b_desc, {}, out.get_desc(), attributes);
  p.add(dnnl::matmul(plan), {{DNNL_ARG_SRC, {a_desc, p.engine(), a.get_data_handle()}},
                             {DNNL_ARG_WEIGHTS, {b_desc, p.engine(), b.get_data_handle()}},
                             {DNNL_ARG_DST, out},
                             {DNNL_ARG_SCRATCHPAD, p.memory(plan.scratchpad_desc())}});
}

}  // namespace

GemmStep::GemmStep(int64_t batch, Precision precision, const GemmArrangement& arrangement) {
  omp_set_num_threads(1);
  const auto narrow = Primitives::type(precision), wide = memory::data_type::f32;
  const int64_t times = (batch + arrangement.rows - 1) / arrangement.rows;
  const int64_t rows = (batch + times - 1) / times;
  const bool flip = arrangement.input_by_output;
  Primitives& p = products_;
  std::vector<memory> x, weights, dy, sums;
  const auto add_sums = [&] {
    for (const memory& w : weights)
      sums.push_back(p.memory({cpu::onednn::dims(w.get_desc()), wide, memory::format_tag::ab}));
  };
  x.push_back(p.memory(matrix(rows, kWidths[0], narrow, false)));
  for (int l = 0; l < kLayers; ++l) {
    const int64_t in = kWidths[l], out = kWidths[l + 1];
    weights.push_back(p.memory(matrix(flip ? in : out, flip ? out : in, narrow, false)));
    x.push_back(p.memory(matrix(rows, out, l + 1 < kLayers ? narrow : wide, false)));
    dy.push_back(p.memory(matrix(rows, out, narrow, false)));
  }
  for (int64_t t = 0; t < times; ++t) {
    if (t == 0 || arrangement.many_sums) add_sums();
    for (int l = 0; l < kLayers; ++l) {
      const memory::desc w = matrix(kWidths[l], kWidths[l + 1], narrow, !flip);
      add_product(p, x[l], x[l].get_desc(), weights[l], w, x[l + 1]);
    }
    for (int l = kLayers - 1; l >= 0; --l) {
      const int64_t in = kWidths[l], out = kWidths[l + 1];
      const memory& sum = sums[sums.size() - kLayers + l];
      if (l > 0)
        add_product(p, dy[l], dy[l].get_desc(), weights[l], matrix(out, in, narrow, flip),
                    dy[l - 1]);
      if (flip)
        add_product(p, x[l], matrix(in, rows, narrow, true), dy[l], dy[l].get_desc(), sum);
      else
        add_product(p, dy[l], matrix(out, rows, narrow, true), x[l], x[l].get_desc(), sum);
    }
  }
}

}  // namespace omni::bench
