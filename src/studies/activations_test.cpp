// Looking inside: activations read from any model at any checkpoint, patched, steered and frozen,
// in evaluations and in training.
#include "studies/activations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/test_folder.h"
#include "lab/checkpoint.h"
#include "lab/inference.h"
#include "lab/test_support.h"
#include "nn/transformer.h"
#include "ops/shape_ops.h"
#include "weights/arrays.h"

namespace omni {
namespace {

using testing::ToyBench;

constexpr int64_t kRows = 5, kLength = 7, kWords = 13;

TransformerOptions tiny() {
  TransformerOptions o;
  o.vocabulary = kWords;
  o.context = kLength;
  o.layers = 2;
  o.width = 16;
  o.heads = 4;
  o.weight = init::normal(0, 0.3);
  return o;
}

Ensemble three() {
  Ensemble e(transformer_parameters(tiny()), 3);
  for (int64_t i = 0; i < 3; ++i) e.initialise(i, Key::of(static_cast<uint64_t>(i)));
  return e;
}

// "x": one text per row. "other": texts of which all tokens differ.
DataTable texts() {
  DataTable tables;
  for (const auto& [name, shift] : {std::pair{"x", 0}, std::pair{"other", 5}}) {
    const auto owner = std::make_shared<std::vector<int32_t>>();
    for (int64_t i = 0; i < kRows * kLength; ++i)
      owner->push_back(static_cast<int32_t>((i * i + shift) % kWords));
    tables[name] = {{DType::i32, {kRows, kLength}}, owner->data(), name, owner};
  }
  return tables;
}

struct OnTexts : LoneTrial {
  OnTexts() { trial.add_tables(texts()); }
};

Reading reading(std::vector<std::string> names, const std::string& table = "x") {
  return {[table](Step& s, Net& net) { transformer(net, s.rows(table), tiny()); }, kRows,
          std::move(names)};
}

bool equal_bits(const Activation& a, const Activation& b) {
  return a.shape == b.shape &&
         std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(float)) == 0;
}

const std::vector<std::string> kNames = {"hook_embed",
                                         "hook_pos_embed",
                                         "blocks.0.hook_resid_pre",
                                         "blocks.0.ln1.hook_normalized",
                                         "blocks.0.attn.hook_q",
                                         "blocks.0.attn.hook_pattern",
                                         "blocks.1.attn.hook_z",
                                         "blocks.1.hook_attn_out",
                                         "blocks.1.hook_resid_mid",
                                         "blocks.1.mlp.hook_pre",
                                         "blocks.1.mlp.hook_post",
                                         "blocks.1.hook_mlp_out",
                                         "blocks.1.hook_resid_post",
                                         "ln_final.hook_normalized",
                                         "logits"};

TEST(Activations, HaveTheirShapes) {
  OnTexts here;
  const Ensemble e = three();
  const Activations all = read_activations(here.trial, reading(kNames), e[0]);
  EXPECT_EQ(all.size(), kNames.size());
  EXPECT_EQ(all.at("hook_pos_embed").shape, (Shape{kLength, 16}));
  EXPECT_EQ(all.at("blocks.0.attn.hook_pattern").shape, (Shape{kRows, 4, kLength, kLength}));
  EXPECT_EQ(all.at("blocks.1.mlp.hook_pre").shape, (Shape{kRows, kLength, 64}));
  for (const auto& [name, a] : all)
    EXPECT_EQ(static_cast<int64_t>(a.values.size()), a.shape.count()) << name;
  // Of a residual stream the parts add up.
  const auto at = [&](const char* name) { return all.at(name).values[17]; };
  EXPECT_EQ(at("blocks.1.hook_resid_post"),
            at("blocks.1.hook_resid_mid") + at("blocks.1.hook_mlp_out"));
}

TEST(Activations, PatchedWithItsOwnValuesARunKeepsItsBits) {
  OnTexts here;
  const Ensemble e = three();
  for (int64_t model = 0; model < 3; ++model) {
    const Activations own = read_activations(here.trial, reading(kNames), e[model]);
    here.trial.add_tables(tables_of(own, fmt::format("own{}", model)));
    for (const std::string& name : kNames) {
      for (const bool some : {false, true}) {
        Reading patched = reading({"logits"});
        patched.changes = [&](Step& s) -> std::vector<Intervention> {
          const std::string table = fmt::format("own{}/{}", model, name);
          const Value values = name == "hook_pos_embed" ? s.table(table) : s.rows(table);
          if (!some) return {patch(name, values)};
          const int64_t rows = name.ends_with("pattern") ? kLength : values.dim(-2);
          return {patch(name, values, at_positions(s.graph(), rows, {1, -1}))};
        };
        EXPECT_TRUE(equal_bits(read_activations(here.trial, patched, e[model]).at("logits"),
                               own.at("logits")))
            << name << (some ? " at two positions" : "");
      }
    }
  }
}

TEST(Activations, ADonorsLastResidualsGiveTheDonorsLogits) {
  OnTexts here;
  const Ensemble e = three();
  const std::string name = "blocks.1.hook_resid_post";
  const Activations host = read_activations(here.trial, reading({"logits"}), e[0]);
  const Activations donor = read_activations(here.trial, reading({name, "logits"}, "other"), e[0]);
  here.trial.add_tables(tables_of(donor, "donor"));
  Reading patched = reading({"logits"});
  patched.changes = [&](Step& s) { return std::vector{patch(name, s.rows("donor/" + name))}; };
  EXPECT_TRUE(
      equal_bits(read_activations(here.trial, patched, e[0]).at("logits"), donor.at("logits")));
  // At some positions: theirs there, the host's elsewhere.
  patched.changes = [&](Step& s) {
    const Value mask = at_positions(s.graph(), kLength, {0, 3});
    return std::vector{patch(name, s.rows("donor/" + name), mask)};
  };
  const Activation mixed = read_activations(here.trial, patched, e[0]).at("logits");
  for (int64_t i = 0; i < mixed.shape.count(); ++i) {
    const int64_t position = i / kWords % kLength;
    const Activations& from = position == 0 || position == 3 ? donor : host;
    EXPECT_EQ(mixed.values[static_cast<size_t>(i)],
              from.at("logits").values[static_cast<size_t>(i)]);
  }
}

TEST(Activations, SteeringAddsADirection) {
  OnTexts here;
  const Ensemble e = three();
  const std::string name = "blocks.0.hook_resid_post";
  const auto direction = std::make_shared<std::vector<float>>(16, 0.5F);
  here.trial.add_tables({{"direction", {{DType::f32, {16}}, direction->data(), "d", direction}}});
  const Activations plain = read_activations(here.trial, reading({name, "logits"}), e[1]);
  const auto steered = [&](double coefficient, bool as_value) {
    Reading r = reading({name, "logits"});
    r.changes = [=](Step& s) {
      const Value number = constant(s.graph(), coefficient) + s.table("zero");
      const Scalar c = as_value ? Scalar(number) : Scalar(coefficient);
      return std::vector{steer(name, s.table("direction"), c)};
    };
    return read_activations(here.trial, r, e[1]);
  };
  const auto zero = std::make_shared<std::vector<float>>(1, 0.F);
  here.trial.add_tables({{"zero", {{DType::f32, {}}, zero->data(), "0", zero}}});
  for (const bool as_value : {false, true}) {
    EXPECT_TRUE(equal_bits(steered(0, as_value).at("logits"), plain.at("logits")));
    const Activations moved = steered(4, as_value);
    for (size_t i = 0; i < moved.at(name).values.size(); ++i)
      EXPECT_EQ(moved.at(name).values[i], plain.at(name).values[i] + 2);
    EXPECT_FALSE(equal_bits(moved.at("logits"), plain.at("logits")));
  }
}

TEST(Activations, AblationPutsInAConstant) {
  OnTexts here;
  const Ensemble e = three();
  Reading r =
      reading({"blocks.0.hook_attn_out", "blocks.0.hook_resid_pre", "blocks.0.hook_resid_mid"});
  r.changes = [](Step& s) {
    return std::vector{patch("blocks.0.hook_attn_out", constant(s.graph(), 0))};
  };
  const Activations all = read_activations(here.trial, r, e[2]);
  EXPECT_EQ(std::ranges::count(all.at("blocks.0.hook_attn_out").values, 0.F), kRows * kLength * 16);
  EXPECT_TRUE(equal_bits(all.at("blocks.0.hook_resid_pre"), all.at("blocks.0.hook_resid_mid")));
}

TEST(Activations, OfAnyModelOfAnEnsembleAndOfACheckpoint) {
  OnTexts here;
  const TestFolder folder;
  const Ensemble e = three();
  std::vector<Activations> of_model;
  for (int64_t i = 0; i < 3; ++i) {
    of_model.push_back(read_activations(here.trial, reading(kNames), e[i]));
    const int64_t only[] = {i};
    const Ensemble alone = e.select(only);
    save_ensemble(folder.path() / "model.safetensors", alone);
    PhaseResult done;
    done.sets.emplace("model", alone.clone());
    done.kept.push_back(PhaseSnapshot{.round = 3});
    done.kept.back().sets.emplace("model", alone.clone());
    write_checkpoint(folder.path() / "phase.safetensors", done);
    const Ensemble saved = load_ensemble(folder.path() / "model.safetensors");
    const auto progress =
        read_checkpoint(folder.path() / "phase.safetensors", {{"model", e.specs()}});
    ASSERT_TRUE(progress);
    for (const Ensemble* copy : {&alone, &saved, &progress->reached.at(3).sets.at("model")})
      for (const auto& [name, a] : read_activations(here.trial, reading(kNames), (*copy)[0]))
        EXPECT_TRUE(equal_bits(a, of_model.back().at(name))) << name << " of model " << i;
  }
  EXPECT_FALSE(equal_bits(of_model[0].at("logits"), of_model[1].at("logits")));
}

TEST(Activations, MisspeltNamesGetTheNearest) {
  OnTexts here;
  const Ensemble e = three();
  const auto refused = [&](const Reading& r, const std::string& part) {
    try {
      read_activations(here.trial, r, e[0]);
      ADD_FAILURE() << part;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused(reading({"blocks.0.hook_resid_pots"}), "did you mean \"blocks.0.hook_resid_post\"");
  refused(reading({}), "no names");
  Reading r = reading({"logits"});
  r.changes = [](Step&) { return std::vector{freeze("blocks.0.hook_mlp_aut")}; };
  refused(r, "did you mean \"blocks.0.hook_mlp_out\"");
  r.changes = [](Step& s) {
    return std::vector{patch("logits", broadcast_to(constant(s.graph(), 0), {2, kRows, 1, 1}))};
  };
  refused(r, "'model/logits'");
  r.changes = [](Step& s) {
    return std::vector{
        patch("logits", constant(s.graph(), 0), at_positions(s.graph(), kLength, {kLength}))};
  };
  refused(r, "position 7 of a length of 7");
}

// The toy's evaluation with a list of changes.
Measured toy_logits_of(Trial& t, const Ensemble& model, const std::vector<Intervention>& changes) {
  return t.evaluate(
      [&](Step& s) {
        Net net = s.net("model");
        intervene(net, changes);
        s.graph().result("logits", testing::toy_logits(net, s.rows("test.x")));
      },
      testing::kToyTest, {{"model", &model}});
}

TEST(Activations, TrialsNoticeMisspeltHooks) {
  ToyBench bench;
  const Ensemble start = testing::toy_model(*bench.trial);
  EXPECT_NO_THROW(toy_logits_of(*bench.trial, start, {freeze("layers.0.hook_pre")}));
  EXPECT_THROW(toy_logits_of(*bench.trial, start, {freeze("layers.9.hook_pre")}), UserError);
  Training p = testing::toy_training(*bench.trial, start);
  p.probe = Probe{.build =
                      [](Step& s) {
                        Net net = s.net("model");
                        intervene(net, {freeze("layers.9.hook_pre")});
                        testing::toy_logits(net, s.rows("test.x"));
                      },
                  .rows = testing::kToyTest,
                  .at = {1}};
  EXPECT_THROW(bench.trial->train(p), UserError);
}

// The toy trained with these changes: its weights.
uint64_t trained_hash(const std::function<std::vector<Intervention>(Step&)>& changes,
                      Ensemble* weights = nullptr) {
  ToyBench bench;
  const Ensemble start = testing::toy_model(*bench.trial);
  Training p = testing::toy_training(*bench.trial, start);
  p.build = [&](Step& s) {
    Net net = s.net("model");
    intervene(net, changes(s));
    const Value loss =
        cross_entropy(testing::toy_logits(net, s.rows("train.x")), s.rows("train.y"));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  };
  Trained t = bench.trial->train(p);
  if (weights) *weights = std::move(t.model);
  return weights_hash(weights ? (*weights)[0] : t.model[0]);
}

TEST(Activations, TrainingUnderInterventions) {
  const auto none = [](Step&) { return std::vector<Intervention>{}; };
  Ensemble plain({{"w", {1}, init::zeros()}}, 1), frozen = plain.clone();
  const uint64_t usual = trained_hash(none, &plain);
  EXPECT_EQ(trained_hash([](Step& s) {
              return std::vector{steer("layers.0.hook_post", constant(s.graph(), 1), 0.0)};
            }),
            usual);
  EXPECT_NE(trained_hash([](Step& s) {
              return std::vector{steer("layers.0.hook_post", constant(s.graph(), 1), 1.0)};
            }),
            usual);
  ToyBench bench;
  const Ensemble start = testing::toy_model(*bench.trial);
  trained_hash([](Step&) { return std::vector{freeze("layers.0.hook_pre")}; }, &frozen);
  const auto same = [&](const Ensemble& e, const char* name) {
    return std::ranges::equal(e.array(name, 0), start.array(name, 0));
  };
  EXPECT_TRUE(same(frozen, "layers.0.weight"));
  EXPECT_FALSE(same(frozen, "layers.1.weight"));
  EXPECT_FALSE(same(plain, "layers.0.weight"));
}

TEST(Activations, MlpAndConvnetHaveNamesToo) {
  Graph g;
  const Value x = input(g, "x", {DType::f32, {2, 8, 8, 1}, 0}, Role::data);
  Net conv(g, "conv"), dense(g, "dense");
  small_convnet(conv, x, 3);
  mlp(dense, flatten(x), {5, 4, 3});
  EXPECT_EQ(conv.value("conv.0.hook_pre").shape(), (Shape{2, 8, 8, 16}));
  EXPECT_EQ(conv.value("conv.1.hook_post").shape(), (Shape{2, 4, 4, 32}));
  EXPECT_EQ(conv.value("conv.1.hook_pooled").shape(), (Shape{2, 2, 2, 32}));
  EXPECT_EQ(dense.value("layers.1.hook_pre").shape(), (Shape{2, 4}));
  EXPECT_EQ(dense.value("layers.1.hook_post").shape(), (Shape{2, 4}));
  EXPECT_EQ(dense.value("logits").shape(), (Shape{2, 3}));
}

}  // namespace
}  // namespace omni
