#include "ops/gather.h"

#include <gtest/gtest.h>

#include <limits>

#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::check_op;
using testing::evaluate;
using testing::integers;
using testing::normal;
using Values = std::vector<Value>;

constexpr testing::Check kExact = {.tolerance = 0};

testing::In indices(const Shape& s, std::vector<double> v, int batch = kNoBatch) {
  return {.type = {DType::i32, s, batch}, .values = std::move(v), .gradient = false};
}

Type type_of(const Type& a, const Type& b, const std::function<Value(Value, Value)>& make) {
  Graph g;
  return make(input(g, "a", a, Role::data), input(g, "b", b, Role::data)).type();
}

const Type kIndex = {DType::i32, {5}, 0}, kFixedIndex = {DType::i32, {5}, kNoBatch};

TEST(Gather, CopiesRowsOfEveryWidth) {
  for (const int64_t width : {1, 2, 7, 300})
    check_op([](Values x) { return gather(x[0], x[1]); },
             {normal({6, width}), integers({9}, 0, 6, 1, 0)});
  check_op([](Values x) { return gather(x[0], x[1]); },
           {normal({6, 2, 3}), integers({4, 3}, 0, 6)});
  check_op([](Values x) { return gather(x[0], x[1]); }, {normal({6}), integers({4, 3}, 0, 6)});
  check_op([](Values x) { return exp(gather(x[0], x[1])); },
           {normal({6, 1}), indices({1}, {4}, 0)});
  check_op([](Values x) { return embedding(x[0], x[1]); },
           {normal({11, 4}), integers({3, 5}, 0, 11, 1, 0)});
}

TEST(Gather, KeepsIntegersAndBytes) {
  const auto rows = [](Values x) { return convert(gather(x[0], x[1]), DType::f32); };
  check_op(rows, {testing::bytes({20, 784}), integers({33}, 0, 20, 1, 0)}, kExact);
  check_op(rows, {testing::bytes({20}), integers({33}, 0, 20, 1, 0)}, kExact);
  check_op(rows, {integers({20}, -100, 100), integers({33}, 0, 20, 1, 0)}, kExact);
  check_op([](Values x) { return convert(gather(x[0], x[1]), DType::f32) * (1.0 / 255) - 0.5; },
           {testing::bytes({20, 28, 28}), integers({33}, 0, 20, 1, 0)});
}

