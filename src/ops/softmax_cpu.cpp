// Softmax and the losses on logits on one core. Rows of many classes are walked by vectors along
// the row. Narrow rows, the hot path of distillation, are taken one row per lane: a row of 3 would
// leave a vector almost empty, and reducing across lanes would cost more than the exponentials.
#include <algorithm>
#include <limits>

#include "cpu/planner.h"
#include "ops/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/softmax_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace omni {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

const HWY_CAPPED(float, 16) d;
const hn::Rebind<int32_t, decltype(d)> di;
using V = hn::Vec<decltype(d)>;
using VI = hn::Vec<decltype(di)>;
constexpr int64_t kMaxLanes = 16;
constexpr int64_t kNarrow = 64;  // up to so many classes rows go to lanes (measured)
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Highway's functions drop NaN; ours keep it.
HWY_INLINE V keep_nan(V x, V y) { return hn::IfThenElse(hn::Eq(x, x), y, x); }
HWY_INLINE V exp(V x) { return keep_nan(x, hn::Exp(d, x)); }
HWY_INLINE V log(V x) { return keep_nan(x, hn::Log(d, x)); }

// --- One row per lane ---

// Up to a vector's lanes of rows, class by class. Lanes beyond `rows` repeat the last row, so that
// they read and write what exists.
class Lanes {
 public:
  Lanes(int64_t rows, int64_t classes) : rows_(rows) {
    const VI row = hn::Min(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(rows - 1)));
    at_ = hn::Mul(row, hn::Set(di, static_cast<int32_t>(classes)));
  }
  HWY_INLINE V load(const float* x) const { return hn::GatherIndex(d, x, at_); }
  HWY_INLINE void store(V v, float* out) const { hn::ScatterIndex(v, d, out, at_); }
  // One number per row, one after another; lanes beyond repeat the last here, too.
  HWY_INLINE V load_each(const float* x) const {
    if (full()) return hn::LoadU(d, x);
    HWY_ALIGN float some[kMaxLanes];
    std::fill(std::copy_n(x, rows_, some), some + kMaxLanes, x[rows_ - 1]);
    return hn::Load(d, some);
  }
  HWY_INLINE VI load_each(const int32_t* x) const {
    if (full()) return hn::LoadU(di, x);
    HWY_ALIGN int32_t some[kMaxLanes];
    std::fill(std::copy_n(x, rows_, some), some + kMaxLanes, x[rows_ - 1]);
    return hn::Load(di, some);
  }
  HWY_INLINE void store_each(V v, float* out) const {
    if (full()) return hn::StoreU(v, d, out);
    HWY_ALIGN float some[kMaxLanes];
    hn::Store(v, d, some);
    std::copy_n(some, rows_, out);
  }

 private:
  bool full() const { return rows_ == static_cast<int64_t>(hn::Lanes(d)); }
  int64_t rows_;
  VI at_;
};

// Logits of a group of rows, less each row's largest, in `shifted` by class.
struct LaneRows {
  HWY_ALIGN float shifted[kNarrow * kMaxLanes];

  HWY_INLINE float* at(int64_t c) { return shifted + c * kMaxLanes; }
  HWY_INLINE V get(int64_t c) { return hn::Load(d, at(c)); }
  HWY_INLINE void read(const Lanes& lanes, const float* x, int64_t classes) {
    V largest = lanes.load(x);
    hn::Store(largest, d, at(0));
    for (int64_t c = 1; c < classes; ++c) {
      const V v = lanes.load(x + c);
      largest = hn::Max(largest, v);
      hn::Store(v, d, at(c));
    }
    for (int64_t c = 0; c < classes; ++c) hn::Store(hn::Sub(get(c), largest), d, at(c));
  }
  // The sum of exponentials; kKeep: they replace the shifted logits.
  template <bool kKeep>
  HWY_INLINE V exp_sum(int64_t classes) {
    V total = hn::Zero(d);
    for (int64_t c = 0; c < classes; ++c) {
      const V e = exp(get(c));
      if (kKeep) hn::Store(e, d, at(c));
      total = hn::Add(total, e);
    }
    return total;
  }
};

template <class Body>
HWY_INLINE void for_lanes(int64_t rows, int64_t classes, const Body& body) {
  const int64_t step = hn::Lanes(d);
  for (int64_t row = 0; row < rows; row += step)
    body(row, Lanes(std::min(step, rows - row), classes));
}

