#include "engine/slicing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "engine/testing.h"
#include "executors/cpu/program.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr int64_t kWidth = 12;

Value rows_input(Graph& g, int64_t rows, const char* name = "x") {
  return input(g, name, {DType::f32, {rows, kWidth}, 0}, Role::data);
}

std::vector<float> noise(int64_t count, uint64_t salt) {
  Stream stream(Key::of(salt));
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(stream.normal());
  return v;
}

// What a batch of `rows` is cut into.
std::vector<int64_t> cut(int64_t rows, const DeviceLimits& limits = cpu::limits()) {
  Graph g;
  g.result("y", sum(tanh(rows_input(g, rows))));
  const auto sliced = slice_batch(g, limits);
  if (!sliced) return {};
  std::vector<int64_t> lengths;
  int64_t begin = 0;
  for (const Slice& s : sliced->slices) {
    EXPECT_EQ(s.begin, begin);
    begin += s.rows;
    lengths.push_back(s.rows);
  }
  EXPECT_EQ(begin, rows);
  return lengths;
}

TEST(Slicing, CutsAsEvenlyAsCanBe) {
  EXPECT_EQ(cut(256), std::vector<int64_t>());
  EXPECT_EQ(cut(257), (std::vector<int64_t>{129, 128}));
  EXPECT_EQ(cut(608), (std::vector<int64_t>{203, 203, 202}));
  EXPECT_EQ(cut(1000), (std::vector<int64_t>{250, 250, 250, 250}));
}

TEST(Slicing, FollowsTheDevice) {
  DeviceLimits limits = cpu::limits();
  limits.slice_column_bytes = 10 * sizeof(float);
  EXPECT_EQ(cut(28, limits), (std::vector<int64_t>{10, 10, 8}));
  limits.partial_bytes = 14;  // two slices' sums fit, those of three do not
  EXPECT_EQ(cut(28, limits), (std::vector<int64_t>{14, 14}));
  limits.slice_column_bytes = 0;
  EXPECT_EQ(cut(100000, limits), std::vector<int64_t>());
}

TEST(Slicing, AnArrayOfOneEntryPerRowKeepsTheBatchWhole) {
  Graph g;
  const Value weights = input(g, "weights", {DType::f32, {600, 1}}, Role::data);
  g.result("y", sum(rows_input(g, 600) * weights));
  EXPECT_EQ(Program(g).slices(), 1);
}

TEST(Slicing, WideRowsMakeShortSlices) {
  Graph g;
  g.result("y", sum(tanh(input(g, "x", {DType::f32, {256, 8192}, 0}, Role::data))));
  const auto sliced = slice_batch(g, cpu::limits());
  ASSERT_TRUE(sliced);
  EXPECT_EQ(sliced->slices[0].rows, 32);
}

TEST(Slicing, LargePartialSumsMakeLongSlices) {
  const auto slices = [](int64_t width) {
    Graph g;
    const Value x = input(g, "x", {DType::f32, {1024, width}, 0}, Role::data);
    g.result("d", matmul(x, tanh(x), true));
    return slice_batch(g, cpu::limits())->slices.size();
  };
  EXPECT_EQ(slices(512), 4u);   // 1 MiB of sums per slice
  EXPECT_EQ(slices(1900), 2u);  // 14 MiB: no more than two fit
}

// A step with everything slices must get right: sums, rows, indices, random rows, an update.
void emit(Graph& g, int64_t rows) {
  const Value x = rows_input(g, rows);
  const Value index = input(g, "index", {DType::i32, {rows}, 0}, Role::data);
  const Value key = input(g, "key", {DType::i32, {2}}, Role::data);
  const Value table = input(g, "table", {DType::f32, {5, kWidth}}, Role::data);
  const Value w = input(g, "w", {DType::f32, {kWidth, kWidth}}, Role::parameter);
  const Value drawn =
      random_normal(key, convert(constant(g, 3), DType::i32), index, "test", {kWidth});
  const Value y = tanh(matmul(x + drawn * 0.1, w)) + gather(table, index);
  g.result("rows", y);
  g.result("drawn", drawn);
  g.result("best", arg_max(y));
  g.result("total", sum(y));
  g.result("columns", reduce_sum(y, {0}));
  g.result("centred", reduce_sum(square(y), {0}) * 0.5 + 1);
  g.update(w, w - matmul(x, y, true) * (0.01 / static_cast<double>(rows)));
}

struct Results {
  std::vector<float> rows, drawn, total, columns, centred, w;
  std::vector<int32_t> best;
  int slices;
  bool operator==(const Results&) const = default;
};

