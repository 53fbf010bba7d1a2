#include "weights/arrays.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"
#include "store/files.h"

namespace omni {
namespace {

Ensemble some(int64_t models, int64_t width = 5) {
  Ensemble e({{"layers.0.weight", Shape{width, 3}, init::pytorch_linear()},
              {"layers.0.bias", Shape{width}, init::normal(0, 1)},
              {"scale", Shape{}, init::ones()}},
             models);
  for (int64_t m = 0; m < models; ++m) e.initialise(m, Key::of(static_cast<uint64_t>(m)));
  return e;
}

TEST(Arrays, GoRoundTrip) {
  TestFolder folder;
  for (const int64_t models : {1, 3}) {
    const Ensemble e = some(models);
    save_ensemble(folder.path() / "e.safetensors", e, {{"note", "hello"}});
    std::map<std::string, std::string> metadata;
    const Ensemble back = load_ensemble(folder.path() / "e.safetensors", &metadata);
    EXPECT_EQ(metadata.at("note"), "hello");
    ASSERT_EQ(back.models(), models);
    for (int64_t m = 0; m < models; ++m) {
      EXPECT_EQ(weights_hash(back[m]), weights_hash(e[m]));
      EXPECT_TRUE(std::ranges::equal(back.array("layers.0.bias", m), e.array("layers.0.bias", m)));
    }
  }
}

TEST(Arrays, LoadIntoOneModel) {
  TestFolder folder;
  const Ensemble one = some(1);
  save_ensemble(folder.path() / "one.safetensors", one);
  Ensemble three = some(3);
  const uint64_t neighbour = weights_hash(three[1]);
  load_into(folder.path() / "one.safetensors", three, 2);
  EXPECT_EQ(weights_hash(three[2]), weights_hash(one[0]));
  EXPECT_EQ(weights_hash(three[1]), neighbour);
}

TEST(Arrays, RefuseWhatDoesNotFit) {
  TestFolder folder;
  const auto path = folder.path() / "e.safetensors";
  save_ensemble(path, some(1));
  Ensemble wide = some(1, 6);
  EXPECT_THROW(load_into(path, wide, 0), UserError);  // another shape
  Ensemble other({{"head.weight", Shape{2}, init::zeros()}}, 1);
  EXPECT_THROW(load_into(path, other, 0), UserError);  // a name that is missing
  EXPECT_THROW(load_ensemble(folder.path() / "none"), UserError);
  std::ofstream(folder.path() / "broken") << "not safetensors at all";
  EXPECT_THROW(load_ensemble(folder.path() / "broken"), UserError);
  save_ensemble(path, some(1), {{"models", "7"}});  // its own metadata wins
  EXPECT_EQ(load_ensemble(path).models(), 1);
}

TEST(Arrays, NoChangedBitPassesForAWeight) {
  TestFolder folder;
  const auto path = folder.path() / "e.safetensors";
  for (const int64_t models : {1, 3}) {
    save_ensemble(path, some(models));
    std::string bytes = read_file(path);
    for (const size_t from_end : {size_t{1}, size_t{4}, size_t{40}}) {
      std::string damaged = bytes;
      damaged[damaged.size() - from_end] ^= 1;
      std::ofstream(path, std::ios::binary) << damaged;
      EXPECT_THROW(load_ensemble(path), UserError) << models << " models, " << from_end;
    }
    bytes.replace(bytes.find("weights_hash"), 12, "weights_hush");
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_EQ(load_ensemble(path).models(), models) << "files of others say nothing of a hash";
  }
}

}  // namespace
}  // namespace omni