template <bool kLog>
void narrow_softmax(const float* x, float* out, int64_t rows, int64_t classes) {
  for_lanes(rows, classes, [&](int64_t row, const Lanes& lanes) {
    LaneRows r;
    r.read(lanes, x + row * classes, classes);
    const V total = r.exp_sum<!kLog>(classes);
    const V factor = kLog ? log(total) : hn::Div(hn::Set(d, 1.f), total);
    for (int64_t c = 0; c < classes; ++c) {
      const V y = kLog ? hn::Sub(r.get(c), factor) : hn::Mul(r.get(c), factor);
      lanes.store(y, out + row * classes + c);
    }
  });
}

// NaN in lanes whose label is outside, else 0.
HWY_INLINE V nan_outside(VI label, int64_t classes) {
  const auto outside = hn::Or(hn::Lt(label, hn::Zero(di)),
                              hn::Gt(label, hn::Set(di, static_cast<int32_t>(classes - 1))));
  return hn::IfThenElseZero(hn::RebindMask(d, outside), hn::Set(d, kNan));
}

void narrow_cross_entropy(const float* x, const int32_t* labels, float* loss, int64_t rows,
                          int64_t classes) {
  for_lanes(rows, classes, [&](int64_t row, const Lanes& lanes) {
    LaneRows r;
    r.read(lanes, x + row * classes, classes);
    const V total = r.exp_sum<false>(classes);
    const VI label = lanes.load_each(labels + row);
    V chosen = nan_outside(label, classes);
    for (int64_t c = 0; c < classes; ++c) {
      const auto here = hn::RebindMask(d, hn::Eq(label, hn::Set(di, static_cast<int32_t>(c))));
      chosen = hn::IfThenElse(here, r.get(c), chosen);
    }
    lanes.store_each(hn::Sub(log(total), chosen), loss + row);
  });
}

void narrow_cross_entropy_grad(const float* x, const int32_t* labels, const float* dy, float* dx,
                               int64_t rows, int64_t classes) {
  for_lanes(rows, classes, [&](int64_t row, const Lanes& lanes) {
    LaneRows r;
    r.read(lanes, x + row * classes, classes);
    const V inverse = hn::Div(hn::Set(d, 1.f), r.exp_sum<true>(classes));
    const VI label = lanes.load_each(labels + row);
    const V factor = hn::Add(lanes.load_each(dy + row), nan_outside(label, classes));
    for (int64_t c = 0; c < classes; ++c) {
      const auto here = hn::RebindMask(d, hn::Eq(label, hn::Set(di, static_cast<int32_t>(c))));
      const V p = hn::Mul(r.get(c), inverse);
      const V difference = hn::Sub(p, hn::IfThenElseZero(here, hn::Set(d, 1.f)));
      lanes.store(hn::Mul(difference, factor), dx + row * classes + c);
    }
  });
}

// Sum over p (t - s), plus log(sum exp s) - log(sum exp t), with shifted logits t and s.
void narrow_kl(const float* teacher, const float* student, float* out, int64_t rows,
               int64_t classes) {
  for_lanes(rows, classes, [&](int64_t row, const Lanes& lanes) {
    LaneRows t, s;
    t.read(lanes, teacher + row * classes, classes);
    s.read(lanes, student + row * classes, classes);
    V total_t = hn::Zero(d), total_s = hn::Zero(d), weighted = hn::Zero(d);
    for (int64_t c = 0; c < classes; ++c) {
      const V e = exp(t.get(c));
      total_t = hn::Add(total_t, e);
      total_s = hn::Add(total_s, exp(s.get(c)));
      const V term = hn::Mul(e, hn::Sub(t.get(c), s.get(c)));
      weighted = hn::Add(weighted, hn::IfThenZeroElse(hn::Eq(e, hn::Zero(d)), term));
    }
    const V logs = hn::Sub(log(total_s), log(total_t));
    lanes.store_each(hn::Add(hn::Div(weighted, total_t), logs), out + row);
  });
}

// --- One row after another; rows are at least a vector long ---

// Calls body(v, store) for vectors of x less `shift`; the last one is filled up with -infinity,
// whose exponential adds nothing. store(y, out) writes what exists.
template <class Body>
HWY_INLINE void for_vectors(const float* x, int64_t classes, const Body& body) {
  const int64_t lanes = hn::Lanes(d);
  int64_t c = 0;
  for (; c + lanes <= classes; c += lanes)
    body(c, hn::LoadU(d, x + c), [c](V y, float* out) { hn::StoreU(y, d, out + c); });
  if (c == classes) return;
  HWY_ALIGN float some[kMaxLanes];
  std::fill_n(some, kMaxLanes, -kInfinity);
  std::copy_n(x + c, classes - c, some);
  body(c, hn::Load(d, some), [&](V y, float* out) {
    hn::Store(y, d, some);
    std::copy_n(some, classes - c, out + c);
  });
}