// Bytes are multiplied while they are read where nothing else needs them.
TEST(Gather, BytesTimesAFactor) {
  const auto bytes = testing::bytes({20, 300});
  const auto index = integers({33}, 0, 20, 1, 0);
  const auto factor = [](double x) { return testing::values({1}, {x}); };
  const auto picked = [](Values x) { return gather(x[0], x[1]); };
  const std::vector<std::function<Value(Values)>> graphs = {
      [=](Values x) { return picked(x) * (1.0 / 255); },
      [=](Values x) { return x[2] * picked(x); },
      [=](Values x) { return x[0] * x[2]; },
      [=](Values x) { return exp(picked(x) * x[2]) + picked(x) * x[2]; },
      [=](Values x) { return picked(x) * x[2] + picked(x) * picked(x); },
      [=](Values x) {
        const Value seen = tanh(transpose(x[3], {1, 0})), product = picked(x) * x[2];
        return matmul(transpose(product, {1, 0}), seen + product);
      },
  };
  for (const auto& graph : graphs)
    check_op(graph, {bytes, index, factor(0.25), normal({300, 33})},
             {.gradient = false, .bf16_tolerance = 0.05});
  // Rows outside are zeros, times the factor: the reciprocal shows the sign.
  const testing::In outside = indices({3}, {1, -1, 3}, 0);
  for (const double x :
       {-0.5, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    check_op([=](Values v) { return 1.0 / (picked(v) * v[2]); },
             {testing::bytes({3, 40}), outside, factor(x)}, {.gradient = false});
}

TEST(Gather, RowsOutsideAreZero) {
  const testing::In at = indices({5}, {1, -1, 3, 2147483647, -2147483648.0}, 0);
  for (const Shape& table : {Shape{3}, Shape{3, 2}})
    check_op([](Values x) { return gather(x[0], x[1]); }, {normal(table), at}, kExact);
  check_op([](Values x) { return convert(gather(x[0], x[1]), DType::f32); },
           {testing::bytes({3, 5}), at}, kExact);
  const RefArray out = evaluate([](Values x) { return gather(x[0], x[1]); },
                                {testing::values({3}, {10, 20, 30}), at});
  EXPECT_EQ(out.v, (std::vector<double>{20, 0, 0, 0, 0}));
}

TEST(Gather, TypesFollowTheIndex) {
  const auto type = [](const Type& table, const Type& index) {
    return type_of(table, index, [](Value a, Value b) { return gather(a, b); });
  };
  EXPECT_EQ(type({DType::u8, {9, 4}}, kIndex), (Type{DType::u8, {5, 4}, 0}));
  EXPECT_EQ(type({DType::f32, {9, 4}}, {DType::i32, {2, 5}, 1}), (Type{DType::f32, {2, 5, 4}, 1}));
  EXPECT_EQ(type({DType::f32, {9, 4}, 0}, kIndex).batch, kMixedBatch);
  EXPECT_EQ(type({DType::f32, {9, 4}, 1}, kFixedIndex).batch, kMixedBatch);
  EXPECT_THROW(type({DType::f32, {9, 4}}, {DType::f32, {5}}), UserError);
  EXPECT_THROW(type({DType::f32, {}}, kIndex), UserError);
  EXPECT_THROW(type({DType::f32, {0, 4}}, kIndex), UserError);
  EXPECT_THROW(type_of({DType::i32, {9, 4}}, kIndex, embedding), UserError);
}

TEST(ScatterAdd, SumsRowsAndLeavesOutsiders) {
  check_op([](Values x) { return scatter_add(x[0], x[1], 4); },
           {normal({9, 5}, 0, 0), integers({9}, 0, 4, 1, 0)});
  check_op([](Values x) { return scatter_add(x[0], x[1], 4); },
           {normal({3, 3, 2}), integers({3, 3}, -2, 6)});
  check_op([](Values x) { return scatter_add(x[0], x[1], 1); },
           {normal({50}), integers({50}, 0, 1)});
  const RefArray out =
      evaluate([](Values x) { return scatter_add(x[0], x[1], 3); },
               {testing::values({4}, {1, 2, 4, 8}), indices({4}, {2, 0, 2, 3})});
  EXPECT_EQ(out.v, (std::vector<double>{2, 0, 5}));
}

TEST(ScatterAdd, SumsTheBatchAway) {
  const auto type = [](const Type& rows, const Type& index) {
    return type_of(rows, index, [](Value a, Value b) { return scatter_add(a, b, 7); });
  };
  EXPECT_EQ(type({DType::f32, {5, 4}, 0}, kIndex), (Type{DType::f32, {7, 4}, kNoBatch}));
  EXPECT_EQ(type({DType::f32, {5, 4}, 0}, kFixedIndex).batch, kMixedBatch);
  EXPECT_EQ(type({DType::f32, {5, 4}}, kIndex).batch, kMixedBatch);
  EXPECT_EQ(type({DType::f32, {5, 4}, 1}, kFixedIndex).batch, 1);
  EXPECT_EQ(type({DType::f32, {5, 4}, kMixedBatch}, kFixedIndex).batch, kMixedBatch);
  EXPECT_THROW(type({DType::f32, {4, 4}}, kIndex), UserError);
  EXPECT_THROW(type({DType::i32, {5, 4}}, kIndex), UserError);
}

TEST(PutRows, ReplacesSomeAndLeavesOutsiders) {
  const auto put = [](Values x) { return put_rows(x[0], x[1], x[2]); };
  check_op(put, {normal({6, 3}), normal({4, 3}), indices({4}, {5, -1, 0, 6})});
  check_op(put, {normal({5}), normal({2, 2}), indices({2, 2}, {4, 0, 1, 9})});
  check_op(put, {normal({3, 2, 2}), normal({1, 2, 2}), indices({1}, {1})});
  check_op([](Values x) { return square(put_rows(exp(x[0]), x[1] * 2.0, x[2])); },
           {normal({300, 7}), normal({2, 7}), indices({2}, {299, 17})});
  const RefArray out = evaluate(
      put, {testing::values({3}, {1, 2, 4}), testing::values({2}, {8, 16}), indices({2}, {2, 0})});
  EXPECT_EQ(out.v, (std::vector<double>{16, 2, 8}));
  const auto type = [](const Type& into, const Type& rows, const Type& index) {
    Graph g;
    return put_rows(input(g, "into", into, Role::data), input(g, "rows", rows, Role::data),
                    input(g, "index", index, Role::data))
        .type();
  };
  EXPECT_EQ(type({DType::f32, {9, 4}}, {DType::f32, {5, 4}}, kFixedIndex),
            (Type{DType::f32, {9, 4}, kNoBatch}));
  EXPECT_EQ(type({DType::f32, {9, 4}}, {DType::f32, {5, 4}, 0}, kIndex).batch, kMixedBatch);
  EXPECT_THROW(type({DType::f32, {9, 4}}, {DType::f32, {5, 3}}, kFixedIndex), UserError);
  EXPECT_THROW(type({DType::f32, {9, 4}}, {DType::f32, {4, 4}}, kFixedIndex), UserError);
  EXPECT_THROW(type({DType::i32, {9}}, {DType::i32, {5}}, kFixedIndex), UserError);
  EXPECT_THROW(type({DType::f32, {9}}, {DType::f32, {5}}, {DType::f32, {5}}), UserError);
}

TEST(OneHot, MarksTheIndex) {
  check_op([](Values x) { return one_hot(x[0], 5); }, {integers({7}, -2, 8, 0, 0)},
           {.tolerance = 0, .gradient = false});
  const RefArray out = evaluate([](Values x) { return one_hot(x[0], 3); }, {indices({2}, {2, 3})});
  EXPECT_EQ(out.v, (std::vector<double>{0, 0, 1, 0, 0, 0}));
  Graph g;
  const Value index = input(g, "index", {DType::i32, {2, 6}, 1}, Role::data);
  EXPECT_EQ(one_hot(index, 3).type(), (Type{DType::f32, {2, 6, 3}, 1}));
  EXPECT_THROW(one_hot(index, 0), UserError);
  EXPECT_THROW(one_hot(one_hot(index, 3), 3), UserError);
}

TEST(TakeLast, PicksOnePerRow) {
  check_op([](Values x) { return take_last(x[0], x[1]); },
           {normal({9, 10}, 0, 0), testing::labels(9, 10)}, kExact);
  check_op([](Values x) { return take_last(square(x[0]), x[1]); },
           {normal({3, 4, 5}), integers({3, 4}, -1, 7)});
  const auto type = [](const Type& v, const Type& index) { return type_of(v, index, take_last); };
  EXPECT_EQ(type({DType::f32, {5, 3}, 0}, kIndex), (Type{DType::f32, {5}, 0}));
  EXPECT_EQ(type({DType::f32, {5, 3}}, kIndex).batch, kMixedBatch);
  EXPECT_EQ(type({DType::f32, {5, 3}, 1}, kFixedIndex).batch, kMixedBatch);
  EXPECT_THROW(type({DType::f32, {5}}, kIndex), UserError);
  EXPECT_THROW(type({DType::f32, {4, 3}}, kIndex), UserError);
}

const testing::Samples kSamples = {
    {&ops::gather,
     [](Graph& g) {
       return gather(testing::f32(g, "t", {5, 3}), testing::i32(g, "i", {4}, 0));
     }},
    {&ops::scatter_add,
     [](Graph& g) { return scatter_add(testing::rows(g), testing::i32(g, "i", {4}, 0), 5); }},
    {&ops::put_rows,
     [](Graph& g) {
       return put_rows(testing::f32(g, "t", {5, 3}), testing::f32(g, "r", {4, 3}),
                       testing::i32(g, "i", {4}));
     }},
    {&ops::one_hot, [](Graph& g) { return one_hot(testing::i32(g, "i", {4}, 0), 5); }},
    {&ops::take_last,
     [](Graph& g) { return take_last(testing::rows(g), testing::i32(g, "i", {4}, 0)); }},
};

}  // namespace
}  // namespace omni
