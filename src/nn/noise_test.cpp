#include "nn/noise.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <set>

#include "base/error.h"
#include "executors/cpu/program.h"
#include "ops/leaf.h"

namespace omni {
namespace {

using Noise = std::function<Value(Value x, Value key, Value step, Value index)>;

constexpr int64_t kRows = 400;

// `x`, repeated for each of the rows, with noise on it.
std::vector<float> noisy(const Noise& noise, const std::vector<float>& x, const Shape& row,
                         DType dtype = DType::f32) {
  Graph g;
  std::vector<int64_t> dims = {kRows};
  for (const int64_t d : row.dims()) dims.push_back(d);
  const Value out = noise(input(g, "x", {dtype, Shape(dims), 0}, Role::data),
                          input(g, "key", {DType::i32, {2}}, Role::data),
                          input(g, "step", {DType::i32, {}}, Role::data),
                          input(g, "index", {DType::i32, {kRows}, 0}, Role::data));
  g.result("out", out);
  Program program(g, {});
  std::vector<float> floats;
  std::vector<int32_t> integers, index(kRows);
  for (int64_t r = 0; r < kRows; ++r) floats.insert(floats.end(), x.begin(), x.end());
  integers.assign(floats.begin(), floats.end());
  std::iota(index.begin(), index.end(), 0);
  const int32_t key[2] = {5, 7}, step = 3;
  if (dtype == DType::i32)
    program.bind("x", integers.data());
  else
    program.bind("x", floats.data());
  program.bind("key", key);
  program.bind("step", &step);
  program.bind("index", index.data());
  program.run();
  if (dtype == DType::f32) {
    const auto result = program.result("out");
    return {result.begin(), result.end()};
  }
  const auto result = program.result<int32_t>("out");
  return {result.begin(), result.end()};
}

TEST(Noise, DropoutKeepsTheMean) {
  const auto out = noisy(
      [](Value x, Value key, Value step, Value index) {
        return dropout(x, 0.25, key, step, index, "drop");
      },
      {3, 3, 3, 3, 3}, {5});
  double sum = 0;
  for (const float v : out) {
    EXPECT_TRUE(v == 0 || v == 4) << v;
    sum += v;
  }
  // Four standard errors: 4 * 4 * sqrt(3) / 4 / sqrt(2000).
  EXPECT_NEAR(sum / static_cast<double>(out.size()), 3, 0.16);
  EXPECT_THROW(noisy(
                   [](Value x, Value key, Value step, Value index) {
                     return dropout(x, 1, key, step, index, "drop");
                   },
                   {1}, {1}),
               UserError);
}

// One lit pixel in the middle of 3x4: where it goes tells the shift, all shifts occur, and half of
// an axis may leave the picture.
TEST(Noise, ShiftsMoveWholeImages) {
  const std::vector<float> image = {-1, -1, -1, -1, -1, 9, -1, -1, -1, -1, -1, -1};
  const auto out = noisy(
      [](Value x, Value key, Value step, Value index) {
        return shift_images(x, 2, -1, key, step, index, "shift");
      },
      image, {3, 4});
  std::set<int64_t> places;
  int64_t gone = 0;
  for (int64_t r = 0; r < kRows; ++r) {
    int64_t lit = 0;
    for (int64_t i = 0; i < 12; ++i) {
      const float v = out[r * 12 + i];
      EXPECT_TRUE(v == -1 || v == 9) << v;
      if (v != 9) continue;
      ++lit;
      places.insert(i);
    }
    EXPECT_LE(lit, 1);
    gone += lit == 0;
  }
  EXPECT_EQ(places.size(), 12u);
  // It stays for 3 of 5 moves down and 4 of 5 to the right: 13/25 of the images lose it.
  EXPECT_NEAR(static_cast<double>(gone) / kRows, 13.0 / 25, 0.1);
}

TEST(Noise, SignalsMoveAlongTheirAxis) {
  const auto out = noisy(
      [](Value x, Value key, Value step, Value index) {
        return shift_images(x, 1, 0, key, step, index, "shift");
      },
      {0, 5, 0}, {1, 3});
  for (int64_t r = 0; r < kRows; ++r)
    EXPECT_EQ(out[3 * r] + out[3 * r + 1] + out[3 * r + 2], 5) << "row " << r;
}

TEST(Noise, LabelsAreReplacedByAnyClass) {
  const auto out = noisy(
      [](Value x, Value key, Value step, Value index) {
        return replace_labels(x, 0.5, 4, key, step, index, "labels");
      },
      {2}, {}, DType::i32);
  int64_t changed = 0;
  for (const float v : out) {
    EXPECT_TRUE(v >= 0 && v < 4);
    changed += v != 2;
  }
  EXPECT_NEAR(static_cast<double>(changed) / kRows, 0.5 * 3 / 4, 0.1);
  const auto none = noisy(
      [](Value x, Value key, Value step, Value index) {
        return replace_labels(x, 0, 4, key, step, index, "labels");
      },
      {2}, {}, DType::i32);
  EXPECT_EQ(std::set<float>(none.begin(), none.end()), std::set<float>{2});
}

}  // namespace
}  // namespace omni
