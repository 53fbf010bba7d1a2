// Weights with the hub's names: against logits that PyTorch computed, in
// tools/reference_transformers.py, written and read back to the same bits, and every way in which a
// file may not fit.
#include "weights/hub_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/test_folder.h"
#include "executors/cpu/program.h"
#include "nn/testing.h"
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
  testing::bind_model(p, "model", f.model[0]);
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

// Loads a reference folder after something was done to its files; the error's text. `hash`: of the
// weights.
std::string refusal(const std::string& family,
                    const std::function<void(safetensors::File&, nlohmann::json&)>& change,
                    std::string* hash = nullptr) {
  const TestFolder temporary;
  safetensors::File weights = safetensors::read(reference(family) / "model.safetensors");
  auto config = nlohmann::json::parse(read_file(reference(family) / "config.json"));
  change(weights, config);
  safetensors::write(temporary.path() / "model.safetensors", weights);
  atomic_write(temporary.path() / "config.json", config.dump());
  try {
    const HubFolder folder = load_hub_folder(temporary.path());
    if (hash) *hash = weights_hash(folder.model[0]);
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
  expect_refusal("gpt2", "'transformer.ln_f.bias' is [4, 4], expected [16] by the sizes in config.json", [](File& f, json&) {
    f.arrays.at("ln_f.bias").shape = {4, 4};
  });
  expect_refusal("gpt2", "vocabulary of 61 tokens, the model has 50 by \"vocab_size\" in config.json",
                 [](File&, json& c) { c["vocab_size"] = 50; });
  expect_refusal("gpt2", "'h.1.attn.bias' (and 12 more) is nothing that a gpt2 of 1 layers has",
                 [](File&, json& c) { c["n_layer"] = 1; });
  expect_refusal("qwen2", "is of type I32, expected F32, F16 or BF16", [](File& f, json&) {
    safetensors::Array& a = f.arrays.at("model.norm.weight");
    a.dtype = safetensors::Dtype::i32;
    a.bytes.resize(2 * a.bytes.size());
  });
  expect_refusal("qwen2", "'lm_head.weight' is not 'model.embed_tokens.weight', but \"tie_word_embeddings\"",
                 [](File&, json& c) { c["tie_word_embeddings"] = true; });
  EXPECT_EQ(refusal("qwen2",
                    [](File& f, json& c) {
                      c["tie_word_embeddings"] = true;
                      f.arrays.at("lm_head.weight") = f.arrays.at("model.embed_tokens.weight");
                    }),
            "");
}

// The hash of a reference folder's weights after something was done to its files.
std::string hash_of(const std::string& family, const std::function<void(File&, json&)>& change) {
  std::string hash;
  EXPECT_EQ(refusal(family, change, &hash), "");
  return hash;
}
const auto kNothing = [](File&, json&) {};

TEST(HubWeights, ATiedEmbeddingHasEitherNameOrBoth) {
  for (const auto& [family, name] :
       {std::pair("gpt2", "wte.weight"), std::pair("gpt_neo", "transformer.wte.weight"),
        std::pair("qwen2", "model.embed_tokens.weight")}) {
    const auto tied = [](File& f, json& c) {
      c["tie_word_embeddings"] = true;
      f.arrays.erase("lm_head.weight");
    };
    const std::string wanted = hash_of(family, tied);
    const auto own = [&, n = name](File& f, json& c) {
      tied(f, c);
      f.arrays["lm_head.weight"] = f.arrays.at(n);
    };
    EXPECT_EQ(hash_of(family, own), wanted) << family;
    EXPECT_EQ(hash_of(family,
                      [&, n = name](File& f, json& c) {
                        own(f, c);
                        f.arrays.erase(n);
                      }),
              wanted)
        << family;
  }
}

TEST(HubWeights, NamesMayLackTheirPrefixOrHaveIt) {
  for (const std::string& family : kFamilies) {
    const std::string prefix = family == "qwen2" ? "model." : "transformer.";
    for (const bool with : {false, true}) {
      EXPECT_EQ(hash_of(family,
                        [&](File& f, json&) {
                          File changed = f;
                          changed.arrays.clear();
                          for (const auto& [full, array] : f.arrays) {
                            const std::string name =
                                full.starts_with(prefix) ? full.substr(prefix.size()) : full;
                            const bool head = name == "lm_head.weight";
                            changed.arrays[(with && !head ? prefix : "") + name] = array;
                          }
                          f = changed;
                        }),
                hash_of(family, kNothing))
          << family;
    }
  }
}

TEST(HubWeights, BuffersMayBeOfAnyType) {
  using enum safetensors::Dtype;
  const auto with = [](const char* name, safetensors::Dtype dtype, int64_t bytes) {
    return [=](File& f, json&) {
      f.arrays[name] = {dtype, {bytes * 8 / static_cast<int64_t>(safetensors::bits_of(dtype))},
                        std::vector<std::byte>(static_cast<size_t>(bytes))};
    };
  };
  const std::string gpt2 = hash_of("gpt2", kNothing), qwen2 = hash_of("qwen2", kNothing);
  for (const auto dtype : {f16, f64, boolean, u8, i8, u16, i16, u64, i64, c64, f8_e4m3, f6_e2m3, f4})
    for (const char* name : {"h.0.attn.bias", "transformer.h.1.attn.masked_bias"})
      EXPECT_EQ(hash_of("gpt2", with(name, dtype, 24)), gpt2) << safetensors::name_of(dtype);
  for (const char* name :
       {"model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"})
    EXPECT_EQ(hash_of("qwen2", with(name, f16, 4)), qwen2);
}

TEST(HubWeights, HalvesBecomeTheirExactNumbers) {
  const auto value = [](uint16_t half) {
    const TestFolder temporary;
    File weights = safetensors::read(reference("gpt2") / "model.safetensors");
    safetensors::Array& a = weights.arrays.at("ln_f.bias");
    const std::vector<uint16_t> halves(16, half);
    const auto bytes = std::as_bytes(std::span(halves));
    a.dtype = safetensors::Dtype::f16;
    a.bytes.assign(bytes.begin(), bytes.end());
    safetensors::write(temporary.path() / "model.safetensors", weights);
    fs::copy_file(reference("gpt2") / "config.json", temporary.path() / "config.json");
    const HubFolder folder = load_hub_folder(temporary.path());
    return folder.model.array("ln_final.bias", 0)[3];
  };
  EXPECT_EQ(value(0x3c00), 1.0F);
  EXPECT_EQ(value(0xc248), -3.140625F);
  EXPECT_EQ(value(0x7bff), 65504.0F);
  EXPECT_EQ(value(0x0400), 0x1p-14F);
  EXPECT_EQ(value(0x0001), 0x1p-24F);
  EXPECT_EQ(value(0x83ff), -1023 * 0x1p-24F);
  EXPECT_TRUE(std::signbit(value(0x8000)));
  EXPECT_EQ(value(0xfc00), -INFINITY);
  EXPECT_TRUE(std::isnan(value(0x7e00)));
}

// The folder's tensors in two files and an index, after something was done to the latter.
std::string sharded(const std::function<void(json&)>& change, std::string* hash = nullptr) {
  const TestFolder temporary;
  const File whole = safetensors::read(reference("qwen2") / "model.safetensors");
  std::vector<File> parts(2);
  json map;
  for (const auto& [name, array] : whole.arrays) {
    const size_t part = name.find("layers.1") == std::string::npos ? 0 : 1;
    parts[part].arrays[name] = array;
    map[name] = fmt::format("model-0000{}-of-00002.safetensors", part + 1);
  }
  json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", map}};
  if (change) change(index["weight_map"]);
  for (const size_t part : {0, 1})
    safetensors::write(
        temporary.path() / fmt::format("model-0000{}-of-00002.safetensors", part + 1), parts[part]);
  atomic_write(temporary.path() / "model.safetensors.index.json", index.dump());
  fs::copy_file(reference("qwen2") / "config.json", temporary.path() / "config.json");
  try {
    const HubFolder folder = load_hub_folder(temporary.path());
    if (hash) *hash = weights_hash(folder.model[0]);
    EXPECT_EQ(hub_model_files(temporary.path()),
              (std::vector<std::string>{"config.json", "model.safetensors.index.json",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors"}));
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(HubShards, AreTheWholeModel) {
  std::string hash;
  EXPECT_EQ(sharded(nullptr, &hash), "");
  EXPECT_EQ(hash, hash_of("qwen2", kNothing));
}

TEST(HubShards, SayWhereIndexAndPartsDisagree) {
  const auto expect = [](const std::function<void(json&)>& change, const std::string& part) {
    const std::string said = sharded(change);
    EXPECT_NE(said.find(part), std::string::npos) << "'" << said << "' lacks '" << part << "'";
  };
  expect([](json& m) { m.erase("model.norm.weight"); },
         "model-00001-of-00002.safetensors holds 'model.norm.weight', which is not listed");
  expect([](json& m) { m["x"] = "model-00001-of-00002.safetensors"; },
         "'x' is listed in model-00001-of-00002.safetensors, which does not hold it");
  expect([](json& m) { m["model.norm.weight"] = "model-00002-of-00002.safetensors"; },
         "which is listed in model-00002");
  expect([](json& m) { m["x"] = "none.safetensors"; }, "none.safetensors");
  expect([](json& m) { m["x"] = "../model.safetensors"; }, "expected a safetensors file in the same");
  const TestFolder empty;
  fs::copy_file(reference("gpt2") / "config.json", empty.path() / "config.json");
  atomic_write(empty.path() / "pytorch_model.bin", "");
  try {
    hub_model_files(empty.path());
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("there is a pytorch_model.bin"), std::string::npos);
  }
}

TEST(HubConfig, KnowsBothFormsOfRotaryPositions) {
  const TestFolder temporary;
  const auto base = [&](const json& changes) {
    auto config = json::parse(read_file(reference("qwen2") / "config.json"));
    config.erase("rope_theta");
    config.update(changes);
    atomic_write(temporary.path() / "config.json", config.dump());
    return read_hub_config(temporary.path() / "config.json").options.rotary_base;
  };
  EXPECT_EQ(base(json::object()), 10'000);
  EXPECT_EQ(base({{"rope_theta", 5e5}}), 5e5);
  EXPECT_EQ(base({{"rope_theta", 5e5}, {"rope_scaling", {{"rope_type", "default"}}}}), 5e5);
  EXPECT_EQ(base({{"rope_theta", 5e5}, {"rope_scaling", {{"type", "default"}}}}), 5e5);
  EXPECT_EQ(base({{"rope_theta", 1e4}, {"rope_parameters", {{"rope_theta", 5e5}}}}), 5e5);
  EXPECT_EQ(base({{"layer_types", {"full_attention", "full_attention"}}}), 10'000);
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
  for (const char* name : {"rope_scaling", "rope_parameters"})
    for (const char* type : {"type", "rope_type"})
      expect_refusal("qwen2",
                     fmt::format("\"{}\": \"{}\" is \"yarn\", which is not supported", name, type),
                     set(name, json{{type, "yarn"}}));
  expect_refusal("qwen2", "\"partial_rotary_factor\" is 0.5",
                 set("rope_parameters", json{{"partial_rotary_factor", 0.5}}));
  expect_refusal("qwen2", "\"rope_theta\" is 2 in \"rope_scaling\" and 3", [](File&, json& c) {
    c["rope_scaling"]["rope_theta"] = 2;
    c["rope_parameters"]["rope_theta"] = 3;
  });
  expect_refusal("qwen2", "layer 1 has \"sliding_attention\" attention by \"layer_types\"",
                 set("layer_types", json{"full_attention", "sliding_attention"}));
  expect_refusal("qwen2", "expected a kind of attention for each of 2 layers",
                 set("layer_types", json{"full_attention"}));
  expect_refusal("gpt2", "\"scale_attn_by_inverse_layer_idx\" is true",
                 set("scale_attn_by_inverse_layer_idx", true));
  expect_refusal("gpt2", "\"add_cross_attention\" is true", set("add_cross_attention", true));
  expect_refusal("gpt2", "\"quantization_config\" is {\"bits\":4}",
                 set("quantization_config", json{{"bits", 4}}));
  expect_refusal("gpt_neo", "\"auto_map\"", set("auto_map", json{{"AutoModel", "x.Y"}}));
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
