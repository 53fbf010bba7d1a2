// Pooling on one core, with vectors along the channels. An image is worked on in bands of rows that
// no window crosses; bands of values that are stored as bf16 pass through f32 scratch memory, where
// they stay in L1 if windows do not overlap.
#include <algorithm>

#include "cpu/blocks.h"
#include "cpu/planner.h"
#include "ops/pool.h"
#include "ops/pool_windows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pool_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// What all targets share.
#ifndef OMNI_POOL_ONCE
#define OMNI_POOL_ONCE
namespace omni::ops {
namespace {

enum class Pool { max, max_gradient, pick, avg, avg_gradient };

// Rows of an image and the windows that lie in them.
struct PoolBand {
  int64_t row, row_end;        // of the image
  int64_t window, window_end;  // rows of windows
  const float* x;              // the image's rows, where the op reads them
  const float* other;          // v's rows, or dy's rows of windows
  float* out;
};

}  // namespace
}  // namespace omni::ops
#endif

HWY_BEFORE_NAMESPACE();
namespace omni::ops {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// The part of a window that lies in the image, as offsets from its first place.
struct AnyWindow {
  int64_t rows, columns, row_step, column_step;

  template <class Function>
  HWY_INLINE void for_each_place(Function f) const {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t s = 0; s < columns; ++s) f(r * row_step + s * column_step);
  }
};

// The common one, unrolled.
struct TwoByTwo {
  int64_t rows, columns, row_step, column_step;

  template <class Function>
  HWY_INLINE void for_each_place(Function f) const {
    f(0);
    f(column_step);
    f(row_step);
    f(row_step + column_step);
  }
};

// Which values are the largest so far. Of equal ones the first stays; NaN always enters.
template <class V>
HWY_INLINE auto Enters(V value, V best) {
  return hn::Or(hn::Gt(value, best), hn::IsNaN(value));
}

template <class D, class Window>
HWY_INLINE void Max(D d, const Window& w, const float* x, float* y) {
  auto best = hn::LoadU(d, x);
  w.for_each_place([&](int64_t at) HWY_ATTR {
    const auto value = hn::LoadU(d, x + at);
    best = hn::IfThenElse(Enters(value, best), value, best);
  });
  hn::StoreU(best, d, y);
}

template <class D, class Window>
HWY_INLINE void Pick(D d, const Window& w, const float* x, const float* v, float* y) {
  auto best = hn::LoadU(d, x), picked = hn::LoadU(d, v);
  w.for_each_place([&](int64_t at) HWY_ATTR {
    const auto value = hn::LoadU(d, x + at);
    const auto enters = Enters(value, best);
    best = hn::IfThenElse(enters, value, best);
    picked = hn::IfThenElse(enters, hn::LoadU(d, v + at), picked);
  });
  hn::StoreU(picked, d, y);
}

// Places are counted in f32: no window has 2^24. dx may be x if no places are shared.
template <bool kTiled, class D, class Window>
HWY_INLINE void MaxGradient(D d, const Window& w, const float* x, const float* dy, float* dx) {
  const auto one = hn::Set(d, 1.0f);
  auto best = hn::LoadU(d, x), place = hn::Zero(d), number = hn::Zero(d);
  w.for_each_place([&](int64_t at) HWY_ATTR {
    const auto value = hn::LoadU(d, x + at);
    const auto enters = Enters(value, best);
    best = hn::IfThenElse(enters, value, best);
    place = hn::IfThenElse(enters, number, place);
    number = hn::Add(number, one);
  });
  const auto slope = hn::LoadU(d, dy);
  number = hn::Zero(d);
  w.for_each_place([&](int64_t at) HWY_ATTR {
    const auto share = hn::IfThenElseZero(hn::Eq(place, number), slope);
    hn::StoreU(kTiled ? share : hn::Add(hn::LoadU(d, dx + at), share), d, dx + at);
    number = hn::Add(number, one);
  });
}

template <class D, class Window>
HWY_INLINE void Avg(D d, const Window& w, float area, const float* x, float* y) {
  auto sum = hn::Zero(d);
  w.for_each_place([&](int64_t at) HWY_ATTR { sum = hn::Add(sum, hn::LoadU(d, x + at)); });
  hn::StoreU(hn::Div(sum, hn::Set(d, area)), d, y);
}

