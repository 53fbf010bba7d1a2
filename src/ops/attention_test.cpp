// Attention against its reference and elementary form: masks, shared keys, gradients of both
// orders.
#include "ops/attention.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::evaluate;
using testing::expect_refused;
using testing::In;
using testing::normal;
using Values = std::vector<Value>;

struct Case {
  int64_t batch, queries, keys, width;
  AttentionOptions options;
  std::vector<In> inputs() const {
    const int64_t kv_heads = options.kv_heads == 0 ? options.heads : options.kv_heads;
    return {normal({batch, queries, options.heads * width}, 0, 0),
            normal({batch, keys, kv_heads * width}, 1, 0),
            normal({batch, keys, kv_heads * width}, 2, 0)};
  }
};

const std::vector<Case> kCases = {
    {2, 5, 5, 4, {.heads = 1}},
    {3, 17, 17, 8, {.heads = 2}},
    {2, 9, 9, 3, {.heads = 4, .kv_heads = 2, .scale = 1}},
    {2, 6, 6, 4, {.heads = 3, .kv_heads = 1, .causal = false}},
    {1, 20, 20, 4, {.heads = 2, .window = 7}},
    {2, 1, 1, 4, {.heads = 2}},
};

TEST(Attention, AgreesWithItsReferenceAndElementaryForm) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(fmt::format("{} queries, {} heads", c.queries, c.options.heads));
    check_op([&](Values v) { return attention(v[0], v[1], v[2], c.options); }, c.inputs(),
             {.tolerance = 2e-5, .gradient_tolerance = 1e-4});
    const auto fused =
        evaluate([&](Values v) { return attention(v[0], v[1], v[2], c.options); }, c.inputs());
    const auto composed = evaluate(
        [&](Values v) { return attention_composed(v[0], v[1], v[2], c.options); }, c.inputs());
    for (size_t i = 0; i < fused.v.size(); ++i) EXPECT_NEAR(fused.v[i], composed.v[i], 1e-7);
  }
}

// Long sums are added up in parts, rows come in blocks, widths end within a vector.
TEST(Attention, LongRowsAndAllOfTheirGradientsAgreeWithTheElementaryForm) {
  for (const Case& c : {Case{1, 390, 390, 3, {.heads = 1}}, Case{1, 800, 800, 2, {.heads = 1}},
                        Case{1, 800, 800, 2, {.heads = 1, .window = 20}},
                        Case{1, 390, 390, 2, {.heads = 2, .kv_heads = 1, .causal = false}},
                        Case{2, 43, 43, 37, {.heads = 2}}}) {
    SCOPED_TRACE(fmt::format("{} queries, width {}", c.queries, c.width));
    std::vector<In> in = c.inputs();
    in.push_back(normal({c.batch, c.queries, c.options.heads * c.width}, 3, 0));
    const auto results = [&](auto form) {
      return evaluate(
          [&](Values v) {
            const Value y = form(v[0], v[1], v[2], c.options);
            Values all = pullback(y, v[3], std::span<const Value>(v).first(3));
            all.push_back(y);
            for (Value& x : all) x = reshape(x, {x.dim(0), x.dim(1) * x.dim(2)});
            return concat(all, 1);
          },
          in);
    };
    const auto fused = results(attention), composed = results(attention_composed);
    for (size_t i = 0; i < fused.v.size(); ++i) EXPECT_NEAR(fused.v[i], composed.v[i], 1e-5);
  }
}

TEST(Attention, FewQueriesAtTheEndOfManyKeys) {
  for (const Case& c : {Case{2, 3, 11, 4, {.heads = 2}}, Case{1, 17, 40, 4, {.heads = 2}}})
    check_op([&](Values v) { return attention(v[0], v[1], v[2], c.options); }, c.inputs(),
             {.gradient = false});
  expect_refused(
      [&] {
        Graph g;
        const Value q = input(g, "q", {DType::f32, {2, 5, 8}, 0}, Role::data);
        const Value k = input(g, "k", {DType::f32, {2, 4, 8}, 0}, Role::data);
        attention(q, k, k, {.heads = 2});
      },
      "at least as many keys");
}

TEST(Attention, PatternAndMixtureAreItsHalves) {
  for (const Case& c : kCases) {
    const auto halves = [&](Values v) {
      return attention_mix(attention_pattern(v[0], v[1], c.options), v[2], c.options);
    };
    check_op(halves, c.inputs(), {.tolerance = 2e-5, .gradient_tolerance = 1e-4});
    check_op([&](Values v) { return attention_pattern(v[0], v[1], c.options); },
             {c.inputs()[0], c.inputs()[1]}, {.tolerance = 2e-5, .gradient_tolerance = 1e-4});
  }
}

