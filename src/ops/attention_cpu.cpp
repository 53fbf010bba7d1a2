// Attention on one core: for each sample and group of heads the scores are made, used and forgotten
// while they are in cache. The products are oneDNN's, over heads where they lie in the rows.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "cpu/onednn.h"
#include "cpu/planner.h"
#include "ops/attention.h"
#include "ops/attention_shape.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace omni {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

const HWY_CAPPED(float, 16) d;
using V = hn::Vec<decltype(d)>;

// A vector of consecutive floats, at any address.
struct Whole {
  HWY_INLINE V load(const float* x) const { return hn::LoadU(d, x); }
  HWY_INLINE void store(V v, float* out) const { hn::StoreU(v, d, out); }
  HWY_INLINE V or_else(V v, V) const { return v; }
};

// The first n floats of one, less than a whole; beyond them nothing is read or written, and loaded
// lanes are 0. Highway's masked loads and stores are that, and take any address, where the
// processor has instructions for them, which is where it says that they cannot fault.
struct Part {
  int64_t n;

  HWY_INLINE V load(const float* x) const {
#if HWY_MEM_OPS_MIGHT_FAULT
    HWY_ALIGN float some[hn::MaxLanes(d)] = {};
    std::copy_n(x, n, some);
    return hn::Load(d, some);
#else
    return hn::MaskedLoad(mask(), d, x);
#endif
  }
  HWY_INLINE void store(V v, float* out) const {
#if HWY_MEM_OPS_MIGHT_FAULT
    HWY_ALIGN float some[hn::MaxLanes(d)];
    hn::Store(v, d, some);
    std::copy_n(some, n, out);
#else
    hn::BlendedStore(v, mask(), d, out);
#endif
  }
  HWY_INLINE V or_else(V v, V other) const { return hn::IfThenElse(mask(), v, other); }

 private:
  HWY_INLINE hn::Mask<decltype(d)> mask() const { return hn::FirstN(d, n); }
};

// Calls body(i, Whole) for whole vectors from element i on and body(i, Part) for what is left of n.
template <class Body>
HWY_INLINE void for_vectors(int64_t n, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, Whole());
  if (i < n) body(i, Part{n - i});
}

// Scores of n visible keys become weights that add up to 1. A NaN makes all of them NaN.
void weigh(float* row, int64_t n, float scale) {
  V most = hn::Set(d, row[0]), total = hn::Zero(d);
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { most = hn::Max(most, lanes.or_else(lanes.load(row + i), most)); });
  const V largest = hn::MaxOfLanes(d, most), factor = hn::Set(d, scale);
  for_vectors(n, [&](int64_t i, auto lanes) HWY_ATTR {
    const V x = hn::Mul(hn::Sub(lanes.load(row + i), largest), factor);
    const V e = hn::IfThenElse(hn::Eq(x, x), hn::Exp(d, x), x);
    total = hn::Add(total, lanes.or_else(e, hn::Zero(d)));
    lanes.store(e, row + i);
  });
  const V inverse = hn::Div(hn::Set(d, 1.f), hn::SumOfLanes(d, total));
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { lanes.store(hn::Mul(lanes.load(row + i), inverse), row + i); });
}

// Gradients of weights p, in dp, become gradients of the scores before scaling.
void weigh_back(const float* p, float* dp, int64_t n, float scale) {
  V dot = hn::Zero(d);
  for_vectors(n, [&](int64_t i, auto lanes)
                     HWY_ATTR { dot = hn::MulAdd(lanes.load(p + i), lanes.load(dp + i), dot); });
  const V mean = hn::SumOfLanes(d, dot), factor = hn::Set(d, scale);
  for_vectors(n, [&](int64_t i, auto lanes) HWY_ATTR {
    const V centred = hn::Sub(lanes.load(dp + i), mean);
    lanes.store(hn::Mul(hn::Mul(lanes.load(p + i), centred), factor), dp + i);
  });
}