HWY_INLINE float wide_max(const float* x, int64_t classes) {
  const int64_t lanes = hn::Lanes(d);
  V largest = hn::LoadU(d, x + classes - lanes), other = largest;
  int64_t c = 0;
  for (; c + 2 * lanes <= classes; c += 2 * lanes) {
    largest = hn::Max(largest, hn::LoadU(d, x + c));
    other = hn::Max(other, hn::LoadU(d, x + c + lanes));
  }
  if (c + lanes <= classes) largest = hn::Max(largest, hn::LoadU(d, x + c));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(largest, other)));
}

// The sum of exp(x - shift), which are written to `out` unless it is null.
template <bool kKeep>
HWY_INLINE float wide_exp_sum(const float* x, int64_t classes, float shift, float* out) {
  const V largest = hn::Set(d, shift);
  V totals[2] = {hn::Zero(d), hn::Zero(d)};
  int64_t turn = 0;
  for_vectors(x, classes, [&](int64_t, V v, auto store) {
    const V e = exp(hn::Sub(v, largest));
    if constexpr (kKeep) store(e, out);
    totals[turn] = hn::Add(totals[turn], e);
    turn ^= 1;
  });
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(totals[0], totals[1])));
}

HWY_INLINE float log_one(float x) { return hn::GetLane(log(hn::Set(d, x))); }

template <bool kLog>
void wide_softmax(const float* x, float* out, int64_t rows, int64_t classes) {
  for (int64_t row = 0; row < rows; ++row, x += classes, out += classes) {
    const float largest = wide_max(x, classes);
    const float total = wide_exp_sum<!kLog>(x, classes, largest, out);
    const V shift = hn::Set(d, largest), subtract = hn::Set(d, log_one(total));
    const V factor = hn::Set(d, 1 / total);
    for_vectors(kLog ? x : out, classes, [&](int64_t, V v, auto store) {
      store(kLog ? hn::Sub(hn::Sub(v, shift), subtract) : hn::Mul(v, factor), out);
    });
  }
}

void wide_cross_entropy(const float* x, const int32_t* labels, float* loss, int64_t rows,
                        int64_t classes) {
  for (int64_t row = 0; row < rows; ++row, x += classes) {
    const float largest = wide_max(x, classes);
    const float total = log_one(wide_exp_sum<false>(x, classes, largest, nullptr));
    const int32_t label = labels[row];
    const bool inside = label >= 0 && label < classes;
    loss[row] = inside ? total - (x[label] - largest) : kNan;
  }
}

void wide_cross_entropy_grad(const float* x, const int32_t* labels, const float* dy, float* dx,
                             int64_t rows, int64_t classes) {
  for (int64_t row = 0; row < rows; ++row, x += classes, dx += classes) {
    const float total = wide_exp_sum<true>(x, classes, wide_max(x, classes), dx);
    const int32_t label = labels[row];
    const bool inside = label >= 0 && label < classes;
    const float at_label = inside ? dx[label] / total : 0;
    const V inverse = hn::Set(d, 1 / total), factor = hn::Set(d, inside ? dy[row] : kNan);
    for_vectors(dx, classes, [&](int64_t, V v, auto store) {
      store(hn::Mul(hn::Mul(v, inverse), factor), dx);
    });
    if (inside) dx[label] = (at_label - 1) * dy[row];
  }
}

void wide_kl(const float* teacher, const float* student, float* out, int64_t rows,
             int64_t classes) {
  for (int64_t row = 0; row < rows; ++row, teacher += classes, student += classes) {
    const float largest_t = wide_max(teacher, classes), largest_s = wide_max(student, classes);
    const V shift_t = hn::Set(d, largest_t), shift_s = hn::Set(d, largest_s);
    V totals = hn::Zero(d), weighted = hn::Zero(d);
    for_vectors(teacher, classes, [&](int64_t c, V v, auto) {
      const V t = hn::Sub(v, shift_t), e = exp(t);
      const int64_t n = std::min<int64_t>(hn::Lanes(d), classes - c);
      V s = shift_s;
      if (n == static_cast<int64_t>(hn::Lanes(d))) {
        s = hn::LoadU(d, student + c);
      } else {
        HWY_ALIGN float some[kMaxLanes] = {};
        std::copy_n(student + c, n, some);
        s = hn::Load(d, some);
      }
      totals = hn::Add(totals, e);
      const V term = hn::Mul(e, hn::Sub(t, hn::Sub(s, shift_s)));
      weighted = hn::Add(weighted, hn::IfThenZeroElse(hn::Eq(e, hn::Zero(d)), term));
    });
    const float total_t = hn::GetLane(hn::SumOfLanes(d, totals));
    const float total_s = wide_exp_sum<false>(student, classes, largest_s, nullptr);
    const float mean = hn::GetLane(hn::SumOfLanes(d, weighted)) / total_t;
    out[row] = mean + (log_one(total_s) - log_one(total_t));
  }
}

