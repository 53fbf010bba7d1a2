#include "ops/shape_ops.h"

#include <gtest/gtest.h>

#include <array>

#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::evaluate;
using testing::normal;
using testing::values;
using Values = std::vector<Value>;

constexpr testing::Check kExact = {.tolerance = 0};

// The type that `make` gives a value of type t.
Type type_of(const Type& t, const std::function<Value(Value)>& make) {
  Graph g;
  return make(input(g, "x", t, Role::data)).type();
}

const Type kImages = {DType::f32, {6, 3, 4}, 0};

// 0, 1, 2, ... as a value of this shape.
testing::In counting(const Shape& s) {
  std::vector<double> v(s.count());
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i);
  return values(s, v);
}

TEST(Reshape, KeepsOrderAndHasGradient) {
  check_op([](Values x) { return square(reshape(x[0], {2, -1})); }, {normal({3, 4, 2})});
  check_op([](Values x) { return reshape(square(x[0]), {24}); }, {normal({3, 4, 2}, 1, 0)});
  check_op([](Values x) { return exp(flatten(x[0])); }, {normal({5, 2, 3}, 2, 0)});
}

TEST(Reshape, ResolvesTheOpenDimension) {
  Graph g;
  const Value v = reshape(input(g, "x", kImages, Role::data), {-1, 12});
  EXPECT_EQ(v.shape(), (Shape{6, 12}));
  EXPECT_EQ(v.node().attrs.list("shape"), (std::vector<int64_t>{6, 12}));
}

TEST(Reshape, FollowsTheBatchAxis) {
  const auto batch = [](const Type& t, const Shape& to) {
    return type_of(t, [&](Value x) { return reshape(x, to); }).batch;
  };
  EXPECT_EQ(batch(kImages, {6, 12}), 0);
  EXPECT_EQ(batch(kImages, {1, 6, 12}), 1);
  EXPECT_EQ(batch(kImages, {18, 4}), kMixedBatch);
  EXPECT_EQ(batch(kImages, {2, 3, 12}), kMixedBatch);
  EXPECT_EQ(batch({DType::f32, {2, 3, 6, 4}, 2}, {6, 6, 4}), 1);
  EXPECT_EQ(batch({DType::f32, {1, 1, 12}, 0}, {1, 12}), 0);
  EXPECT_EQ(batch({DType::f32, {6, 12}, kNoBatch}, {12, 6}), kNoBatch);
  EXPECT_EQ(batch({DType::f32, {6, 12}, kMixedBatch}, {6, 12}), kMixedBatch);
}

TEST(Reshape, RefusesOtherCounts) {
  const auto to = [](const Shape& s) {
    return type_of(kImages, [&](Value x) { return reshape(x, s); });
  };
  EXPECT_THROW(to({5, 12}), UserError);
  EXPECT_THROW(to({-1, 5}), UserError);
  EXPECT_THROW(to({-1, -1, 6}), UserError);
  EXPECT_THROW(to({0, -1}), UserError);
}