Results run(int64_t rows, const ProgramOptions& options) {
  Graph g;
  emit(g, rows);
  Program p(g, options);
  const std::vector<float> x = noise(rows * kWidth, 1), table = noise(5 * kWidth, 2);
  std::vector<float> w = noise(kWidth * kWidth, 3);
  std::vector<int32_t> index(rows);
  for (int64_t i = 0; i < rows; ++i) index[i] = static_cast<int32_t>(i * 7 % 13);
  const int32_t key[] = {1, 2};
  p.bind("x", x.data());
  p.bind("index", index.data());
  p.bind("key", key);
  p.bind("table", table.data());
  p.bind("w", w.data());
  p.refresh();
  p.run();
  p.run();
  const auto copy = [&](const char* name) {
    const auto r = p.result(name);
    return std::vector<float>(r.begin(), r.end());
  };
  const auto best = p.result<int32_t>("best");
  return {copy("rows"),
          copy("drawn"),
          copy("total"),
          copy("columns"),
          copy("centred"),
          w,
          {best.begin(), best.end()},
          p.slices()};
}

void expect_close(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 2e-5 * (1 + std::abs(b[i]))) << what << "[" << i << "]";
}

class UnevenBatch : public ::testing::TestWithParam<int64_t> {};

TEST_P(UnevenBatch, IsTheWholeBatchToRounding) {
  const Results sliced = run(GetParam(), {}),
                whole = run(GetParam(), {Precision::f32, {"slice-batch"}, 1});
  EXPECT_GT(sliced.slices, 1);
  EXPECT_EQ(whole.slices, 1);
  EXPECT_EQ(sliced.drawn, whole.drawn);
  expect_close(sliced.rows, whole.rows, "rows");
  expect_close(sliced.columns, whole.columns, "columns");
  expect_close(sliced.centred, whole.centred, "centred");
  expect_close(sliced.w, whole.w, "w");
  EXPECT_NEAR(sliced.total[0], whole.total[0], 1e-3);
  int64_t other = 0;
  for (size_t i = 0; i < whole.best.size(); ++i) other += whole.best[i] != sliced.best[i];
  EXPECT_LE(other, 1);
}

TEST_P(UnevenBatch, GivesEqualBitsOnAnyTeam) {
  for (ProgramOptions o : testing::every_precision()) {
    const Results one = run(GetParam(), o);
    for (o.threads = 2; o.threads <= 3; ++o.threads)
      EXPECT_TRUE(run(GetParam(), o) == one) << o.threads;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, UnevenBatch, ::testing::Values(257, 608, 1000, 2049));

TEST(Slicing, ResultsLandInTheirRows) {
  constexpr int64_t kRows = 700;
  Graph g;
  const Value index = input(g, "index", {DType::i32, {kRows}, 0}, Role::data);
  g.result("twice", index * 2.0);
  g.result("same", index);
  Program p(g);
  ASSERT_EQ(p.slices(), 3);
  std::vector<int32_t> numbers(kRows);
  std::iota(numbers.begin(), numbers.end(), 0);
  p.bind("index", numbers.data());
  std::vector<float> twice(kRows + 1, -1);
  p.bind_result("twice", twice.data());
  p.run();
  for (int i = 0; i < kRows; ++i) {
    ASSERT_EQ(twice[i], 2 * i);
    ASSERT_EQ(p.result<int32_t>("same")[i], i);
  }
  EXPECT_EQ(twice[kRows], -1);
}

TEST(Slicing, BatchesThatCannotBeCutRunWhole) {
  const auto cannot = [](auto emit) {
    Graph g;
    emit(g, rows_input(g, 512));
    EXPECT_FALSE(slice_batch(g, cpu::limits())) << to_string(g.node(g.size() - 1).type);
    Program p(g);
    EXPECT_EQ(p.slices(), 1);
  };
  cannot([](Graph& g, Value x) { g.result("y", reduce_max(x, {0})); });  // not a sum
  cannot([](Graph& g, Value x) { g.result("y", slice(x, 0, 1, 9)); });   // some rows
  cannot(
      [](Graph& g, Value x) { g.result("y", sum(matmul(x, x, false, true))); });  // pairs of rows
  cannot([](Graph& g, Value x) { g.result("y", transpose(x, {1, 0})); });         // rows not first
  cannot([](Graph& g, Value x) { g.update(x, tanh(x)); });                        // kept by row
  cannot([](Graph& g, Value x) {  // two kinds of rows
    g.result("y", sum(x) + sum(rows_input(g, 300, "z")));
  });
  cannot([](Graph& g, Value x) {
    const Value one = input(g, "one", {DType::f32, {1, kWidth}, 0}, Role::data);
    g.result("y", sum(x * one));
  });
  cannot([](Graph& g, Value x) {
    const Value across = input(g, "across", {DType::f32, {kWidth, 512}, 1}, Role::data);
    g.result("y", sum(x * transpose(across, {1, 0})));
  });
}

TEST(Slicing, KeepsActivationsSmall) {
  const auto bytes = [](const std::set<std::string>& off) {
    Graph g;
    Value v = rows_input(g, 8192);
    const Value w = input(g, "w", {DType::f32, {kWidth, kWidth}}, Role::parameter);
    for (int i = 0; i < 4; ++i) v = tanh(matmul(v, w));
    g.result("y", sum(v));
    return Program(g, {Precision::f32, off, 1}).arena_bytes();
  };
  EXPECT_LT(bytes({}) * 8, bytes({"slice-batch"}));
}

}  // namespace
}  // namespace omni