// --- By width ---

void softmax_rows(const float* x, float* out, int64_t rows, int64_t classes) {
  (classes <= kNarrow ? narrow_softmax<false> : wide_softmax<false>)(x, out, rows, classes);
}
void log_softmax_rows(const float* x, float* out, int64_t rows, int64_t classes) {
  (classes <= kNarrow ? narrow_softmax<true> : wide_softmax<true>)(x, out, rows, classes);
}
void cross_entropy_rows(const float* x, const int32_t* labels, float* loss, int64_t rows,
                        int64_t classes) {
  (classes <= kNarrow ? narrow_cross_entropy : wide_cross_entropy)(x, labels, loss, rows, classes);
}
void cross_entropy_grad_rows(const float* x, const int32_t* labels, const float* dy, float* dx,
                             int64_t rows, int64_t classes) {
  (classes <= kNarrow ? narrow_cross_entropy_grad : wide_cross_entropy_grad)(x, labels, dy, dx,
                                                                             rows, classes);
}
void kl_rows(const float* teacher, const float* student, float* out, int64_t rows,
             int64_t classes) {
  (classes <= kNarrow ? narrow_kl : wide_kl)(teacher, student, out, rows, classes);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace omni
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni {
namespace {
HWY_EXPORT(softmax_rows);
HWY_EXPORT(log_softmax_rows);
HWY_EXPORT(cross_entropy_rows);
HWY_EXPORT(cross_entropy_grad_rows);
HWY_EXPORT(kl_rows);

struct Size {
  int64_t rows, classes;
};

Size size_of_rows(const cpu::Planner& p, int id) {
  const Type& logits = p.type(p.node(id).in[0]);
  return {logits.count() / logits.shape.back(), logits.shape.back()};
}
}  // namespace

namespace ops {

void plan_softmax(cpu::Planner& p, int id) {
  const auto x = p.cell<const float>(p.node(id).in[0]);
  const auto out = p.cell<float>(id);
  p.step(id, [=, s = size_of_rows(p, id)] {
    HWY_DYNAMIC_DISPATCH(softmax_rows)(x.get(), out.get(), s.rows, s.classes);
  });
}

void plan_log_softmax(cpu::Planner& p, int id) {
  const auto x = p.cell<const float>(p.node(id).in[0]);
  const auto out = p.cell<float>(id);
  p.step(id, [=, s = size_of_rows(p, id)] {
    HWY_DYNAMIC_DISPATCH(log_softmax_rows)(x.get(), out.get(), s.rows, s.classes);
  });
}

void plan_cross_entropy(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto x = p.cell<const float>(n.in[0]);
  const auto labels = p.cell<const int32_t>(n.in[1]);
  const auto loss = p.cell<float>(id);
  p.step(id, [=, s = size_of_rows(p, id)] {
    HWY_DYNAMIC_DISPATCH(cross_entropy_rows)
    (x.get(), labels.get(), loss.get(), s.rows, s.classes);
  });
}

void plan_cross_entropy_grad(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto x = p.cell<const float>(n.in[0]);
  const auto labels = p.cell<const int32_t>(n.in[1]);
  const auto dy = p.cell<const float>(n.in[2]);
  const auto dx = p.cell<float>(id);
  p.step(id, [=, s = size_of_rows(p, id)] {
    HWY_DYNAMIC_DISPATCH(cross_entropy_grad_rows)
    (x.get(), labels.get(), dy.get(), dx.get(), s.rows, s.classes);
  });
}

void plan_kl_divergence(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto teacher = p.cell<const float>(n.in[0]);
  const auto student = p.cell<const float>(n.in[1]);
  const auto out = p.cell<float>(id);
  p.step(id, [=, s = size_of_rows(p, id)] {
    HWY_DYNAMIC_DISPATCH(kl_rows)(teacher.get(), student.get(), out.get(), s.rows, s.classes);
  });
}

}  // namespace ops
}  // namespace omni
#endif
