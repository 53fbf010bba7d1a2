// What pooling means: shapes, batch axes, gradients and plain loops.
#include "ops/pool.h"

#include <cmath>

#include "cpu/op_plan.h"
#include "ops/pool_windows.h"

namespace omni {
namespace {

void require_images(const Type& t, const char* op, const char* which) {
  require(is_float(t.dtype), "{}: {} must be f32, got {} (convert with to_f32)", op, which, t);
  require(t.shape.rank() == 4, "{}: {} must be images [B, H, W, C], got {}", op, which, t);
  require(t.count() > 0, "{}: {} has an axis of length 0: {}", op, which, t);
}

// Samples and channels are pooled apart from each other, rows and columns are not.
int pooled_batch(const Type& t) { return t.batch == 1 || t.batch == 2 ? kMixedBatch : t.batch; }
int pooled_batch(const Type& a, const Type& b) {
  return a.batch == b.batch ? pooled_batch(a) : kMixedBatch;
}

Shape pooled_shape(const Shape& image, const Attrs& a, const char* op) {
  for (int axis = 0; axis < 2; ++axis)
    require(a.list("kernel")[axis] <= image[1 + axis] + 2 * a.list("padding")[axis],
            "{}: the kernel has {} {}, the image {} has only {} with padding {}", op,
            a.list("kernel")[axis], axis == 0 ? "rows" : "columns", image,
            image[1 + axis] + 2 * a.list("padding")[axis], a.list("padding")[axis]);
  const ops::PoolWindows w(image, a);
  return {image[0], w.rows.windows, w.columns.windows, image[3]};
}

void require_pooled(const Type& dy, const Shape& image, const Attrs& a, const char* op) {
  require_images(dy, op, "dy");
  const Shape wanted = pooled_shape(image, a, op);
  require(dy.shape == wanted, "{}: an image {} is pooled to {}, dy is {}", op, image, wanted, dy);
}

Type max_pool_type(std::span<const Type> in, const Attrs& a) {
  require_images(in[0], "max_pool2d", "x");
  return {DType::f32, pooled_shape(in[0].shape, a, "max_pool2d"), pooled_batch(in[0])};
}

Type max_pool_gradient_type(std::span<const Type> in, const Attrs& a) {
  require_images(in[0], "max_pool2d_gradient", "x");
  require_pooled(in[1], in[0].shape, a, "max_pool2d_gradient");
  return {DType::f32, in[0].shape, pooled_batch(in[0], in[1])};
}

Type max_pool_pick_type(std::span<const Type> in, const Attrs& a) {
  const char* op = "max_pool2d_pick";
  require_images(in[0], op, "x");
  require_images(in[1], op, "v");
  require(in[0].shape == in[1].shape, "{}: x and v must have one shape, got {} and {}", op, in[0],
          in[1]);
  return {DType::f32, pooled_shape(in[0].shape, a, op), pooled_batch(in[0], in[1])};
}

Type avg_pool_type(std::span<const Type> in, const Attrs& a) {
  require_images(in[0], "avg_pool2d", "x");
  return {DType::f32, pooled_shape(in[0].shape, a, "avg_pool2d"), pooled_batch(in[0])};
}

Type avg_pool_gradient_type(std::span<const Type> in, const Attrs& a) {
  const Shape image(a.list("shape"));
  require_images({DType::f32, image}, "avg_pool2d_gradient", "the input");
  require_pooled(in[0], image, a, "avg_pool2d_gradient");
  return {DType::f32, image, pooled_batch(in[0])};
}

// Calls f(y index, x indices of the window's places in row-major order) for every window.
template <class Function>
void for_each_window(const Shape& image, const Attrs& a, Function f) {
  const ops::PoolWindows w(image, a);
  std::vector<int64_t> places;
  int64_t y = 0;
  for (int64_t b = 0; b < image[0]; ++b)
    for (int64_t i = 0; i < w.rows.windows; ++i)
      for (int64_t j = 0; j < w.columns.windows; ++j)
        for (int64_t c = 0; c < image[3]; ++c) {
          places.clear();
          for (int64_t r = w.rows.begin(i); r < w.rows.end(i); ++r)
            for (int64_t s = w.columns.begin(j); s < w.columns.end(j); ++s)
              places.push_back(((b * image[1] + r) * image[2] + s) * image[3] + c);
          f(y++, places);
        }
}

int64_t place_of_maximum(const std::vector<double>& x, const std::vector<int64_t>& places) {
  int64_t best = places[0];
  for (const int64_t p : places)
    if (x[p] > x[best] || std::isnan(x[p])) best = p;
  return best;
}

void max_pool_reference(RefContext& c) {
  const auto& x = c.in(0).v;
  for_each_window(c.in(0).type.shape, c.attrs(), [&](int64_t y, const auto& places) {
    c.out().v[y] = x[place_of_maximum(x, places)];
  });
}

void max_pool_gradient_reference(RefContext& c) {
  const auto& x = c.in(0).v;
  for_each_window(c.in(0).type.shape, c.attrs(), [&](int64_t y, const auto& places) {
    c.out().v[place_of_maximum(x, places)] += c.in(1).v[y];
  });
}

void max_pool_pick_reference(RefContext& c) {
  const auto& x = c.in(0).v;
  for_each_window(c.in(0).type.shape, c.attrs(), [&](int64_t y, const auto& places) {
    c.out().v[y] = c.in(1).v[place_of_maximum(x, places)];
  });
}

double area(const Attrs& a) {
  return static_cast<double>(a.list("kernel")[0] * a.list("kernel")[1]);
}

void avg_pool_reference(RefContext& c) {
  for_each_window(c.in(0).type.shape, c.attrs(), [&](int64_t y, const auto& places) {
    for (const int64_t p : places) c.out().v[y] += c.in(0).v[p] / area(c.attrs());
  });
}

void avg_pool_gradient_reference(RefContext& c) {
  for_each_window(c.out().type.shape, c.attrs(), [&](int64_t y, const auto& places) {
    for (const int64_t p : places) c.out().v[p] += c.in(0).v[y] / area(c.attrs());
  });
}

Pool2d options_of(const Attrs& a) {
  const auto pair = [&](const char* name) { return std::array{a.list(name)[0], a.list(name)[1]}; };
  return {pair("kernel"), pair("stride"), pair("padding")};
}

void max_pool_grad(GradContext& c) {
  c.add(0, max_pool2d_gradient(c.x(0), c.dy(), options_of(c.attrs())));
}
void max_pool_gradient_grad(GradContext& c) {
  c.add(1, max_pool2d_pick(c.x(0), c.dy(), options_of(c.attrs())));
}
void max_pool_pick_grad(GradContext& c) {
  c.add(1, max_pool2d_gradient(c.x(0), c.dy(), options_of(c.attrs())));
}
void avg_pool_grad(GradContext& c) {
  c.add(0, avg_pool2d_gradient(c.dy(), c.x(0).shape(), options_of(c.attrs())));
}
void avg_pool_gradient_grad(GradContext& c) { c.add(0, avg_pool2d(c.dy(), options_of(c.attrs()))); }

Attrs attrs_of(const Pool2d& o, const char* op) {
  std::vector<int64_t> kernel, stride, padding;
  for (int axis = 0; axis < 2; ++axis) {
    require(o.kernel[axis] >= 1, "{}: the kernel must be at least 1, got {}", op, o.kernel[axis]);
    require(o.stride[axis] >= 0, "{}: the stride must be at least 1, or 0 for the kernel's, got {}",
            op, o.stride[axis]);
    require(o.padding[axis] >= 0 && 2 * o.padding[axis] <= o.kernel[axis],
            "{}: the padding must be from 0 to half of the kernel {}, got {}", op, o.kernel[axis],
            o.padding[axis]);
    kernel.push_back(o.kernel[axis]);
    stride.push_back(o.stride[axis] == 0 ? o.kernel[axis] : o.stride[axis]);
    padding.push_back(o.padding[axis]);
  }
  return {{"kernel", kernel}, {"stride", stride}, {"padding", padding}};
}

}  // namespace

namespace ops {
void plan_pool(cpu::Planner& p, int id);  // pool_cpu.cpp

const OpDef max_pool2d = {.name = "max_pool2d",
                          .arity = 1,
                          .type = max_pool_type,
                          .grad = max_pool_grad,
                          .reference = max_pool_reference,
                          .cpu = &cpu::planned_by<plan_pool>,
                          .takes_bf16 = true};
const OpDef max_pool2d_gradient = {.name = "max_pool2d_gradient",
                                   .arity = 2,
                                   .type = max_pool_gradient_type,
                                   .grad = max_pool_gradient_grad,
                                   .reference = max_pool_gradient_reference,
                                   .cpu = &cpu::planned_by<plan_pool>,
                                   .takes_bf16 = true};
const OpDef max_pool2d_pick = {.name = "max_pool2d_pick",
                               .arity = 2,
                               .type = max_pool_pick_type,
                               .grad = max_pool_pick_grad,
                               .reference = max_pool_pick_reference,
                               .cpu = &cpu::planned_by<plan_pool>,
                               .takes_bf16 = true};
const OpDef avg_pool2d = {.name = "avg_pool2d",
                          .arity = 1,
                          .type = avg_pool_type,
                          .grad = avg_pool_grad,
                          .reference = avg_pool_reference,
                          .cpu = &cpu::planned_by<plan_pool>,
                          .takes_bf16 = true};
const OpDef avg_pool2d_gradient = {.name = "avg_pool2d_gradient",
                                   .arity = 1,
                                   .type = avg_pool_gradient_type,
                                   .grad = avg_pool_gradient_grad,
                                   .reference = avg_pool_gradient_reference,
                                   .cpu = &cpu::planned_by<plan_pool>,
                                   .takes_bf16 = true};

bool may_overwrite_image(const Node& n) {
  return n.op == &max_pool2d_gradient && PoolWindows(n.type.shape, n.attrs).two_by_two();
}
}  // namespace ops

Value max_pool2d(Value x, const Pool2d& options) {
  return x.graph->add(ops::max_pool2d, {x}, attrs_of(options, "max_pool2d"));
}

Value max_pool2d_gradient(Value x, Value dy, const Pool2d& options) {
  return x.graph->add(ops::max_pool2d_gradient, {x, dy}, attrs_of(options, "max_pool2d_gradient"));
}

Value max_pool2d_pick(Value x, Value v, const Pool2d& options) {
  return x.graph->add(ops::max_pool2d_pick, {x, v}, attrs_of(options, "max_pool2d_pick"));
}

Value avg_pool2d(Value x, const Pool2d& options) {
  return x.graph->add(ops::avg_pool2d, {x}, attrs_of(options, "avg_pool2d"));
}

Value avg_pool2d_gradient(Value dy, const Shape& input, const Pool2d& options) {
  Attrs attrs = attrs_of(options, "avg_pool2d_gradient");
  attrs.set("shape", input.dims());
  return dy.graph->add(ops::avg_pool2d_gradient, {dy}, std::move(attrs));
}

}  // namespace omni