TEST(Transpose, EveryOrderOfThreeAxes) {
  for (const std::array<int64_t, 3>& order : {std::array<int64_t, 3>{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    const std::vector<int64_t> perm(order.begin(), order.end());
    check_op([&](Values x) { return transpose(x[0], perm); }, {normal({3, 5, 4})}, kExact);
    check_op([&](Values x) { return transpose(x[0], perm); },
             {{.type = {DType::f32, {17, 33, 19}}, .values = counting({17, 33, 19}).values,
               .gradient = false}},
             kExact);
  }
}

TEST(Transpose, MatricesAroundTheTileAndRankFour) {
  for (const int64_t n : {1, 15, 16, 17, 40})
    check_op([](Values x) { return transpose(x[0], {1, 0}); }, {normal({n, 33})},
             {.tolerance = 0, .gradient = false});
  check_op([](Values x) { return transpose(x[0], {0, 2, -1, 1}); }, {normal({2, 3, 4, 5}, 1, 0)},
           kExact);
  check_op([](Values x) { return transpose(x[0], {0, 2, 1, 3}); }, {normal({2, 3, 4, 5}, 2, 0)},
           kExact);
}

TEST(Transpose, MovesTheBatchAxisAndChecksTheOrder) {
  const auto with = [](std::vector<int64_t> perm) {
    return type_of(kImages, [&](Value x) { return transpose(x, perm); });
  };
  EXPECT_EQ(with({1, 0, 2}), (Type{DType::f32, {3, 6, 4}, 1}));
  EXPECT_EQ(with({1, 2, 0}).batch, 2);
  EXPECT_THROW(with({0, 0, 1}), UserError);
  EXPECT_THROW(with({0, 1}), UserError);
  EXPECT_THROW(with({0, 1, 3}), UserError);
}

TEST(Slice, TakesParts) {
  check_op([](Values x) { return slice(x[0], 1, 1, 3); }, {normal({3, 4, 5})}, kExact);
  check_op([](Values x) { return slice(x[0], -1, 2, kToEnd); }, {normal({3, 4, 5}, 1, 0)}, kExact);
  check_op([](Values x) { return slice(x[0], {1, 0, 3}, {3, 4, 4}); }, {normal({3, 4, 5})}, kExact);
  check_op([](Values x) { return slice(x[0], 0, 7, 8); }, {normal({9})}, kExact);
  const RefArray middle =
      evaluate([](Values x) { return slice(x[0], {1, 1}, {3, 2}); }, {counting({4, 3})});
  EXPECT_EQ(middle.v, (std::vector<double>{4, 7}));
}

TEST(Slice, CutsOfTheBatchMixSamples) {
  const auto batch = [](int64_t begin, int64_t end) {
    return type_of(kImages, [&](Value x) { return slice(x, 0, begin, end); }).batch;
  };
  EXPECT_EQ(batch(0, 6), 0);
  EXPECT_EQ(batch(0, kToEnd), 0);
  EXPECT_EQ(batch(1, kToEnd), kMixedBatch);
  EXPECT_EQ(batch(0, 5), kMixedBatch);
  EXPECT_EQ(type_of(kImages, [](Value x) { return slice(x, 1, 0, 2); }).batch, 0);
}

TEST(Slice, WholeAxesStayWholeWhenTheBatchShrinks) {
  Graph g;
  const Value v = slice(input(g, "x", kImages, Role::data), {0, 1, 0}, {6, 3, 4});
  EXPECT_EQ(v.node().attrs.list("ends"), (std::vector<int64_t>{kToEnd, kToEnd, kToEnd}));
  const Type fewer = {DType::f32, {2, 3, 4}, 0};
  EXPECT_EQ(ops::slice.type(std::span(&fewer, 1), v.node().attrs),
            (Type{DType::f32, {2, 2, 4}, 0}));
}

TEST(Slice, RefusesPartsThatAreNotThere) {
  const auto part = [](int64_t axis, int64_t begin, int64_t end) {
    return type_of(kImages, [&](Value x) { return slice(x, axis, begin, end); });
  };
  EXPECT_THROW(part(1, 2, 2), UserError);
  EXPECT_THROW(part(1, -1, 2), UserError);
  EXPECT_THROW(part(1, 0, 4), UserError);
  EXPECT_THROW(part(3, 0, 1), UserError);
  EXPECT_THROW(type_of(kImages, [](Value x) { return slice(x, {0}, {1}); }), UserError);
}

TEST(Concat, JoinsAlongAnyAxis) {
  for (const int64_t axis : {0, 1, 2}) {
    Shape other = {3, 4, 5};
    other[static_cast<int>(axis)] = 2;
    check_op([&](Values x) { return concat(x, axis); },
             {normal({3, 4, 5}), normal(other, 1), normal({3, 4, 5}, 2)}, kExact);
  }
  check_op([](Values x) { return concat({x[0], x[1]}, -1); },
           {normal({4, 3}, 0, 0), normal({4, 1}, 1, 0)}, kExact);
}

TEST(Concat, FollowsTheBatchAxis) {
  const auto joined = [](const Type& a, const Type& b, int64_t axis) {
    Graph g;
    return concat({input(g, "a", a, Role::data), input(g, "b", b, Role::data)}, axis).type();
  };
  const Type rows = {DType::f32, {4, 3}, 0}, table = {DType::f32, {4, 3}, kNoBatch};
  EXPECT_EQ(joined(rows, rows, 1), (Type{DType::f32, {4, 6}, 0}));
  EXPECT_EQ(joined(rows, rows, 0).batch, kMixedBatch);
  EXPECT_EQ(joined(rows, table, 1).batch, kMixedBatch);
  EXPECT_EQ(joined(table, table, 0).batch, kNoBatch);
  EXPECT_THROW(joined(rows, {DType::f32, {5, 3}, 0}, 1), UserError);
  EXPECT_THROW(joined(rows, {DType::f32, {4}, 0}, 1), UserError);
  EXPECT_THROW(joined(rows, {DType::i32, {4, 3}, 0}, 1), UserError);
}

TEST(Pad, AddsBorders) {
  check_op([](Values x) { return pad(x[0], {0, 1, 2}, {0, 2, 1}); }, {normal({3, 4, 5}, 0, 0)},
           kExact);
  check_op([](Values x) { return pad(x[0], {1, 0}, {2, 0}, -0.5); }, {normal({3, 4})}, kExact);
  const RefArray line =
      evaluate([](Values x) { return pad(x[0], {1}, {2}, 9); }, {counting({2})});
  EXPECT_EQ(line.v, (std::vector<double>{9, 0, 1, 9, 9}));
}

TEST(Pad, FollowsTheBatchAxis) {
  const auto with = [](std::vector<int64_t> before) {
    return type_of(kImages, [&](Value x) { return pad(x, before, {0, 0, 0}); });
  };
  EXPECT_EQ(with({0, 1, 1}), (Type{DType::f32, {6, 4, 5}, 0}));
  EXPECT_EQ(with({1, 0, 0}).batch, kMixedBatch);
  EXPECT_THROW(with({0, -1, 0}), UserError);
  EXPECT_THROW(with({0, 1}), UserError);
}

TEST(ShapeOps, MoveIntegersAndBytes) {
  const testing::In pixels = testing::bytes({6, 5, 7}), numbers = testing::integers({5, 6}, -9, 9);
  const auto f32 = [](Value v) { return convert(v, DType::f32); };
  check_op([&](Values x) { return f32(transpose(x[0], {2, 0, 1})); }, {pixels}, kExact);
  check_op([&](Values x) { return f32(slice(x[0], 2, 1, 4)); }, {pixels}, kExact);
  check_op([&](Values x) { return f32(pad(x[0], {0, 1, 1}, {0, 0, 1}, 7)); }, {pixels}, kExact);
  check_op([&](Values x) { return f32(concat({x[0], x[0]}, 1)); }, {pixels}, kExact);
  check_op([&](Values x) { return f32(transpose(x[0], {1, 0})); }, {numbers}, kExact);
  check_op([&](Values x) { return f32(pad(x[0], {1, 1}, {0, 0}, -3)); }, {numbers}, kExact);
}

TEST(ShapeOps, SecondDerivativesPass) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {4, 3}}, Role::parameter);
  const Value part = slice(transpose(pad(x, {1, 0}, {0, 0}), {1, 0}), 1, 2, 5);
  const Value loss = reduce_sum(part * part * concat({part}, 0), {0, 1});
  const Value first = gradients(loss, std::array{x})[0];
  const Value second = gradients(reduce_sum(first, {0, 1}), std::array{x})[0];
  RefInputs in = {{"x", {x.type(), counting({4, 3}).values}}};
  const RefArray h = interpret(g, in)[second.id];
  // x's first row leaves the part; elsewhere the loss is the sum of x^3.
  for (int i = 0; i < 12; ++i) EXPECT_EQ(h.v[i], i < 3 ? 0 : 6.0 * i) << i;
}

const testing::Samples kSamples = {
    {&ops::reshape, [](Graph& g) { return reshape(testing::rows(g), {4, 3, 1}); }},
    {&ops::transpose, [](Graph& g) { return transpose(testing::rows(g), {1, 0}); }},
    {&ops::slice, [](Graph& g) { return slice(testing::rows(g), 1, 1, 3); }},
    {&ops::concat, [](Graph& g) { return concat({testing::rows(g), testing::rows(g, "y")}, 1); }},
    {&ops::pad, [](Graph& g) { return pad(testing::rows(g), {0, 1}, {0, 2}); }},
};

}  // namespace
}  // namespace omni
