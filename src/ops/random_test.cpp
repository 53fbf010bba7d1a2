#include "ops/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "base/random.h"
#include "executors/cpu/program.h"
#include "ops/testing.h"

namespace omni {
namespace {

using Values = std::vector<Value>;
using Maker = Value (*)(Value key, Value step, Value index, const std::string& purpose,
                        const Shape& row);

struct Asker {
  uint64_t key = 0x0123456789abcdef;
  int32_t step = 3;
  std::vector<int32_t> index;
  std::string purpose = "noise";
  Shape row;
};

std::vector<int32_t> rows_from(int32_t first, int64_t count) {
  std::vector<int32_t> index(count);
  std::iota(index.begin(), index.end(), first);
  return index;
}

// The values that the planned program gives.
std::vector<float> draw(Maker make, const Asker& a, int threads = 1) {
  Graph g;
  const Type index = {DType::i32, {static_cast<int64_t>(a.index.size())}, 0};
  const Value out = make(input(g, "key", {DType::i32, {2}}, Role::data),
                         input(g, "step", {DType::i32, {}}, Role::data),
                         input(g, "index", index, Role::data), a.purpose, a.row);
  g.result("out", out);
  ProgramOptions options;
  options.threads = threads;
  Program program(g, options);
  const uint32_t key[2] = {static_cast<uint32_t>(a.key), static_cast<uint32_t>(a.key >> 32)};
  program.bind("key", key);
  program.bind("step", &a.step);
  program.bind("index", a.index.data());
  program.run();
  const std::span<const float> result = program.result("out");
  return {result.begin(), result.end()};
}

double mean(const std::vector<float>& v, const std::function<double(double)>& f) {
  double sum = 0;
  for (const float x : v) sum += f(x);
  return sum / static_cast<double>(v.size());
}

double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  const double ma = mean(a, [](double x) { return x; }), mb = mean(b, [](double x) { return x; });
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

// Random123's published answers for philox4x32-10.
TEST(Random, PhiloxGivesKnownAnswers) {
  using Four = std::array<uint32_t, 4>;
  EXPECT_EQ(philox(0, 0, 0, 0, 0), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox(~0ull, ones, ones, ones, ones),
            (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344),
            (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, UniformIsExactlyItsDefinition) {
  const Asker a = {.key = 0xfedcba9876543210,
                   .step = -7,
                   .index = {5, 2147483647, -2147483647, 0},
                   .purpose = "dropout.1",
                   .row = {3, 11}};
  const std::vector<float> out = draw(random_uniform, a);
  for (uint32_t r = 0; r < 4; ++r)
    for (uint32_t j = 0; j < 33; ++j) {
      const auto words = philox(a.key, j / 4, static_cast<uint32_t>(a.index[r]),
                                static_cast<uint32_t>(a.step),
                                static_cast<uint32_t>(hash_text("dropout.1")));
      ASSERT_EQ(out[r * 33 + j], unit_float(words[j % 4])) << r << " " << j;
    }
}

TEST(Random, EveryTailMatchesTheReference) {
  for (const Maker make : {random_uniform, random_normal})
    for (const int64_t width : {1, 3, 4, 5, 8, 9, 17, 31, 32, 33, 63, 64, 65, 100, 784})
      testing::check_op(
          [&](Values x) { return make(x[0], x[1], x[2], "tail", {width}); },
          {testing::integers({2}, -1000000, 1000000), testing::integers({}, 0, 100),
           testing::integers({13}, 0, 60000, 1, 0)},
          {.tolerance = make == random_uniform ? 0 : 1e-6, .gradient = false});
}

TEST(Random, ScalarRowsAreAllowed) {
  const std::vector<float> one = draw(random_uniform, {.index = rows_from(0, 20), .row = {}});
  const std::vector<float> many = draw(random_uniform, {.index = rows_from(0, 20), .row = {4}});
  ASSERT_EQ(one.size(), 20u);
  for (size_t r = 0; r < 20; ++r) EXPECT_EQ(one[r], many[4 * r]);
}

TEST(Random, NormalIsAccurate) {
  const Asker a = {.index = rows_from(0, 256), .row = {784}};
  const std::vector<float> out = draw(random_normal, a);
  double worst = 0;
  for (uint32_t i = 0; i < out.size(); ++i) {
    const uint32_t j = i % 784;
    const auto words = philox(a.key, j / 4, i / 784, 3, static_cast<uint32_t>(hash_text("noise")));
    const double u = ((words[j % 4 / 2 * 2] >> 8) + 1) / 16777216.0;
    const double angle = (words[j % 4 / 2 * 2 + 1] >> 8) / 16777216.0 * 2 * std::numbers::pi;
    const double exact = std::sqrt(-2 * std::log(u)) * (j % 2 ? std::sin(angle) : std::cos(angle));
    worst = std::max(worst, std::abs(out[i] - exact));
  }
  EXPECT_LT(worst, 2e-6);
}

TEST(Random, BitsDependOnTheAskerAlone) {
  for (const Maker make : {random_uniform, random_normal})
    for (const int64_t width : {5, 100}) {
      const Asker a = {.index = rows_from(100, 300), .row = {width}};
      const std::vector<float> all = draw(make, a);
      EXPECT_EQ(draw(make, a, 2), all);
      Asker b = a;
      b.index = {399, 7, 100};
      const std::vector<float> some = draw(make, b);
      for (int64_t j = 0; j < width; ++j) {
        EXPECT_EQ(some[j], all[299 * width + j]);
        EXPECT_EQ(some[2 * width + j], all[j]);
      }
    }
}

TEST(Random, LongerRowsBeginLikeShorterOnes) {
  const std::vector<float> five = draw(random_normal, {.index = {42}, .row = {5}});
  const std::vector<float> many = draw(random_normal, {.index = {42}, .row = {200}});
  for (size_t j = 0; j < 5; ++j) EXPECT_EQ(five[j], many[j]);
}

TEST(Random, UniformBytesAreEven) {
  const std::vector<float> out = draw(random_uniform, {.index = rows_from(0, 512), .row = {784}});
  for (const int shift : {0, 8, 16}) {
    std::vector<double> count(256);
    for (const float x : out) ++count[static_cast<uint32_t>(x * 16777216.0f) >> shift & 255];
    const double wanted = static_cast<double>(out.size()) / 256;
    double chi_square = 0;
    for (const double c : count) chi_square += (c - wanted) * (c - wanted) / wanted;
    // 255 degrees of freedom: mean 255, standard deviation 22.6; five of them to each side.
    EXPECT_GT(chi_square, 142) << shift;
    EXPECT_LT(chi_square, 368) << shift;
  }
}

TEST(Random, MomentsAreRight) {
  const Asker a = {.index = rows_from(0, 512), .row = {784}};
  const std::vector<float> u = draw(random_uniform, a), z = draw(random_normal, a);
  const double sigma = 1 / std::sqrt(static_cast<double>(u.size()));  // of a mean of unit variance
  EXPECT_NEAR(mean(u, [](double x) { return x; }), 0.5, 5 * sigma * std::sqrt(1.0 / 12));
  EXPECT_NEAR(mean(u, [](double x) { return x * x; }), 1.0 / 3, 5 * sigma * 0.3);
  EXPECT_NEAR(mean(z, [](double x) { return x; }), 0, 5 * sigma);
  EXPECT_NEAR(mean(z, [](double x) { return x * x; }), 1, 5 * sigma * std::sqrt(2.0));
  EXPECT_NEAR(mean(z, [](double x) { return x * x * x; }), 0, 5 * sigma * std::sqrt(15.0));
  EXPECT_NEAR(mean(z, [](double x) { return x * x * x * x; }), 3, 5 * sigma * std::sqrt(96.0));
  EXPECT_NEAR(mean(z, [](double x) { return x > 1.959963984540054 ? 1 : 0; }), 0.025,
              5 * sigma * 0.157);
}

TEST(Random, AskersAreIndependent) {
  for (const Maker make : {random_uniform, random_normal}) {
    const Asker a = {.index = rows_from(0, 256), .row = {256}};
    const std::vector<float> base = draw(make, a);
    const double bound = 5 / std::sqrt(static_cast<double>(base.size()));
    const auto correlate = [&](const auto& change) {
      Asker b = a;
      change(b);
      return std::abs(correlation(base, draw(make, b)));
    };
    EXPECT_LT(correlate([](Asker& b) { b.key += 1; }), bound);
    EXPECT_LT(correlate([](Asker& b) { b.key ^= 1ull << 63; }), bound);
    EXPECT_LT(correlate([](Asker& b) { b.step += 1; }), bound);
    EXPECT_LT(correlate([](Asker& b) { b.purpose = "noise.1"; }), bound);
    EXPECT_LT(correlate([](Asker& b) { b.index = rows_from(256, 256); }), bound);
    EXPECT_LT(correlate([](Asker& b) { b.index = rows_from(1, 256); }), bound);
    std::vector<float> shifted(base.begin() + 1, base.end());  // neighbours, pairs of one counter
    shifted.push_back(base[0]);
    EXPECT_LT(std::abs(correlation(base, shifted)), bound);
  }
}

TEST(Random, BernoulliIsUniformBelow) {
  const auto third = [](Value key, Value step, Value index, const std::string& purpose,
                        const Shape& row) {
    return random_bernoulli(key, step, index, purpose, row, 0.3);
  };
  const Asker a = {.index = rows_from(0, 100), .row = {100}};
  const std::vector<float> u = draw(random_uniform, a), b = draw(third, a);
  for (size_t i = 0; i < u.size(); ++i) ASSERT_EQ(b[i], u[i] < 0.3f ? 1 : 0) << i;
}

TEST(Random, BernoulliTakesItsProbabilityFromAValue) {
  testing::check_op(
      [](Values x) { return random_bernoulli(x[0], x[1], x[2], "mask", {6}, x[3]); },
      {testing::integers({2}, 0, 99), testing::integers({}, 0, 9),
       testing::integers({5}, 0, 99, 1, 0), testing::uniform({6}, 0, 1)},
      {.tolerance = 0, .gradient = false});
}

TEST(Random, TypesAndErrors) {
  Graph g;
  const Value key = input(g, "key", {DType::i32, {2}}, Role::data);
  const Value step = input(g, "step", {DType::i32, {}}, Role::data);
  const Value index = input(g, "index", {DType::i32, {8}, 0}, Role::data);
  const Value fixed = input(g, "fixed", {DType::i32, {8}}, Role::data);
  EXPECT_EQ(random_uniform(key, step, index, "a", {3, 2}).type(),
            (Type{DType::f32, {8, 3, 2}, 0}));
  EXPECT_EQ(random_normal(key, step, fixed, "a", {}).type(), (Type{DType::f32, {8}, kNoBatch}));
  EXPECT_THROW(random_uniform(step, step, index, "a", {3}), UserError);
  EXPECT_THROW(random_uniform(key, key, index, "a", {3}), UserError);
  EXPECT_THROW(random_uniform(key, step, step, "a", {3}), UserError);
  EXPECT_THROW(random_uniform(key, step, index, "", {3}), UserError);
  EXPECT_THROW(random_uniform(key, step, index, "a", {0}), UserError);
  EXPECT_THROW(random_bernoulli(key, step, index, "a", {3}, 1.5), UserError);
}

Value sample(Graph& g, Maker make) {
  return make(testing::i32(g, "key", {2}), testing::i32(g, "step", {}),
              testing::i32(g, "index", {4}, 0), "test", {3});
}

const testing::Samples kSamples = {
    {&ops::random_uniform, [](Graph& g) { return sample(g, random_uniform); }},
    {&ops::random_normal, [](Graph& g) { return sample(g, random_normal); }},
};

}  // namespace
}  // namespace omni
