// What convolutions mean: shapes, batch axes, gradients and plain loops.
#include "ops/conv.h"

#include "cpu/op_plan.h"

namespace omni {
namespace {

// One axis of the image: how its length, the kernel's and the output's belong together.
struct Window {
  int64_t stride, padding, dilation;

  int64_t reach(int64_t kernel) const { return dilation * (kernel - 1) + 1; }
  int64_t output(int64_t length, int64_t kernel) const {
    return (length + 2 * padding - reach(kernel)) / stride + 1;
  }
};

Window window(const Attrs& a, int axis) {
  return {a.list("stride")[axis], a.list("padding")[axis], a.list("dilation")[axis]};
}

void require_four_axes(const Type& t, const char* op, const char* which, const char* layout) {
  require(is_float(t.dtype), "{}: {} must be f32, got {} (convert with to_f32)", op, which, t);
  require(t.shape.rank() == 4, "{}: {} must be {}, got {}", op, which, layout, t);
  require(t.count() > 0, "{}: {} has an axis of length 0: {}", op, which, t);
}

void require_images(const Type& t, const char* op, const char* which) {
  require_four_axes(t, op, which, "images [B, H, W, C]");
}

void require_kernel(const Type& t, const char* op) {
  require_four_axes(t, op, "w", "kernels [O, C, kh, kw]");
}

// The output's rows and columns for an image and a kernel.
std::array<int64_t, 2> output_size(const Shape& image, std::array<int64_t, 2> kernel,
                                   const Attrs& a, const char* op) {
  std::array<int64_t, 2> size;
  for (int axis = 0; axis < 2; ++axis) {
    const Window w = window(a, axis);
    const int64_t length = image[1 + axis];
    require(kernel[axis] >= 1, "{}: the kernel has an axis of length {}", op, kernel[axis]);
    require(w.reach(kernel[axis]) <= length + 2 * w.padding,
            "{}: the kernel reaches over {} {}, the image {} has only {} with padding {}", op,
            w.reach(kernel[axis]), axis == 0 ? "rows" : "columns", image, length + 2 * w.padding,
            w.padding);
    size[axis] = w.output(length, kernel[axis]);
  }
  return size;
}

// Samples stand on axis 0 of images; anything else that is batched mixes them.
int image_batch(const Type& t) {
  return t.batch == 0 || t.batch == kNoBatch ? t.batch : kMixedBatch;
}

int product_batch(const Type& images, const Type& kernel) {
  return kernel.batch == kNoBatch ? image_batch(images) : kMixedBatch;
}

Type conv2d_type(std::span<const Type> in, const Attrs& a) {
  const Type &x = in[0], &w = in[1];
  require_images(x, "conv2d", "x");
  require_kernel(w, "conv2d");
  require(x.shape[3] == w.shape[1], "conv2d: x {} has {} channels, w {} wants {}", x, x.shape[3], w,
          w.shape[1]);
  const auto [rows, columns] = output_size(x.shape, {w.shape[2], w.shape[3]}, a, "conv2d");
  return {DType::f32, Shape{x.shape[0], rows, columns, w.shape[0]}, product_batch(x, w)};
}

Type input_gradient_type(std::span<const Type> in, const Attrs& a) {
  const char* op = "conv2d_input_gradient";
  const Type &dy = in[0], &w = in[1];
  require_images(dy, op, "dy");
  require_kernel(w, op);
  const Shape x(a.list("shape"));
  require_images({DType::f32, x}, op, "the input");
  require(x[3] == w.shape[1] && x[0] == dy.shape[0] && dy.shape[3] == w.shape[0],
          "{}: dy {}, w {} and the input {} do not belong together", op, dy, w, x);
  const auto [rows, columns] = output_size(x, {w.shape[2], w.shape[3]}, a, op);
  require(dy.shape[1] == rows && dy.shape[2] == columns,
          "{}: an input {} makes {} rows and {} columns, dy is {}", op, x, rows, columns, dy);
  return {DType::f32, x, product_batch(dy, w)};
}

Type weight_gradient_type(std::span<const Type> in, const Attrs& a) {
  const char* op = "conv2d_weight_gradient";
  const Type &x = in[0], &dy = in[1];
  require_images(x, op, "x");
  require_images(dy, op, "dy");
  const auto& kernel = a.list("kernel");
  const auto [rows, columns] = output_size(x.shape, {kernel[0], kernel[1]}, a, op);
  require(dy.shape[0] == x.shape[0] && dy.shape[1] == rows && dy.shape[2] == columns,
          "{}: x {} makes {} rows and {} columns, dy is {}", op, x, rows, columns, dy);
  const int bx = image_batch(x), bdy = image_batch(dy);
  return {DType::f32, Shape{dy.shape[3], x.shape[3], kernel[0], kernel[1]},
          bx == bdy && bx != kMixedBatch ? kNoBatch : kMixedBatch};
}

// Calls f(x index, w index, y index) for every product that the convolution adds up.
template <class Function>
void for_each_product(const Shape& x, const Shape& w, const Shape& y, const Attrs& a, Function f) {
  const Window row = window(a, 0), column = window(a, 1);
  for (int64_t b = 0; b < y[0]; ++b)
    for (int64_t i = 0; i < y[1]; ++i)
      for (int64_t j = 0; j < y[2]; ++j)
        for (int64_t r = 0; r < w[2]; ++r)
          for (int64_t s = 0; s < w[3]; ++s) {
            const int64_t xi = i * row.stride - row.padding + r * row.dilation;
            const int64_t xj = j * column.stride - column.padding + s * column.dilation;
            if (xi < 0 || xi >= x[1] || xj < 0 || xj >= x[2]) continue;
            for (int64_t o = 0; o < w[0]; ++o)
              for (int64_t c = 0; c < w[1]; ++c)
                f(((b * x[1] + xi) * x[2] + xj) * x[3] + c, ((o * w[1] + c) * w[2] + r) * w[3] + s,
                  ((b * y[1] + i) * y[2] + j) * y[3] + o);
          }
}

void conv2d_reference(RefContext& c) {
  const RefArray &x = c.in(0), &w = c.in(1);
  RefArray& y = c.out();
  for_each_product(x.type.shape, w.type.shape, y.type.shape, c.attrs(),
                   [&](int64_t ix, int64_t iw, int64_t iy) { y.v[iy] += x.v[ix] * w.v[iw]; });
}

void input_gradient_reference(RefContext& c) {
  const RefArray &dy = c.in(0), &w = c.in(1);
  RefArray& dx = c.out();
  for_each_product(dx.type.shape, w.type.shape, dy.type.shape, c.attrs(),
                   [&](int64_t ix, int64_t iw, int64_t iy) { dx.v[ix] += dy.v[iy] * w.v[iw]; });
}

void weight_gradient_reference(RefContext& c) {
  const RefArray &x = c.in(0), &dy = c.in(1);
  RefArray& dw = c.out();
  for_each_product(x.type.shape, dw.type.shape, dy.type.shape, c.attrs(),
                   [&](int64_t ix, int64_t iw, int64_t iy) { dw.v[iw] += x.v[ix] * dy.v[iy]; });
}

Conv2d options_of(const Attrs& a) {
  const auto pair = [&](const char* name) { return std::array{a.list(name)[0], a.list(name)[1]}; };
  return {pair("stride"), pair("padding"), pair("dilation")};
}

std::array<int64_t, 2> kernel_of(Value w) { return {w.dim(2), w.dim(3)}; }

void conv2d_grad(GradContext& c) {
  const Value x = c.x(0), w = c.x(1);
  const Conv2d options = options_of(c.attrs());
  c.add(0, conv2d_input_gradient(c.dy(), w, x.shape(), options));
  c.add(1, conv2d_weight_gradient(x, c.dy(), kernel_of(w), options));
}

void input_gradient_grad(GradContext& c) {
  const Value dy = c.x(0), w = c.x(1);
  const Conv2d options = options_of(c.attrs());
  c.add(0, conv2d(c.dy(), w, options));
  c.add(1, conv2d_weight_gradient(c.dy(), dy, kernel_of(w), options));
}

void weight_gradient_grad(GradContext& c) {
  const Value x = c.x(0), dy = c.x(1);
  const Conv2d options = options_of(c.attrs());
  c.add(0, conv2d_input_gradient(dy, c.dy(), x.shape(), options));
  c.add(1, conv2d(x, c.dy(), options));
}

// Two per product, padding counted as if it were multiplied.
double products(const Shape& kernel, const Shape& output) {
  return 2.0 * static_cast<double>(output.count()) *
         static_cast<double>(kernel.count() / kernel[0]);
}
double conv2d_flops(std::span<const Type> in, const Type& out) {
  return products(in[1].shape, out.shape);
}
double input_gradient_flops(std::span<const Type> in, const Type&) {
  return products(in[1].shape, in[0].shape);
}
double weight_gradient_flops(std::span<const Type> in, const Type& out) {
  return products(out.shape, in[1].shape);
}

Attrs attrs_of(const Conv2d& o, const char* op) {
  for (int axis = 0; axis < 2; ++axis) {
    require(o.stride[axis] >= 1, "{}: the stride must be at least 1, got {}", op, o.stride[axis]);
    require(o.padding[axis] >= 0, "{}: the padding must be at least 0, got {}", op,
            o.padding[axis]);
    require(o.dilation[axis] >= 1, "{}: the dilation must be at least 1 (dense), got {}", op,
            o.dilation[axis]);
  }
  const auto list = [](const std::array<int64_t, 2>& v) {
    return std::vector<int64_t>(v.begin(), v.end());
  };
  return {{"stride", list(o.stride)},
          {"padding", list(o.padding)},
          {"dilation", list(o.dilation)}};
}

}  // namespace

namespace ops {
void plan_conv2d(cpu::Planner& p, int id);  // conv_cpu.cpp
void plan_conv2d_input_gradient(cpu::Planner& p, int id);
void plan_conv2d_weight_gradient(cpu::Planner& p, int id);

const OpDef conv2d = {.name = "conv2d",
                      .arity = 2,
                      .type = conv2d_type,
                      .grad = conv2d_grad,
                      .reference = conv2d_reference,
                      .cpu = &cpu::planned_by<plan_conv2d>,
                      .takes_bf16 = true,
                      .wants_bf16 = true,
                      .flops = conv2d_flops};
const OpDef conv2d_input_gradient = {.name = "conv2d_input_gradient",
                                     .arity = 2,
                                     .type = input_gradient_type,
                                     .grad = input_gradient_grad,
                                     .reference = input_gradient_reference,
                                     .cpu = &cpu::planned_by<plan_conv2d_input_gradient>,
                                     .takes_bf16 = true,
                                     .wants_bf16 = true,
                                     .flops = input_gradient_flops};
const OpDef conv2d_weight_gradient = {.name = "conv2d_weight_gradient",
                                      .arity = 2,
                                      .type = weight_gradient_type,
                                      .grad = weight_gradient_grad,
                                      .reference = weight_gradient_reference,
                                      .cpu = &cpu::planned_by<plan_conv2d_weight_gradient>,
                                      .takes_bf16 = true,
                                      .wants_bf16 = true,
                                      .flops = weight_gradient_flops};
}  // namespace ops

Value conv2d(Value x, Value w, const Conv2d& options) {
  return x.graph->add(ops::conv2d, {x, w}, attrs_of(options, "conv2d"));
}

Value conv2d_input_gradient(Value dy, Value w, const Shape& input, const Conv2d& options) {
  Attrs attrs = attrs_of(options, "conv2d_input_gradient");
  attrs.set("shape", input.dims());
  return dy.graph->add(ops::conv2d_input_gradient, {dy, w}, std::move(attrs));
}

Value conv2d_weight_gradient(Value x, Value dy, std::array<int64_t, 2> kernel,
                             const Conv2d& options) {
  Attrs attrs = attrs_of(options, "conv2d_weight_gradient");
  attrs.set("kernel", std::vector<int64_t>(kernel.begin(), kernel.end()));
  return x.graph->add(ops::conv2d_weight_gradient, {x, dy}, std::move(attrs));
}

}  // namespace omni