void add_to(const float* x, float* out, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, x += width, out += stride)
    for_vectors(width, [&](int64_t i, auto lanes) HWY_ATTR {
      lanes.store(hn::Add(lanes.load(out + i), lanes.load(x + i)), out + i);
    });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace omni
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni {
namespace {
HWY_EXPORT(weigh);
HWY_EXPORT(weigh_back);
HWY_EXPORT(add_to);

using dnnl::memory;

// A matrix whose rows lie `stride` floats apart, seen transposed or not.
struct Matrix {
  int64_t rows, columns, stride;
  bool transposed = false;
  memory::desc desc() const {
    const int64_t s = stride;
    return {{rows, columns}, memory::data_type::f32,
            transposed ? memory::dims{1, s} : memory::dims{s, 1}};
  }
};

// One planned product, run on one place after another.
class Product {
 public:
  Product(cpu::Planner& p, const Matrix& a, const Matrix& b, const Matrix& out)
      : Product(p.engine(),
                cpu::onednn::matmul(p.engine(), a.desc(), b.desc(), {}, out.desc(),
                                    cpu::Planner::attributes()),
                a, b, out) {}
  int64_t scratch_bytes() const { return static_cast<int64_t>(scratch_.get_desc().get_size()); }
  void run(const float* a, const float* b, float* out, char* scratch, dnnl::stream& stream) {
    a_.set_data_handle(const_cast<float*>(a));
    b_.set_data_handle(const_cast<float*>(b));
    out_.set_data_handle(out);
    scratch_.set_data_handle(scratch);
    primitive_.execute(stream, arguments_);
  }

 private:
  Product(const dnnl::engine& engine, const dnnl::matmul::primitive_desc& plan, const Matrix& a,
          const Matrix& b, const Matrix& out)
      : primitive_(cpu::onednn::create<dnnl::matmul>(plan)),
        a_(a.desc(), engine, nullptr),
        b_(b.desc(), engine, nullptr),
        out_(out.desc(), engine, nullptr),
        scratch_(plan.scratchpad_desc(), engine, nullptr),
        arguments_{{DNNL_ARG_SRC, a_},
                   {DNNL_ARG_WEIGHTS, b_},
                   {DNNL_ARG_DST, out_},
                   {DNNL_ARG_SCRATCHPAD, scratch_}} {}
  dnnl::matmul primitive_;
  memory a_, b_, out_, scratch_;
  std::unordered_map<int, memory> arguments_;
};

// The scores of one head and what is made of them.
class Head {
 public:
  // Row strides, in floats, of each sample's queries, keys, values and outputs.
  Head(cpu::Planner& p, const AttentionShape& s)
      : s_(s),
        q_stride_(s.heads * s.width),
        k_stride_(s.kv_heads * s.width),
        stream_(p.engine()),
        scores_(p, {s.queries, s.width, q_stride_}, {s.width, s.keys, k_stride_, true},
                {s.queries, s.keys, s.keys}),
        mix_(p, {s.queries, s.keys, s.keys}, {s.keys, s.width, k_stride_},
             {s.queries, s.width, q_stride_}) {}

  const AttentionShape& shape() const { return s_; }
  int64_t tile_bytes() const { return rounded(s_.queries * s_.keys * 4); }
  int64_t scratch_bytes() const { return std::max(scores_.scratch_bytes(), mix_.scratch_bytes()); }

  // Places of head h of sample b.
  int64_t q_at(int64_t b, int64_t h) const {
    return b * s_.queries * q_stride_ + h * s_.width;
  }
  int64_t k_at(int64_t b, int64_t h) const {
    return b * s_.keys * k_stride_ + h / s_.shared() * s_.width;
  }

  void pattern(const float* q, const float* k, float* tile, char* scratch) {
    scores_.run(q, k, tile, scratch, stream_);
    for (int64_t t = 0; t < s_.queries; ++t) {
      float* row = tile + t * s_.keys;
      const auto [first, end] = s_.visible(t);
      std::fill(row, row + first, 0.f);
      std::fill(row + end, row + s_.keys, 0.f);
      HWY_DYNAMIC_DISPATCH(weigh)(row + first, end - first, static_cast<float>(s_.scale));
    }
  }
  void mix(const float* tile, const float* v, float* out, char* scratch) {
    mix_.run(tile, v, out, scratch, stream_);
  }

  template <class Body>
  void each(const Body& body) const {
    for (int64_t b = 0; b < s_.batch; ++b)
      for (int64_t h = 0; h < s_.heads; ++h) body(b, h);
  }

  static int64_t rounded(int64_t bytes) { return (bytes + 63) / 64 * 64; }

 protected:
  AttentionShape s_;
  int64_t q_stride_, k_stride_;
  dnnl::stream stream_;

 private:
  Product scores_, mix_;
};

// dq, dk and dv of one head, written into rows of all three side by side.
class HeadBack : public Head {
 public:
  HeadBack(cpu::Planner& p, const AttentionShape& s)
      : Head(p, s),
        stride_(q_stride_ + 2 * k_stride_),
        dp_(p, {s.queries, s.width, q_stride_}, {s.width, s.keys, k_stride_, true},
            {s.queries, s.keys, s.keys}),
        dq_(p, {s.queries, s.keys, s.keys}, {s.keys, s.width, k_stride_},
            {s.queries, s.width, stride_}),
        dk_(p, {s.keys, s.queries, s.keys, true}, {s.queries, s.width, q_stride_},
            {s.keys, s.width, s.shared() > 1 ? s.width : stride_}) {}

  int64_t scratch_bytes() const {
    return std::max({Head::scratch_bytes(), dp_.scratch_bytes(), dq_.scratch_bytes(),
                     dk_.scratch_bytes()});
  }
  int64_t part_bytes() const { return rounded(s_.shared() > 1 ? s_.keys * s_.width * 4 : 0); }

  // `out` is the sample's first row; `part` holds one head's share where heads share keys.
  void run(int64_t h, const float* q, const float* k, const float* v, const float* dy, float* out,
           float* p, float* dp, float* part, char* scratch) {
    const int64_t group = h / s_.shared();
    float* dk = out + q_stride_ + group * s_.width;
    float* dv = dk + k_stride_;
    pattern(q, k, p, scratch);
    keys(p, dy, dv, h, part, scratch);
    dp_.run(dy, v, dp, scratch, stream_);
    for (int64_t t = 0; t < s_.queries; ++t) {
      const auto [first, end] = s_.visible(t);
      float* row = dp + t * s_.keys;
      std::fill(row, row + first, 0.f);
      std::fill(row + end, row + s_.keys, 0.f);
      HWY_DYNAMIC_DISPATCH(weigh_back)
      (p + t * s_.keys + first, row + first, end - first, static_cast<float>(s_.scale));
    }
    dq_.run(dp, k, out + h * s_.width, scratch, stream_);
    keys(dp, q, dk, h, part, scratch);
  }

 private:
  // The gradient of keys or values: of the first head of a group it is stored, others add theirs.
  void keys(const float* tile, const float* x, float* out, int64_t h, float* part, char* scratch) {
    if (s_.shared() == 1) return dk_.run(tile, x, out, scratch, stream_);
    dk_.run(tile, x, part, scratch, stream_);
    if (h % s_.shared() == 0)
      for (int64_t t = 0; t < s_.keys; ++t)
        std::fill_n(out + t * stride_, s_.width, 0.f);
    HWY_DYNAMIC_DISPATCH(add_to)(part, out, s_.keys, s_.width, stride_);
  }

  int64_t stride_;
  Product dp_, dq_, dk_;
};

}  // namespace

namespace ops {

void plan_attention(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto head = std::make_shared<Head>(
      p, AttentionShape::of(p.type(n.in[0]), p.type(n.in[1]), n.attrs));
  const auto q = p.cell<const float>(n.in[0]), k = p.cell<const float>(n.in[1]);
  const auto v = p.cell<const float>(n.in[2]);
  const auto out = p.cell<float>(id);
  const auto scratch = p.scratch(head->tile_bytes() + head->scratch_bytes());
  p.step(id, [=] {
    auto* tile = reinterpret_cast<float*>(scratch.get());
    char* rest = scratch.get() + head->tile_bytes();
    head->each([&](int64_t b, int64_t h) {
      const int64_t q_at = head->q_at(b, h), k_at = head->k_at(b, h);
      head->pattern(q.get() + q_at, k.get() + k_at, tile, rest);
      head->mix(tile, v.get() + k_at, out.get() + q_at, rest);
    });
  });
}

void plan_attention_pattern(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto head = std::make_shared<Head>(
      p, AttentionShape::of(p.type(n.in[0]), p.type(n.in[1]), n.attrs));
  const auto q = p.cell<const float>(n.in[0]), k = p.cell<const float>(n.in[1]);
  const auto out = p.cell<float>(id);
  const auto scratch = p.scratch(head->scratch_bytes());
  p.step(id, [=] {
    float* tile = out.get();
    head->each([&](int64_t b, int64_t h) {
      head->pattern(q.get() + head->q_at(b, h), k.get() + head->k_at(b, h), tile, scratch.get());
      tile += head->shape().queries * head->shape().keys;
    });
  });
}

void plan_attention_mix(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const AttentionShape s = AttentionShape::of(p.type(id), p.type(n.in[1]), n.attrs);
  const auto head = std::make_shared<Head>(p, s);
  const auto pattern = p.cell<const float>(n.in[0]), v = p.cell<const float>(n.in[1]);
  const auto out = p.cell<float>(id);
  const auto scratch = p.scratch(head->scratch_bytes());
  p.step(id, [=] {
    const float* tile = pattern.get();
    head->each([&](int64_t b, int64_t h) {
      head->mix(tile, v.get() + head->k_at(b, h), out.get() + head->q_at(b, h), scratch.get());
      tile += head->shape().queries * head->shape().keys;
    });
  });
}

void plan_attention_grad(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto head = std::make_shared<HeadBack>(
      p, AttentionShape::of(p.type(n.in[0]), p.type(n.in[1]), n.attrs));
  const auto q = p.cell<const float>(n.in[0]), k = p.cell<const float>(n.in[1]);
  const auto v = p.cell<const float>(n.in[2]), dy = p.cell<const float>(n.in[3]);
  const auto out = p.cell<float>(id);
  const int64_t row_floats = n.type.shape[1] * n.type.shape[2];
  const auto scratch =
      p.scratch(2 * head->tile_bytes() + head->part_bytes() + head->scratch_bytes());
  p.step(id, [=] {
    char* at = scratch.get();
    const auto take = [&](int64_t bytes) { return std::exchange(at, at + bytes); };
    auto* weights = reinterpret_cast<float*>(take(head->tile_bytes()));
    auto* dp = reinterpret_cast<float*>(take(head->tile_bytes()));
    auto* part = reinterpret_cast<float*>(take(head->part_bytes()));
    head->each([&](int64_t b, int64_t h) {
      const int64_t q_at = head->q_at(b, h), k_at = head->k_at(b, h);
      head->run(h, q.get() + q_at, k.get() + k_at, v.get() + k_at, dy.get() + q_at,
                out.get() + b * row_floats, weights, dp, part, at);
    });
  });
}

}  // namespace ops
}  // namespace omni
#endif
