#include "engine/passes.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "engine/testing.h"
#include "executors/cpu/program.h"
#include "graph/inspect.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

using testing::f32;

// Nodes that are not leaves, after simplification.
int ops_left(const Graph& g, const std::set<Pass>& off = {}) {
  Graph to;
  simplify(g, to, cpu::limits().fold, off);
  verify(to, "simplify");
  int count = 0;
  for (int id = 0; id < to.size(); ++id) count += !to.node(id).in.empty();
  return count;
}

TEST(Simplify, FoldsConstants) {
  Graph g;
  const Value a = constant(g, 2), b = constant(g, 3);
  g.result("y", f32(g, "x", {4}) * exp(a * b + 1));
  EXPECT_EQ(ops_left(g), 1);
  EXPECT_EQ(ops_left(g, {Pass::fold_constants}), 4);
  Graph to;
  simplify(g, to, cpu::limits().fold, {});
  EXPECT_EQ(to.size(), 3);  // what was folded is gone, too
  for (int id = 0; id < to.size(); ++id)
    EXPECT_NEAR(constant_value(to.node(id)).value_or(std::exp(7)), std::exp(7), 1e-3);
}

TEST(Simplify, FoldsByTheDevicesArithmetic) {
  Graph g;
  g.result("y", f32(g, "x", {4}) * (constant(g, 2) * 3.0 + 1));
  const auto product_of = [&](Fold fold) {
    Graph to;
    simplify(g, to, fold, {});
    for (int id = 0; id < to.size(); ++id)
      if (const auto x = constant_value(to.node(id)); x && to.size() == 3) return *x;
    return -1.0;  // not folded to one number
  };
  EXPECT_EQ(product_of(cpu::limits().fold), 7);
  const Fold sloppy = [](const OpDef& op, std::span<const float> in) -> std::optional<float> {
    return &op == &ops::mul ? in[0] * in[1] + 0.5f : in[0] + in[1];
  };
  EXPECT_EQ(product_of(sloppy), 7.5);
  EXPECT_EQ(product_of(nullptr), -1);
  const Fold sums = [](const OpDef& op, std::span<const float> in) -> std::optional<float> {
    if (&op != &ops::add) return std::nullopt;
    return in[0] + in[1];
  };
  EXPECT_EQ(product_of(sums), -1);  // the product is left for the run
}

TEST(Simplify, SharesEqualExpressions) {
  Graph g;
  const Value x = f32(g, "x", {4}), w = f32(g, "w", {4});
  g.result("y", tanh(x * w) + tanh(x * w));
  g.result("z", tanh(w * x));  // another order is another expression
  EXPECT_EQ(ops_left(g), 5);
  EXPECT_EQ(ops_left(g, {Pass::common_subexpressions}), 7);
}

TEST(Simplify, TellsNumbersApartByTheirBits) {
  Graph g;
  const Value x = f32(g, "x", {1});
  g.result("one", x * 1.0);
  g.result("nan", x * std::numeric_limits<double>::quiet_NaN());
  g.result("two", x * 2.0);
  g.result("zero", x * 0.0);
  g.result("minus", x * -0.0);
  Program p(g);
  const float value = 3;
  p.bind("x", &value);
  p.run();
  EXPECT_EQ(p.result("one")[0], 3);
  EXPECT_TRUE(std::isnan(p.result("nan")[0]));
  EXPECT_EQ(p.result("two")[0], 6);
  EXPECT_FALSE(std::signbit(p.result("zero")[0]));
  EXPECT_TRUE(std::signbit(p.result("minus")[0]));
}

TEST(Simplify, DropsDeadCodeAndKeepsInputs) {
  Graph g;
  const Value x = f32(g, "x", {4});
  exp(tanh(x));
  f32(g, "unread", {2});
  g.result("y", x * 2.0);
  EXPECT_EQ(ops_left(g), 1);
  EXPECT_EQ(ops_left(g, {Pass::dead_code}), 3);
  Graph to;
  simplify(g, to, cpu::limits().fold, {});
  EXPECT_TRUE(to.find_input("unread"));
}

TEST(Simplify, DropsIdentitiesAndWhatOnlyTheyRead) {
  Graph g;
  const Value x = f32(g, "x", {4}), gate = tanh(exp(f32(g, "w", {4})));
  g.result("y", stop_gradient(route(x, gate)) * 2.0);
  EXPECT_EQ(ops_left(g), 1);
  g.result("d", gradients(sum(square(route(x, gate))), std::vector{x})[0]);
  Graph to;
  simplify(g, to, cpu::limits().fold, {});
  for (int id = 0; id < to.size(); ++id) EXPECT_FALSE(to.node(id).op->identity);
}

// Gradients of x through ReLU and pooling.
struct PooledRelu {
  int64_t masked = 0;  // how many of x's numbers masks look at
  std::vector<uint32_t> bits;
  int64_t slices = 0;
  std::vector<std::string> steps;
};
PooledRelu pooled_relu(const Pool2d& windows, const std::string& off = "", int64_t rows = 2) {
  Graph g;
  const Value x = f32(g, "x", {rows, 6, 6, 3}, 0);
  const Value y = max_pool2d(relu(x), windows), dy = f32(g, "dy", y.shape(), 0);
  g.result("dx", pullback(y, dy, std::vector{x})[0] * 2.0);
  std::set<Pass> passes_off;
  for (const PassInfo& p : passes())
    if (p.name == off) passes_off.insert(p.pass);
  Graph to;
  simplify(g, to, cpu::limits().fold, passes_off);
  verify(to, "simplify");
  PooledRelu found;
  for (int id = 0; id < to.size(); ++id)
    if (to.node(id).op == &ops::where_positive) found.masked += to.node(id).type.count();

  std::vector<float> images(x.type().count()), slopes(y.type().count());
  for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<float>(i * 37 % 11) - 6;
  images[5] = std::numeric_limits<float>::quiet_NaN();
  for (size_t i = 0; i < slopes.size(); ++i) slopes[i] = 0.1f * static_cast<float>(i) - 2;
  slopes[7] = std::numeric_limits<float>::quiet_NaN();
  ProgramOptions options;
  if (!off.empty()) options.passes_off.insert(off);
  Program p(g, options);
  p.bind("x", images.data());
  p.bind("dy", slopes.data());
  p.run();
  for (const float dx : p.result("dx")) found.bits.push_back(std::bit_cast<uint32_t>(dx));
  found.slices = p.slices();
  found.steps = p.step_labels();
  return found;
}

