// Weights with the hub's names: against logits that PyTorch computed, in
// tools/reference_transformers.py, written and read back to the same bits, and every way in which a
// file may not fit.
#include "lab/hub_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/test_folder.h"
#include "engine/program.h"
#include "ops/leaf.h"
#include "store/files.h"
#include "store/safetensors.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFamilies = {"gpt2", "gpt_neo", "qwen2"};

fs::path reference(const std::string& family) {
  return fs::path(OMNI_SOURCE_DIR) / "tests" / "transformers" / family;
}

std::vector<float> logits_of(const HubFolder& f, const safetensors::Array& ids) {
  Graph g;
  Net net(g, "model");
  const Value tokens = input(g, "tokens", {DType::i32, Shape(ids.shape), 0}, Role::data);
  g.result("logits", transformer(net, tokens, f.hub.options));
  Program p(g);
  f.model.bind(p, "model", 0);
  p.bind("tokens", ids.bytes.data());
  p.refresh();
  p.run();
  const auto logits = p.result("logits");
  return {logits.begin(), logits.end()};
}

TEST(HubWeights, GiveTheLogitsOfPyTorch) {
  for (const std::string& family : kFamilies) {
    const safetensors::File expected =
        safetensors::read(reference(family) / "expected.safetensors");
    const std::vector<float> wanted = expected.arrays.at("logits").floats();
    const HubFolder folder = load_hub_folder(reference(family));
    EXPECT_EQ(name_of(folder.hub.family), family);
    const std::vector<float> logits = logits_of(folder, expected.arrays.at("ids"));
    ASSERT_EQ(logits.size(), wanted.size());
    double largest = 0, off = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
      off = std::max(off, std::abs(static_cast<double>(wanted[i]) - logits[i]));
    }
    EXPECT_GT(largest, 1);
    EXPECT_LT(off, 1e-5 * largest) << family;
  }
}

TEST(HubWeights, ComeBackToTheBit) {
  const TestFolder temporary;
  for (const std::string& family : kFamilies) {
    const HubFolder before = load_hub_folder(reference(family));
    const fs::path copy = temporary.path() / family;
    save_hub_folder(copy, before.hub, before.model[0]);
    const HubFolder after = load_hub_folder(copy);
    EXPECT_EQ(weights_hash(after.model[0]), weights_hash(before.model[0])) << family;
    EXPECT_EQ(after.model.specs(), before.model.specs()) << family;
    const TransformerOptions &a = after.hub.options, &b = before.hub.options;
    EXPECT_EQ(a.context, b.context);
    EXPECT_EQ(a.local_window, b.local_window);
    EXPECT_EQ(a.norm_eps, b.norm_eps);
    EXPECT_EQ(a.rotary_base, b.rotary_base);
    EXPECT_EQ(a.tied, b.tied);
  }
}

TEST(HubWeights, NamesAndShapesAreTheHubs) {
  const TestFolder temporary;
  for (const std::string& family : kFamilies) {
    const HubFolder folder = load_hub_folder(reference(family));
    const fs::path file = temporary.path() / "model.safetensors";
    save_hub_weights(file, folder.hub, folder.model[0]);
    const safetensors::File ours = safetensors::read(file);
    safetensors::File theirs = safetensors::read(reference(family) / "model.safetensors");
    std::erase_if(theirs.arrays, [](const auto& a) { return a.first.ends_with(".attn.bias"); });
    EXPECT_EQ(ours.arrays.size(), theirs.arrays.size());
    for (const auto& [name, array] : theirs.arrays) {
      const std::string longer = family == "gpt2" ? "transformer." + name : name;
      ASSERT_TRUE(ours.arrays.contains(longer)) << longer;
      EXPECT_EQ(ours.arrays.at(longer).shape, array.shape) << longer;
    }
    EXPECT_EQ(ours.metadata.at("format"), "pt");
  }
}

