// Presets have the published numbers of parameters, and a misspelt name finds its neighbour.
#include "nn/transformer_presets.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

int64_t parameters_of(const std::string& name, int64_t vocabulary = 0) {
  int64_t count = 0;
  for (const ParameterSpec& s : transformer_parameters(transformer_preset(name, vocabulary)))
    count += s.shape.count();
  return count;
}

TEST(TransformerPresets, HaveTheirPublishedSizes) {
  EXPECT_EQ(parameters_of("gpt2"), 124'439'808);
  EXPECT_EQ(parameters_of("qwen2-0.5b"), 494'032'768);
  // Embeddings of 50,257 tokens and 2,048 positions beside 6.3 and 25.2 million others.
  EXPECT_NEAR(static_cast<double>(parameters_of("tinystories-8m") - (50'257 + 2'048) * 256), 6.3e6,
              5e4);
  EXPECT_NEAR(static_cast<double>(parameters_of("tinystories-28m") - (50'257 + 2'048) * 512),
              25.2e6, 5e4);
  EXPECT_NEAR(static_cast<double>(parameters_of("S", 512)), 0.55e6, 1e4);
  EXPECT_NEAR(static_cast<double>(parameters_of("M", 1'024)), 0.9e6, 6e4);
  EXPECT_NEAR(static_cast<double>(parameters_of("L", 2'048)), 3.1e6, 3e4);
}

TEST(TransformerPresets, AreAskedForByName) {
  EXPECT_EQ(transformer_presets().size(), 8u);
  EXPECT_EQ(transformer_preset("gpt2", 100).vocabulary, 100);
  EXPECT_THROW(transformer_preset("M"), UserError);
  EXPECT_THROW(transformer_preset("M", -1), UserError);
  try {
    transformer_preset("tinystories-8");
    FAIL();
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("tinystories-8m"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace omni
