// Every op there is: what each owes, and that gradients can always be differentiated again.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <string>

#include "cpu/op_plan.h"
#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/iota.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/pool.h"
#include "ops/random.h"
#include "ops/recompute.h"
#include "ops/reduce.h"
#include "ops/rotary.h"
#include "ops/route.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace omni {
namespace {

// A graph that uses an op, by one of its makers.
struct Sample {
  const OpDef* op;
  std::function<Value(Graph&)> make;
};

Value f32(Graph& g, const char* name, Shape shape, int batch = kNoBatch) {
  return input(g, name, {DType::f32, std::move(shape), batch}, Role::data);
}
Value i32(Graph& g, const char* name, Shape shape, int batch = kNoBatch) {
  return input(g, name, {DType::i32, std::move(shape), batch}, Role::data);
}
Value rows(Graph& g, const char* name = "x") { return f32(g, name, {4, 3}, 0); }
Value images(Graph& g, const char* name = "images") { return f32(g, name, {2, 4, 4, 3}, 0); }
Value pooled(Graph& g) { return f32(g, "pooled", {2, 2, 2, 3}, 0); }

std::vector<Sample> samples() {
  std::vector<Sample> s;
  const auto one = [&](const OpDef& op, Value (*f)(Value)) {
    s.push_back({&op, [f](Graph& g) { return f(rows(g)); }});
  };
  const auto two = [&](const OpDef& op, Value (*f)(Value, Value)) {
    s.push_back({&op, [f](Graph& g) { return f(rows(g), f32(g, "b", {3})); }});
  };
  two(ops::add, add), two(ops::sub, sub), two(ops::mul, mul), two(ops::div, div);
  two(ops::maximum, maximum), two(ops::minimum, minimum), two(ops::pow, pow);
  two(ops::equal, equal), two(ops::not_equal, not_equal), two(ops::less, less);
  two(ops::less_equal, less_equal), two(ops::greater, greater);
  two(ops::greater_equal, greater_equal), two(ops::where_positive, where_positive);
  one(ops::neg, neg), one(ops::abs, abs), one(ops::sign, sign), one(ops::exp, exp);
  one(ops::round_to_bf16, [](Value v) { return round_to_bf16(v); });
  one(ops::log, log), one(ops::log1p, log1p), one(ops::sqrt, sqrt), one(ops::rsqrt, rsqrt);
  one(ops::reciprocal, reciprocal), one(ops::square, square), one(ops::tanh, tanh);
  one(ops::sigmoid, sigmoid), one(ops::erf, erf), one(ops::sin, sin), one(ops::cos, cos);
  one(ops::softplus, softplus), one(ops::relu, relu), one(ops::gelu, gelu);
  one(ops::gelu_tanh, gelu_tanh), one(ops::silu, silu), one(ops::stop_gradient, stop_gradient);

  const auto more = [&](const OpDef& op, std::function<Value(Graph&)> make) {
    s.push_back({&op, std::move(make)});
  };
  more(ops::where, [](Graph& g) { return where(rows(g), rows(g, "a"), rows(g, "b")); });
  more(ops::to_f32, [](Graph& g) { return convert(i32(g, "i", {4}, 0), DType::f32); });
  more(ops::to_i32, [](Graph& g) { return convert(rows(g), DType::i32); });
  more(ops::broadcast_to, [](Graph& g) { return broadcast_to(f32(g, "b", {3}), {4, 3}); });
  more(ops::ema, [](Graph& g) { return ema(rows(g), rows(g, "y"), f32(g, "beta", {})); });
  more(ops::ema_square,
       [](Graph& g) { return ema_square(rows(g), rows(g, "y"), f32(g, "beta", {})); });
  more(ops::adam_step, [](Graph& g) {
    return adam_step(rows(g, "w"), rows(g, "m"), rows(g, "v"), f32(g, "lr", {}), f32(g, "c1", {}),
                     f32(g, "c2", {}), f32(g, "eps", {}));
  });
  more(ops::route, [](Graph& g) { return route(rows(g), f32(g, "w", {4, 1}, 0)); });
  more(ops::recompute, [](Graph& g) { return recompute(exp(rows(g)), rows(g)); });
  more(ops::after, [](Graph& g) { return after(rows(g), rows(g, "y")); });
  const auto heads = [](Graph& g, const char* name) { return f32(g, name, {2, 3, 4}, 0); };
  more(ops::attention, [=](Graph& g) {
    return attention(heads(g, "q"), heads(g, "k"), heads(g, "v"), {.heads = 2});
  });
  more(ops::attention_grad, [=](Graph& g) {
    const Value q = heads(g, "q");
    const Value y = attention(q, heads(g, "k"), heads(g, "v"), {.heads = 2});
    const std::array wrt = {q};
    return gradients(sum(y), wrt)[0];
  });
  more(ops::attention_pattern, [=](Graph& g) {
    return attention_pattern(heads(g, "q"), heads(g, "k"), {.heads = 2});
  });
  more(ops::attention_mix, [=](Graph& g) {
    return attention_mix(f32(g, "pattern", {2, 2, 3, 3}, 0), heads(g, "v"), {.heads = 2});
  });
  more(ops::rotary, [=](Graph& g) { return rotary(heads(g, "x"), {.heads = 2}); });
  more(ops::matmul, [](Graph& g) { return matmul(rows(g), f32(g, "w", {3, 2})); });
  more(ops::contract_rows, [](Graph& g) { return contract_rows(rows(g), rows(g, "y")); });
  more(ops::reduce_sum, [](Graph& g) { return reduce_sum(rows(g), {0}); });
  more(ops::reduce_max, [](Graph& g) { return reduce_max(rows(g), {1}); });
  more(ops::reduce_min, [](Graph& g) { return reduce_min(rows(g), {1}); });
  more(ops::arg_max, [](Graph& g) { return arg_max(rows(g)); });
  more(ops::reshape, [](Graph& g) { return reshape(rows(g), {4, 3, 1}); });
  more(ops::transpose, [](Graph& g) { return transpose(rows(g), {1, 0}); });
  more(ops::slice, [](Graph& g) { return slice(rows(g), 1, 1, 3); });
  more(ops::concat, [](Graph& g) { return concat({rows(g), rows(g, "y")}, 1); });
  more(ops::pad, [](Graph& g) { return pad(rows(g), {0, 1}, {0, 2}); });
  more(ops::gather, [](Graph& g) { return gather(f32(g, "t", {5, 3}), i32(g, "i", {4}, 0)); });
  more(ops::scatter_add, [](Graph& g) { return scatter_add(rows(g), i32(g, "i", {4}, 0), 5); });
  more(ops::one_hot, [](Graph& g) { return one_hot(i32(g, "i", {4}, 0), 5); });
  more(ops::take_last, [](Graph& g) { return take_last(rows(g), i32(g, "i", {4}, 0)); });
  more(ops::iota, [](Graph& g) { return iota(g, {4, 3}, 1); });
  more(ops::softmax, [](Graph& g) { return softmax(rows(g)); });
  more(ops::log_softmax, [](Graph& g) { return log_softmax(rows(g)); });
  more(ops::softmax_cross_entropy,
       [](Graph& g) { return softmax_cross_entropy(rows(g), i32(g, "i", {4}, 0)); });
  more(ops::softmax_cross_entropy_grad, [](Graph& g) {
    return softmax_cross_entropy_grad(rows(g), i32(g, "i", {4}, 0), f32(g, "dy", {4}, 0));
  });
  more(ops::kl_divergence, [](Graph& g) { return kl_divergence(rows(g), rows(g, "y")); });
  more(ops::layer_norm,
       [](Graph& g) { return layer_norm(rows(g), f32(g, "gamma", {3}), f32(g, "beta", {3})); });
  more(ops::conv2d, [](Graph& g) { return conv2d(images(g), f32(g, "k", {5, 3, 2, 2})); });
  more(ops::conv2d_input_gradient, [](Graph& g) {
    return conv2d_input_gradient(f32(g, "dy", {2, 3, 3, 5}, 0), f32(g, "k", {5, 3, 2, 2}),
                                 {2, 4, 4, 3});
  });
  more(ops::conv2d_weight_gradient, [](Graph& g) {
    return conv2d_weight_gradient(images(g), f32(g, "dy", {2, 3, 3, 5}, 0), {2, 2});
  });
  more(ops::max_pool2d, [](Graph& g) { return max_pool2d(images(g)); });
  more(ops::max_pool2d_gradient,
       [](Graph& g) { return max_pool2d_gradient(images(g), pooled(g), {}); });
  more(ops::max_pool2d_pick,
       [](Graph& g) { return max_pool2d_pick(images(g), images(g, "v"), {}); });
  more(ops::avg_pool2d, [](Graph& g) { return avg_pool2d(images(g)); });
  more(ops::avg_pool2d_gradient, [](Graph& g) {
    return avg_pool2d_gradient(pooled(g), {2, 4, 4, 3}, {});
  });
  const auto drawn = [](auto draw) {
    return [draw](Graph& g) {
      return draw(i32(g, "key", {2}), i32(g, "step", {}), i32(g, "index", {4}, 0), "test",
                  Shape{3});
    };
  };
  more(ops::random_uniform, drawn(random_uniform));
  more(ops::random_normal, drawn(random_normal));
  return s;
}

// Found in the headers, so that a new op cannot be forgotten here.
TEST(Catalogue, IsComplete) {
  std::set<std::string> here = {"input", "constant"};
  for (const Sample& s : samples()) EXPECT_TRUE(here.insert(s.op->name).second) << s.op->name;
  const std::regex declaration("extern const OpDef ([^;]*);"), name("[a-z0-9_]+");
  for (const auto& file : std::filesystem::directory_iterator(OMNI_SOURCE_DIR "/src/ops")) {
    if (file.path().extension() != ".h") continue;
    std::ifstream in(file.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator d(text.begin(), text.end(), declaration), end; d != end; ++d) {
      const std::string names = (*d)[1];
      for (std::sregex_iterator n(names.begin(), names.end(), name); n != end; ++n)
        EXPECT_TRUE(here.contains(n->str())) << n->str() << " of " << file.path();
    }
  }
}

TEST(Catalogue, EveryOpMeansSomethingAndRuns) {
  // Products that bf16 precision leaves in f32.
  const std::set<const OpDef*> in_f32 = {&ops::attention, &ops::attention_grad,
                                         &ops::attention_pattern, &ops::attention_mix};
  for (const Sample& s : samples()) {
    Graph g;
    const Value v = s.make(g);
    bool used = false;
    for (int id = 0; id < g.size(); ++id) used |= g.node(id).op == s.op;
    EXPECT_TRUE(used) << s.op->name << " is not in its sample";
    EXPECT_TRUE(s.op->reference) << s.op->name;
    EXPECT_TRUE(s.op->cpu || s.op->identity || s.op->alias) << s.op->name;
    if (const cpu::OpPlan* on_cpu = s.op->cpu) {
      EXPECT_EQ(on_cpu->block != nullptr, s.op->elementwise) << s.op->name;
      EXPECT_EQ(on_cpu->plan != nullptr, !s.op->elementwise) << s.op->name;
    }
    EXPECT_TRUE(v.type().dtype == DType::f32 || !s.op->elementwise || s.op == &ops::to_i32)
        << s.op->name;
    EXPECT_TRUE(s.op->takes_bf16 || !(s.op->wants_bf16 || s.op->elementwise)) << s.op->name;
    EXPECT_EQ(s.op->wants_bf16, s.op->flops != nullptr && !in_f32.contains(s.op)) << s.op->name;
  }
}

// Gradients of gradients: a rule may emit only what has a rule itself.
TEST(Catalogue, GradientsCanBeDifferentiatedAgain) {
  const std::set<const OpDef*> without = {&ops::arg_max, &ops::to_i32};  // whole numbers
  for (const Sample& s : samples()) {
    if (without.contains(s.op)) continue;
    Graph g;
    const Value v = s.make(g);
    std::vector<Value> wrt;
    for (int id = 0; id < g.size(); ++id)
      if (is_input(g.node(id)) && is_float(g.node(id).type.dtype)) wrt.push_back(g.value(id));
    if (wrt.empty()) continue;
    EXPECT_TRUE(s.op->grad) << s.op->name;
    const int before = g.size();
    const auto first = pullback(v, f32(g, "cotangent", v.shape(), v.type().batch), wrt);
    for (int id = before; id < g.size(); ++id) {
      const OpDef& op = *g.node(id).op;
      if (g.node(id).in.empty()) continue;  // nothing to differentiate by
      EXPECT_TRUE(op.grad) << s.op->name << "'s rule emits " << op.name << ", which has none";
      EXPECT_TRUE(op.reference) << op.name;
    }
    for (size_t i = 0; i < wrt.size(); ++i) {
      EXPECT_EQ(first[i].shape(), wrt[i].shape()) << s.op->name;
      EXPECT_NO_THROW(gradients(sum(square(first[i])), wrt)) << s.op->name;
    }
  }
}

}  // namespace
}  // namespace omni