template <bool kTiled, class D, class Window>
HWY_INLINE void AvgGradient(D d, const Window& w, float area, const float* dy, float* dx) {
  const auto share = hn::Div(hn::LoadU(d, dy), hn::Set(d, area));
  w.for_each_place([&](int64_t at) HWY_ATTR {
    hn::StoreU(kTiled ? share : hn::Add(hn::LoadU(d, dx + at), share), d, dx + at);
  });
}

// `image` and `pooled` are offsets into the band's memory.
template <Pool kPool, bool kTiled, class D, class Window>
HWY_INLINE void RunWindow(D d, const Window& w, float area, const PoolBand& b, int64_t image,
                          int64_t pooled) {
  if constexpr (kPool == Pool::max) Max(d, w, b.x + image, b.out + pooled);
  if constexpr (kPool == Pool::pick) Pick(d, w, b.x + image, b.other + image, b.out + pooled);
  if constexpr (kPool == Pool::max_gradient)
    MaxGradient<kTiled>(d, w, b.x + image, b.other + pooled, b.out + image);
  if constexpr (kPool == Pool::avg) Avg(d, w, area, b.x + image, b.out + pooled);
  if constexpr (kPool == Pool::avg_gradient)
    AvgGradient<kTiled>(d, w, area, b.other + pooled, b.out + image);
}

// Whole vectors of channels, then what is left one by one.
template <Pool kPool, bool kTiled, class Window>
void RunWindows(const PoolWindows& g, const PoolBand& b) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const auto lanes = static_cast<int64_t>(hn::Lanes(whole));
  const auto area = static_cast<float>(g.rows.kernel * g.columns.kernel);
  const int64_t row_step = g.columns.length * g.channels;
  for (int64_t i = b.window; i < b.window_end; ++i)
    for (int64_t j = 0; j < g.columns.windows; ++j) {
      const int64_t row = g.rows.begin(i), column = g.columns.begin(j);
      const Window w{g.rows.end(i) - row, g.columns.end(j) - column, row_step, g.channels};
      const int64_t image = (row - b.row) * row_step + column * g.channels;
      const int64_t pooled = ((i - b.window) * g.columns.windows + j) * g.channels;
      int64_t c = 0;
      for (; c + lanes <= g.channels; c += lanes)
        RunWindow<kPool, kTiled>(whole, w, area, b, image + c, pooled + c);
      for (; c < g.channels; ++c)
        RunWindow<kPool, kTiled>(single, w, area, b, image + c, pooled + c);
    }
}

template <Pool kPool>
void RunBandOf(const PoolWindows& g, const PoolBand& b) {
  constexpr bool kToImage = kPool == Pool::max_gradient || kPool == Pool::avg_gradient;
  if (g.two_by_two()) return RunWindows<kPool, true, TwoByTwo>(g, b);
  if (kToImage) std::fill_n(b.out, (b.row_end - b.row) * g.columns.length * g.channels, 0.0f);
  RunWindows<kPool, false, AnyWindow>(g, b);
}

}  // namespace

