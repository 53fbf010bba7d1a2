#include "lab/checkpoint.h"

#include <gtest/gtest.h>

#include "base/statistics.h"
#include "base/test_folder.h"
#include "store/files.h"

namespace omni {
namespace {

std::vector<ParameterSpec> specs() {
  return {{"w", {3, 2}, init::normal(0, 1)}, {"b", {3}, init::uniform(-1, 1)}};
}

Ensemble filled(uint64_t seed) {
  Ensemble e(specs(), 1);
  e.initialise(0, Key::of(seed));
  return e;
}

// Everything that a phase can have come to.
Progress progress() {
  Progress p{{filled(1)}};
  p.optimizer = filled(2);
  p.first_loss = 2.5;
  Trained& t = p.reached;
  t.steps = 7;
  t.diverged_at = 5;
  t.probed = {{0, {{"accuracy", 0.25}, {"loss", kNaN}}}, {4, {{"accuracy", 0.5}, {"loss", 1e-9}}}};
  t.kept.push_back({3, filled(3), filled(4), 0.125});
  t.kept.push_back({6, filled(5), {}});
  return p;
}

void write(const std::filesystem::path& path, const Progress& p) {
  write_checkpoint(path,
                   {p.reached, p.first_loss, view(p.reached.model[0]), view((*p.optimizer)[0])});
}

TEST(Checkpoint, HoldsAllThatAPhaseNeeds) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  write(path, progress());
  const std::optional<Progress> found = read_checkpoint(path, specs());
  ASSERT_TRUE(found);
  EXPECT_EQ(weights_hash(found->reached.model[0]), weights_hash(filled(1)[0]));
  ASSERT_TRUE(found->optimizer);
  EXPECT_EQ(weights_hash((*found->optimizer)[0]), weights_hash(filled(2)[0]));
  EXPECT_EQ(found->first_loss, 2.5);
  EXPECT_EQ(found->reached.steps, 7);
  EXPECT_EQ(found->reached.diverged_at, 5);
  ASSERT_EQ(found->reached.probed.size(), 2u);
  EXPECT_EQ(found->reached.probed[0].step, 0);
  EXPECT_EQ(found->reached.probed[0].values.at("accuracy"), 0.25);
  EXPECT_TRUE(std::isnan(found->reached.probed[0].values.at("loss")));
  EXPECT_EQ(found->reached.probed[1].step, 4);
  EXPECT_EQ(found->reached.probed[1].values.at("loss"), 1e-9);
  ASSERT_EQ(found->reached.kept.size(), 2u);
  EXPECT_EQ(found->reached.kept[0].step, 3);
  EXPECT_EQ(found->reached.kept[0].rate, 0.125);
  EXPECT_EQ(weights_hash(found->reached.kept[0].model[0]), weights_hash(filled(3)[0]));
  EXPECT_EQ(weights_hash((*found->reached.kept[0].optimizer)[0]), weights_hash(filled(4)[0]));
  EXPECT_EQ(found->reached.kept[1].step, 6);
  EXPECT_EQ(weights_hash(found->reached.kept[1].model[0]), weights_hash(filled(5)[0]));
  EXPECT_FALSE(found->reached.kept[1].optimizer);
}

// Damage that leaves a well-formed file: one bit of a number, or of a step.
TEST(Checkpoint, AChangedBitIsNoticed) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  write(path, progress());
  const std::string sound = read_file(path);
  const size_t steps = sound.find("steps\\\":7");
  ASSERT_NE(steps, std::string::npos);
  for (const size_t at : {steps + 8, sound.size() - 1, sound.size() - 100}) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    atomic_write(path, damaged);
    EXPECT_FALSE(read_checkpoint(path, specs())) << "byte " << at << " of " << sound.size();
  }
  atomic_write(path, sound);
  EXPECT_TRUE(read_checkpoint(path, specs()));
}

TEST(Checkpoint, OfAnotherNetworkIsNotTaken) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  EXPECT_FALSE(read_checkpoint(path, specs()));
  write(path, progress());
  std::vector<ParameterSpec> other = specs();
  other[1].shape = Shape{4};
  EXPECT_FALSE(read_checkpoint(path, other));
  other = specs();
  other[0].name = "v";
  EXPECT_FALSE(read_checkpoint(path, other));
  EXPECT_FALSE(read_checkpoint(path, std::vector{specs()[0]}));
}

}  // namespace
}  // namespace omni