// Loads a reference folder after something was done to its files; the error's text.
std::string refusal(const std::string& family,
                    const std::function<void(safetensors::File&, nlohmann::json&)>& change) {
  const TestFolder temporary;
  safetensors::File weights = safetensors::read(reference(family) / "model.safetensors");
  auto config = nlohmann::json::parse(read_file(reference(family) / "config.json"));
  change(weights, config);
  safetensors::write(temporary.path() / "model.safetensors", weights);
  atomic_write(temporary.path() / "config.json", config.dump());
  try {
    load_hub_folder(temporary.path());
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

void expect_refusal(const std::string& family, const std::string& text,
                    const std::function<void(safetensors::File&, nlohmann::json&)>& change) {
  const std::string said = refusal(family, change);
  EXPECT_NE(said.find(text), std::string::npos) << "'" << said << "' lacks '" << text << "'";
}

using File = safetensors::File;
using nlohmann::json;

TEST(HubWeights, SayWhatDoesNotFit) {
  expect_refusal("gpt2", "has no tensor 'transformer.h.1.attn.c_attn.weight'",
                 [](File& f, json&) { f.arrays.erase("h.1.attn.c_attn.weight"); });
  expect_refusal("gpt2", "'transformer.ln_f.bias' is [4, 4], expected [16]", [](File& f, json&) {
    f.arrays.at("ln_f.bias").shape = {4, 4};
  });
  expect_refusal("gpt2", "vocabulary of 61 tokens, the model has 50",
                 [](File&, json& c) { c["vocab_size"] = 50; });
  expect_refusal("gpt2", "'h.1.attn.bias' (and 12 more) is nothing that a gpt2 of 1 layers has",
                 [](File&, json& c) { c["n_layer"] = 1; });
  expect_refusal("qwen2", "is of type I32, expected F32 or BF16", [](File& f, json&) {
    safetensors::Array& a = f.arrays.at("model.norm.weight");
    a.dtype = safetensors::Dtype::i32;
    a.bytes.resize(2 * a.bytes.size());
  });
  expect_refusal("qwen2", "'lm_head.weight' is not the embedding",
                 [](File&, json& c) { c["tie_word_embeddings"] = true; });
  EXPECT_EQ(refusal("qwen2",
                    [](File& f, json& c) {
                      c["tie_word_embeddings"] = true;
                      f.arrays.at("lm_head.weight") = f.arrays.at("model.embed_tokens.weight");
                    }),
            "");
}

TEST(HubConfig, SaysWhatItCannotRead) {
  const auto set = [](const char* name, json value) {
    return [=](File&, json& c) { c[name] = value; };
  };
  expect_refusal("gpt2", "\"model_type\" is \"gpt\"; did you mean", set("model_type", "gpt"));
  expect_refusal("gpt2", "\"n_embd\" is -3, expected a whole number", set("n_embd", -3));
  expect_refusal("gpt2", "from 1 to 10000", set("n_layer", 1'000'000));
  expect_refusal("gpt2", "has no \"n_layer\"", [](File&, json& c) { c.erase("n_layer"); });
  expect_refusal("gpt2", "does not divide into 3 heads", set("n_head", 3));
  expect_refusal("gpt2", "\"activation_function\" is \"relu\"", set("activation_function", "relu"));
  expect_refusal("gpt2", "\"layer_norm_epsilon\" is \"small\"", set("layer_norm_epsilon", "small"));
  expect_refusal("gpt_neo", "layer 0 has local attention",
                 set("attention_types", json::parse(R"([[["local", "global"], 1]])")));
  expect_refusal("gpt_neo", "\"attention_types\" is malformed", set("attention_types", 3));
  expect_refusal("gpt_neo", "kinds of attention for 4 layers, there are 2",
                 set("attention_types", json::parse(R"([[["global", "local"], 2]])")));
  expect_refusal("qwen2", "\"use_sliding_window\" is true", set("use_sliding_window", true));
  expect_refusal("qwen2", "\"rope_scaling\"", set("rope_scaling", json{{"type", "linear"}}));
  expect_refusal("qwen2", "\"head_dim\" must be 4", set("head_dim", 8));
  EXPECT_EQ(
      refusal("gpt_neo",
              [](File&, json& c) { c["attention_types"] = json::parse(R"([[["global"], 2]])"); }),
      "");
}

TEST(HubConfig, WritesOnlyWhatIsOfTheFamily) {
  const TestFolder temporary;
  const auto refused = [&](TransformerFamily family, TransformerOptions o) {
    EXPECT_THROW(write_hub_config(temporary.path() / "config.json", {family, o}), UserError);
  };
  TransformerOptions o = transformer_preset("S", 10);
  refused(TransformerFamily::qwen2, o);
  refused(TransformerFamily::gpt_neo, o);
  o.extra_neurons = {4};
  refused(TransformerFamily::gpt2, o);
  o.extra_neurons = {};
  o.kv_heads = 2;
  refused(TransformerFamily::gpt2, o);
}

TEST(HubWeights, OurOwnModelsCanBeShared) {
  const TestFolder temporary;
  const TransformerOptions o = transformer_preset("S", 40);  // has an unembedding of its own
  Ensemble e(transformer_parameters(o), 2);
  e.initialise(1, Key::of(3));
  save_hub_folder(temporary.path(), {TransformerFamily::gpt2, o}, e[1]);
  const HubFolder back = load_hub_folder(temporary.path());
  EXPECT_FALSE(back.hub.options.tied);
  EXPECT_EQ(weights_hash(back.model[0]), weights_hash(e[1]));
}

}  // namespace
}  // namespace omni
