#include "studies/routing_study.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "lab/test_support.h"
#include "ops/reduce.h"
#include "studies/by_class.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

constexpr int64_t kUsed = 90;

struct Bench : ToyBench {
  Bench() {
    std::vector<int32_t> rows(kUsed);
    std::iota(rows.begin(), rows.end(), 0);
    trial->add_subset("all.train", rows);
  }
  // Classes 0 and 1 are a group, class 2 is one.
  std::vector<int32_t> told(const LabelFaults& faults, bool drawn = false) {
    faults.tell(
        *trial, "told", 2, [](int32_t label) { return label == 2; }, drawn);
    const Table& a = trial->tables().at("train.told");
    const auto* p = static_cast<const int32_t*>(a.data);
    return {p, p + a.type.count()};
  }
};

TEST(LabelFaults, TellTheGroup) {
  Bench b;
  const std::vector<int32_t> told = b.told({});
  ASSERT_EQ(std::ssize(told), kUsed);
  for (int64_t i = 0; i < kUsed; ++i) EXPECT_EQ(told[i], i % 3 == 2);
}

TEST(LabelFaults, LeaveOutAndMistake) {
  Bench b;
  const std::vector<int32_t> truth = b.told({});
  const std::vector<int32_t> few = b.told({.labelled = 0.3});
  const auto known = std::ranges::count_if(few, [](int32_t g) { return g < 2; });
  EXPECT_NEAR(known, 0.3 * kUsed, 15);
  for (int64_t i = 0; i < kUsed; ++i) EXPECT_TRUE(few[i] == truth[i] || few[i] == 2);
  EXPECT_EQ(std::ranges::count(b.told({.labelled = 0}), 2), kUsed);

  int64_t wrong = 0;
  const std::vector<int32_t> noisy = b.told({.label_noise = 0.3});
  for (int64_t i = 0; i < kUsed; ++i) wrong += noisy[i] != truth[i];
  EXPECT_NEAR(wrong, 0.3 * kUsed, 15);
  EXPECT_EQ(std::ranges::count(noisy, 2), 0);
  // All wrong: of two groups the other one.
  const std::vector<int32_t> all = b.told({.label_noise = 1});
  for (int64_t i = 0; i < kUsed; ++i) EXPECT_EQ(all[i], 1 - truth[i]);
}

TEST(LabelFaults, ByLotAreAsManyOfEach) {
  Bench b;
  const std::vector<int32_t> truth = b.told({}), drawn = b.told({}, true);
  EXPECT_NE(drawn, truth);
  EXPECT_TRUE(std::ranges::is_permutation(drawn, truth));
  EXPECT_EQ(b.told({}, true), drawn);  // of the seed
}

TEST(MirrorCoder, DecodersMirrorTheEncoder) {
  const MirrorCoder coder{{5, 3}};
  Graph g;
  Net net(g, "model");
  const Value x = input(g, "x", {DType::f32, {1, 7}, 0}, Role::data);
  const Value z = coder.encoder(net, x, 2, {.with_bias = false});
  EXPECT_EQ(z.type().shape, (Shape{1, 2}));
  EXPECT_EQ(coder.decoder(net, "back", z, 7).type().shape, (Shape{1, 7}));
  std::vector<std::string> made;
  for (const ParameterSpec& p : net.parameters())
    if (p.name.ends_with("weight")) made.push_back(fmt::format("{} {}", p.name, p.shape));
  EXPECT_EQ(made, (std::vector<std::string>{
                      "encoder.layers.0.weight [5, 7]", "encoder.layers.1.weight [3, 5]",
                      "encoder.layers.2.weight [2, 3]", "back.layers.0.weight [3, 2]",
                      "back.layers.1.weight [5, 3]", "back.layers.2.weight [7, 5]"}));
  EXPECT_EQ(std::ranges::count(net.parameters(), "encoder.layers.2.bias", &ParameterSpec::name), 0);
}

TEST(UnchangedBy, ComparesBits) {
  Bench b;
  const Trained m{toy_model(*b.trial)};
  int64_t rows = 0;
  const auto by = [&](double much) {
    return unchanged_by(*b.trial, m, "all.train", 32, [&](Step& s, Net& net, bool with) {
      rows = s.batch();
      const Value z = mean(toy_logits(net, s.samples("x")));
      return with ? z + much : z * 1.0;
    });
  };
  EXPECT_EQ(by(0), 1);
  EXPECT_EQ(by(1), 0);
  EXPECT_EQ(rows, 32);
}

}  // namespace
}  // namespace omni