void RunPoolBand(Pool pool, const PoolWindows& g, const PoolBand& b) {
  switch (pool) {
    case Pool::max: return RunBandOf<Pool::max>(g, b);
    case Pool::max_gradient: return RunBandOf<Pool::max_gradient>(g, b);
    case Pool::pick: return RunBandOf<Pool::pick>(g, b);
    case Pool::avg: return RunBandOf<Pool::avg>(g, b);
    case Pool::avg_gradient: return RunBandOf<Pool::avg_gradient>(g, b);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace omni::ops
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace omni::ops {
namespace {
HWY_EXPORT(RunPoolBand);

// A value of the step, seen as f32: itself, or a copy of one band in scratch memory.
struct Operand {
  cpu::Cell<char> cell = cpu::Cell<char>();
  bool narrow = false;  // stored as bf16
  cpu::Cell<char> scratch = cpu::Cell<char>();
  int64_t scratch_offset = 0;

  float* copy() const { return reinterpret_cast<float*>(scratch.get() + scratch_offset); }
  uint16_t* narrow_at(int64_t at) const { return reinterpret_cast<uint16_t*>(cell.get()) + at; }
  float* wide_at(int64_t at) const { return reinterpret_cast<float*>(cell.get()) + at; }

  const float* read(int64_t at, int64_t n) const {
    if (!narrow) return wide_at(at);
    cpu::load_bf16(narrow_at(at), copy(), n);
    return copy();
  }
  float* write(int64_t at) const { return narrow ? copy() : wide_at(at); }
  void written(int64_t at, int64_t n) const {
    if (narrow) cpu::store_bf16(copy(), narrow_at(at), n);
  }
};

Pool pool_of(const OpDef& op) {
  if (&op == &max_pool2d) return Pool::max;
  if (&op == &max_pool2d_gradient) return Pool::max_gradient;
  if (&op == &max_pool2d_pick) return Pool::pick;
  return &op == &avg_pool2d ? Pool::avg : Pool::avg_gradient;
}

struct PoolStep {
  Pool pool;
  PoolWindows windows;
  int64_t images;
  Operand x, other, out;  // x or other may be absent

  // Windows that do not overlap in rows: each row of windows has a band of its own.
  bool apart() const { return windows.rows.stride >= windows.rows.kernel; }
  int64_t window_rows_per_band() const { return apart() ? 1 : windows.rows.windows; }

  void operator()(int part, int parts) const {
    for (int64_t b = images * part / parts; b < images * (part + 1) / parts; ++b)
      for (int64_t i = 0; i < windows.rows.windows; i += window_rows_per_band()) run_band(b, i);
  }

  // From window row i to the next band's; the bands together hold every row of the image.
  void run_band(int64_t image, int64_t i) const {
    const PoolAxis& rows = windows.rows;
    const int64_t i_end = i + window_rows_per_band();
    const int64_t row = i == 0 ? 0 : rows.begin(i);
    const int64_t row_end = i_end == rows.windows ? rows.length : rows.begin(i_end);
    PoolBand band{row, row_end, i, i_end, nullptr, nullptr, nullptr};
    const int64_t image_row = windows.columns.length * windows.channels;
    const int64_t pooled_row = windows.columns.windows * windows.channels;
    const int64_t at = (image * rows.length + row) * image_row;
    const int64_t size = (row_end - row) * image_row;
    const int64_t pooled_at = (image * rows.windows + i) * pooled_row;
    const int64_t pooled_size = (i_end - i) * pooled_row;
    const bool to_image = pool == Pool::max_gradient || pool == Pool::avg_gradient;

    if (pool != Pool::avg_gradient) band.x = x.read(at, size);
    if (pool == Pool::pick) band.other = other.read(at, size);
    if (to_image) band.other = other.read(pooled_at, pooled_size);
    band.out = out.write(to_image ? at : pooled_at);
    HWY_DYNAMIC_DISPATCH(RunPoolBand)(pool, windows, band);
    out.written(to_image ? at : pooled_at, to_image ? size : pooled_size);
  }
};

}  // namespace

void plan_pool(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Pool pool = pool_of(*n.op);
  const Shape& image = pool == Pool::avg_gradient ? n.type.shape : p.type(n.in[0]).shape;
  const int64_t largest_band = round_up(image[1] * image[2] * image[3] * size_of(DType::f32), 64);
  int64_t scratch_bytes = 0;
  const auto operand = [&](int node) {
    Operand o{.cell = cpu::Cell<char>(p.address(node)),
              .narrow = p.dtype(node) == DType::bf16,
              .scratch_offset = scratch_bytes};
    if (o.narrow) scratch_bytes += largest_band;
    return o;
  };
  PoolStep step{pool, PoolWindows(image, n.attrs), image[0], Operand(), Operand(), operand(id)};
  if (pool == Pool::avg_gradient) {
    step.other = operand(n.in[0]);
  } else {
    step.x = operand(n.in[0]);
    if (n.in.size() == 2) step.other = operand(n.in[1]);
  }
  if (scratch_bytes == 0) return p.divisible_step(id, step);
  // Scratch memory belongs to one thread.
  for (Operand* o : {&step.x, &step.other, &step.out}) o->scratch = p.scratch(scratch_bytes);
  p.step(id, [step] { step(0, 1); });
}

}  // namespace omni::ops
#endif