TEST(Simplify, MasksThePooledGradientOfAReLU) {
  for (const Pool2d& windows : {Pool2d{}, Pool2d{{3, 3}, {2, 2}, {1, 1}}}) {
    const PooledRelu few = pooled_relu(windows), many = pooled_relu(windows, "mask-pooled");
    EXPECT_EQ(few.masked, 2 * 3 * 3 * 3);
    EXPECT_EQ(many.masked, 2 * 6 * 6 * 3);
    EXPECT_EQ(few.bits, many.bits);
    EXPECT_EQ(few.bits, pooled_relu(windows, "share-memory").bits);  // with gradients over images
  }
}

// A batch is cut after it is simplified, and what is off is off in its slices, too.
TEST(Simplify, MasksNoPooledGradientOfASlicedBatchWhereThatIsOff) {
  constexpr int64_t kImages = 600;
  const PooledRelu few = pooled_relu({}, "", kImages);
  const PooledRelu many = pooled_relu({}, "mask-pooled", kImages);
  EXPECT_GT(few.slices, 1);
  EXPECT_EQ(few.slices, many.slices);
  const bool everywhere_off = passes_off_here().contains("mask-pooled");
  EXPECT_EQ(few.steps == many.steps, everywhere_off);
  EXPECT_EQ(few.bits, many.bits);
}

TEST(SeparateOutputs, GivesEveryOutputItsOwnNode) {
  Graph g;
  const Value x = f32(g, "x", {2, 2}), y = tanh(x);
  const Value p = input(g, "p", {DType::f32, {2, 2}}, Role::parameter);
  g.result("input", x);
  g.result("twice", y);
  g.result("again", y);
  g.result("reshaped", reshape(y, {4}));
  g.update(p, y);
  separate_outputs(g);
  verify(g, "separate");
  std::set<int> ids;
  for (const Output& o : g.outputs()) {
    EXPECT_TRUE(ids.insert(o.id).second) << o.name;
    EXPECT_FALSE(g.node(o.id).in.empty() || g.node(o.id).op->alias) << o.name;
  }
  EXPECT_EQ(g.outputs()[1].id, y.id);  // no copy where none is needed
}

TEST(SeparateOutputs, CopiesWholeNumbersExactly) {
  Graph g;
  const Value x = input(g, "x", {DType::i32, {3}}, Role::data);
  const Value scalar = input(g, "scalar", {DType::i32, {}}, Role::data);
  g.result("same", x);
  g.result("scalar", scalar);
  Program p(g);
  const int32_t numbers[] = {16777217, -2147483647, 7};
  p.bind("x", numbers);
  p.bind("scalar", numbers);
  p.run();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(p.result<int32_t>("same")[i], numbers[i]);
  EXPECT_EQ(p.result<int32_t>("scalar")[0], numbers[0]);
}

// The environment as the test wants it, put back afterwards.
class Environment {
 public:
  explicit Environment(const char* off) {
    if (const char* old = std::getenv(kName)) saved_ = old;
    set(off);
  }
  ~Environment() { set(saved_ ? saved_->c_str() : nullptr); }
  void set(const char* off) { off ? setenv(kName, off, 1) : unsetenv(kName); }

 private:
  static constexpr const char* kName = "OMNISCALE_PASSES_OFF";
  std::optional<std::string> saved_;
};

TEST(PassNames, AreCheckedAndRead) {
  EXPECT_EQ(passes_named({"dead-code"}), std::set<Pass>{Pass::dead_code});
  const auto all = passes_named({"all"});
  EXPECT_TRUE(all.contains(Pass::fuse_elementwise));
  EXPECT_FALSE(all.contains(Pass::slice_batch));  // it changes bits
  for (const PassInfo& p : passes())
    EXPECT_EQ(passes_named({p.name}), std::set<Pass>{p.pass}) << p.name;
  try {
    passes_named({"fuse-elementwize"});
    FAIL();
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("fuse-elementwise"), std::string::npos) << e.what();
  }
}

TEST(PassNames, OfEqualSetsAreEqual) {
  std::set<std::string> each;
  for (const PassInfo& p : passes())
    if (p.keeps_bits) each.insert(p.name);
  EXPECT_EQ(passes_in("all"), each);
  EXPECT_EQ(passes_in("dead-code,,all"), each);
  EXPECT_EQ(passes_in(""), std::set<std::string>());
}

// Programs take what they are given: what the environment says is asked for where options begin.
TEST(PassNames, OfTheEnvironmentAreThoseOfOptionsThatNameNone) {
  Environment environment("share-memory,dead-code");
  EXPECT_EQ(passes_off_here(), (std::set<std::string>{"dead-code", "share-memory"}));
  EXPECT_EQ(ProgramOptions().passes_off, passes_off_here());
  EXPECT_EQ(passes_named({"fuse-gathers"}), std::set<Pass>{Pass::fuse_gathers});
  environment.set("nonsense");
  EXPECT_THROW(passes_off_here(), UserError);
}

}  // namespace
}  // namespace omni