// What the CPU makes of `make(inputs)`.
std::vector<float> on_cpu(const std::function<Value(Values)>& make, const std::vector<In>& in) {
  Graph g;
  Values x;
  for (size_t i = 0; i < in.size(); ++i)
    x.push_back(input(g, "x" + std::to_string(i), in[i].type, Role::data));
  g.result("y", make(x));
  Program program(g);
  std::vector<std::vector<float>> floats;
  for (const In& i : in) floats.push_back({i.values.begin(), i.values.end()});
  for (size_t i = 0; i < in.size(); ++i) program.bind(x[i].node().name, floats[i].data());
  program.run();
  const auto y = program.result("y");
  return {y.begin(), y.end()};
}

TEST(Attention, ANaNReachesThosePositionsThatSeeIt) {
  const Case c{1, 21, 21, 3, {.heads = 1}};  // rows of weights begin at odd places
  std::vector<In> in = c.inputs();
  constexpr size_t kFirst = 9;
  in[1].values[kFirst * 3] = std::numeric_limits<double>::quiet_NaN();
  const auto make = [&](Values v) { return attention(v[0], v[1], v[2], c.options); };
  const auto y = evaluate(make, in);
  const std::vector<float> found = on_cpu(make, in);
  for (size_t i = 0; i < y.v.size(); ++i) {
    EXPECT_EQ(std::isnan(y.v[i]), i / 3 >= kFirst) << i;
    EXPECT_EQ(std::isnan(found[i]), i / 3 >= kFirst) << i;
  }
}

// Others' weights of an infinite value are 0, and 0 times infinity is NaN. Rows are computed in
// blocks of at most 8, so that it may show in the rows before those that see it, and no further.
TEST(Attention, AnInfiniteValueStaysWithinABlockOfThosePositionsThatSeeIt) {
  const Case c{1, 27, 27, 3, {.heads = 1}};
  constexpr size_t kAt = 13, kBlock = 8;
  const auto finite = [](double x) { return std::isfinite(x); };
  std::vector<In> in = c.inputs();
  in.push_back(normal({1, 27, 3}, 3, 0));
  std::vector<In> slopes = in;
  in[2].values[kAt * 3] = std::numeric_limits<double>::infinity();
  const std::vector<float> y = on_cpu(
      [&](Values v) { return attention(v[0], v[1], v[2], c.options); }, {in[0], in[1], in[2]});
  for (size_t t = 0; t < y.size() / 3; ++t) {
    if (t / kBlock == kAt / kBlock && t < kAt) continue;
    EXPECT_EQ(finite(y[t * 3]), t < kAt) << t;
  }

  slopes[3].values[kAt * 3] = std::numeric_limits<double>::infinity();
  const std::vector<float> dv = on_cpu(
      [&](Values v) {
        const Value out = attention(v[0], v[1], v[2], c.options);
        return pullback(out, v[3], std::span<const Value>(v).subspan(2, 1))[0];
      },
      slopes);
  for (size_t s = 0; s < dv.size() / 3; ++s) {
    if (s / kBlock == kAt / kBlock && s > kAt) continue;
    EXPECT_EQ(finite(dv[s * 3]), s > kAt) << s;
  }
}

TEST(Attention, SecondDerivative) {
  const Case c{2, 4, 4, 2, {.heads = 2, .kv_heads = 1}};
  std::vector<In> in = c.inputs();
  in.push_back(normal({2, 4, 4}, 3, 0));
  in.push_back(normal({2, 4, 4}, 4, 0));
  check_op(
      [&](Values v) {
        const std::array wrt = {v[0]};
        const Value loss = sum(square(attention(v[0], v[1], v[2], c.options)) * v[3]);
        return gradients(sum(gradients(loss, wrt)[0] * v[4]), wrt)[0];
      },
      in, {.tolerance = 1e-4, .gradient_tolerance = 1e-3});
}

TEST(Attention, SaysWhatDoesNotFit) {
  Graph g;
  const Value q = input(g, "q", {DType::f32, {2, 5, 8}, 0}, Role::data);
  const Value k = input(g, "k", {DType::f32, {2, 5, 4}, 0}, Role::data);
  expect_refused([&] { attention(q, q, q, {.heads = 3}); }, "does not divide into 3 heads");
  expect_refused([&] { attention(q, k, k, {.heads = 2}); }, "width 4");
  expect_refused([&] { attention(q, q, k, {.heads = 2}); }, "shape of k");
}

Value heads(Graph& g, const char* name) { return testing::f32(g, name, {2, 3, 4}, 0); }

const testing::Samples kSamples = {
    {&ops::attention,
     [](Graph& g) {
       return attention(heads(g, "q"), heads(g, "k"), heads(g, "v"), {.heads = 2});
     }},
    {&ops::attention_grad,
     [](Graph& g) {
       const std::array q = {heads(g, "q")};
       return gradients(sum(attention(q[0], heads(g, "k"), heads(g, "v"), {.heads = 2})), q)[0];
     }},
    {&ops::attention_pattern,
     [](Graph& g) { return attention_pattern(heads(g, "q"), heads(g, "k"), {.heads = 2}); }},
    {&ops::attention_mix,
     [](Graph& g) {
       return attention_mix(testing::f32(g, "pattern", {2, 2, 3, 3}, 0), heads(g, "v"),
                            {.heads = 2});
     }},
};

}  // namespace
}  // namespace omni
